"""Providers of outside services as folders, found by name; the parts of a provider are the modules of its folder.

A name without a dot is a folder that is shipped with Urja. A name with dots (`acme.urja_gateway`) is any Python
package that can be imported, so that a further provider needs no change here.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

import msgspec


class UnknownProviderError(LookupError):
    """No package has this name, or it lacks one of the modules that a provider needs."""


def part(home: str, provider: str, name: str) -> ModuleType:
    """Return the module `name` of a provider; `home` is the package with the shipped providers.

    Raises UnknownProviderError where the provider or this module of it is missing, ModuleNotFoundError where the
    provider itself imports a library that is not installed.
    """
    module = f"{provider if '.' in provider else f'{home}.{provider}'}.{name}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # Only a missing part of the provider's own name is an unknown provider. A library that it imports and that is
        # not installed keeps its own error, or the message would blame the wrong thing.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UnknownProviderError(
            f"{provider!r} is no provider: {error.name} is not found; shipped are {', '.join(shipped(home))}, any other "
            "is the dotted name of a Python package"
        ) from None


def shipped(home: str) -> list[str]:
    """Return the names of the shipped providers in the package `home`."""
    package = importlib.import_module(home)
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg)


def options(home: str, provider: str, given: Mapping[str, object]) -> object:
    """Return a provider's options, checked and built as its `settings.Options`.

    Raises msgspec.ValidationError (a ValueError) that says what is wrong with them, and UnknownProviderError.
    """
    return msgspec.convert(dict(given), part(home, provider, "settings").Options)
