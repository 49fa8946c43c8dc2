"""Outside services as folders: a provider is found by its name, and its parts are the modules of its folder.

A name without a dot is a folder of the package's own; a name with dots (`acme.urja_gateway`) is a Python package anywhere that
Python finds it, so that a provider needs no edit here.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import msgspec


class UnknownProviderError(LookupError):
    """No folder has this name, or it lacks one of its files."""


def part(home: str, provider: str, name: str) -> ModuleType:
    """The module `name` of a provider's folder; `home` is the package that holds the folders we ship."""
    module = f"{provider if '.' in provider else f'{home}.{provider}'}.{name}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # What the provider itself lacks, such as a library, is another fault and is told as it is.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UnknownProviderError(
            f"{provider!r} is no provider: {error.name} is not found; shipped are {', '.join(shipped(home))}, any other "
            "is the dotted name of a Python package"
        ) from None


def shipped(home: str) -> list[str]:
    """The folders that come with Urja."""
    package = importlib.import_module(home)
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg)


def options(home: str, provider: str, given: Mapping[str, Any]) -> Any:
    """The options of a provider as its `settings.Options`; raises ValueError that says what is wrong with them."""
    return msgspec.convert(dict(given), part(home, provider, "settings").Options)
