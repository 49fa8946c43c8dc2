"""Whole files come into the registry and go out again: `urja import`, `urja export` (docs/loading.md).

What is here needs no database: kinds of file and maps. `running` loads a file, `exporting` writes one.
"""

from urja.usecases.loading.kinds import KINDS, Field, Kind
from urja.usecases.loading.mapping import Map, MappingFileError, as_toml, canonical, parse
from urja.usecases.loading.staging import Fault
from urja.usecases.loading.tables import FileFormatError

__all__ = [
    "KINDS",
    "Fault",
    "Field",
    "FileFormatError",
    "Kind",
    "Map",
    "MappingFileError",
    "as_toml",
    "canonical",
    "parse",
]
