"""TOML that people have written: whatever is wrong with a text is one error with a sentence."""

import tomllib
from collections.abc import Callable
from typing import Any


class TomlError(ValueError):
    """A text that is not TOML, or that nobody can have meant."""


def loads(text: str, *, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """The tables of a text; raises TomlError, where the parser of the standard library knows other errors too."""
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except RecursionError:
        raise TomlError("lists or tables are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)) from error
    except ValueError:
        # Python converts no integer of more than 4300 digits.
        raise TomlError("a number has too many digits") from None
