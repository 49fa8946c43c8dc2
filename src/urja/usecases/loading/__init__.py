"""Whole files loaded into the registry and exported again: `urja import`, `urja export` (docs/loading.md).

This module needs no database: kinds of file and maps of columns. `loader` loads a file, `exporting` writes one.
"""

from urja.usecases.loading.column_map import Map, MappingFileError, as_toml, canonical, parse
from urja.usecases.loading.kinds import KINDS, Field, Kind
from urja.usecases.loading.row_files import FileFormatError
from urja.usecases.loading.staging import Fault

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
