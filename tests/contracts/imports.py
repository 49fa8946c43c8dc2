"""The project's imports as one graph, and the contracts of `.importlinter`, to be checked on it or on an altered copy."""

from copy import deepcopy
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
    """The result of one contract; a listed import that the graph has not raises `MissingImport`."""
    return contract(settings()[name]).check(deepcopy(imports), verbose=False)
