"""The project's imports as one graph, and the contracts of `.importlinter`, to be checked on it or on an altered copy."""

from collections.abc import Iterable
from functools import cache

import grimp
from importlinter import Contract, ContractCheck
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from tests.contracts.tables import ROOT
from tests.contracts.types import OnlyContract, PrivateContract

Import = tuple[str, str]

SETTINGS = ROOT / ".importlinter"

_TYPES = {
    "acyclic_siblings": AcyclicSiblingsContract,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "layers": LayersContract,
    "only": OnlyContract,
    "private": PrivateContract,
}


@cache
def graph() -> grimp.ImportGraph:
    """Who imports whom, libraries included. Alter a copy only."""
    return grimp.build_graph("urja", include_external_packages=True, cache_dir=None)


@cache
def _configuration() -> dict:
    return read_configuration(str(SETTINGS))


def settings() -> dict[str, dict]:
    """The options of each contract, by its id."""
    return {options["id"]: options for options in _configuration()["contracts_options"]}


def contract(options: dict) -> Contract:
    return _TYPES[options["type"]](options["name"], _configuration()["session_options"], options)


def check(name: str, imports: grimp.ImportGraph) -> ContractCheck:
    """The result of one contract, which alters the graph: give a copy of `graph`."""
    return contract(settings()[name]).check(imports, verbose=False)


def breaking(check: ContractCheck) -> Iterable[Import]:
    """What the check of any type of contract names as one import too many."""
    for imports in check.metadata.get("cycle_breakers_by_package", {}).values():
        yield from imports
    for module in check.metadata.get("illegal_imports", ()):
        yield from _links(module.illegal_links)
    yield from _links(check.metadata)


def _links(found: object) -> Iterable[Import]:
    match found:
        case {"importer": importer, "imported": imported, "line_numbers": _}:
            yield importer, imported
        case dict():
            yield from _links([*found.values()])
        case list():
            for part in found:
                yield from _links(part)
        case _:
            pass
