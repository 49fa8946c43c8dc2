"""The writing side of the registry. Every operation is one transaction and takes its time and actor as given."""

from urja.apps.registry.operations.adoption import (
    Adopted,
    Adoption,
    Hanging,
    adopt_meter,
    hang_network_meter,
)
from urja.apps.registry.operations.doing import Change, Doing, Operation, changes_of, perform, rehearse
from urja.apps.registry.operations.mounting import InstallMeter, RemoveMeter
from urja.apps.registry.operations.network import PutUpTransformer, put_up_transformer
from urja.apps.registry.operations.projecting import project_all_again

ALL: tuple[type[Operation], ...] = (
    Adoption,
    Hanging,
    InstallMeter,
    PutUpTransformer,
    RemoveMeter,
)
"""Every operation there is: the API, the table of roles and the stage `register` go by it."""

__all__ = [
    "ALL",
    "Adopted",
    "Adoption",
    "Change",
    "Doing",
    "Hanging",
    "InstallMeter",
    "Operation",
    "PutUpTransformer",
    "RemoveMeter",
    "adopt_meter",
    "changes_of",
    "hang_network_meter",
    "perform",
    "project_all_again",
    "put_up_transformer",
    "rehearse",
]
