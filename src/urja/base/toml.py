"""TOML written by people: whatever is wrong with a text is one error with a sentence."""

import tomllib
from collections.abc import Callable
from importlib import resources


class TomlError(ValueError):
    """A text that is not TOML, or that cannot be meant."""


def loads(text: str, *, parse_float: Callable[[str], object] = float) -> dict[str, object]:
    """Return the tables of a text. Raises TomlError, where the standard library's parser raises several errors."""
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except RecursionError:
        raise TomlError("lists or tables are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)) from error
    except ValueError:
        # Python converts no integer of more than 4300 digits (CVE-2020-10735).
        raise TomlError("a number has too many digits") from None


def shipped(package: str, folder: str) -> dict[str, str]:
    """Return the TOML texts that ship in a folder of a package, by file name."""
    found = (resources.files(package) / folder).iterdir()
    return {
        item.name: item.read_text("utf-8")
        for item in sorted(found, key=lambda item: item.name)
        if item.name.endswith(".toml")
    }
