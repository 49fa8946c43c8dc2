"""Export of the registry as files that `urja import` loads again."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from urja.apps.local_zone import local_zone
from urja.base.keystore import KeyStore
from urja.usecases.loading.cell_formats import Writer
from urja.usecases.loading.column_map import Map, Source
from urja.usecases.loading.row_files import create_file

_AT_ONCE = 5_000
"""Rows fetched at a time."""


def export(the_map: Map, path: Path, *, at: datetime, keys: KeyStore | None = None) -> int:
    """Write a file of a kind with the map's columns, in the order of its key; return the number of rows.

    One statement reads all rows, so the file shows one instant however long it takes. Raises MappingFileError where a
    value has no word in the map's table, OSError where the file cannot be written.
    """
    columns = [source for source in the_map.sources if source.column is not None]
    zone = local_zone()
    writers = [_cell(source, zone, keys) for source in columns]
    count = 0
    with ExitStack() as stack:
        out = stack.enter_context(create_file(path, delimiter=the_map.delimiter, encoding=the_map.encoding))
        for _ in range(1, the_map.header):
            out.row([])
        out.row([source.column for source in columns])
        for row in _rows(the_map, at, columns):
            out.row([write(value) for write, value in zip(writers, row, strict=True)])
            count += 1
    return count


def _cell(source: Source, zone: ZoneInfo, keys: KeyStore | None) -> Writer:
    write = source.writer(zone, keys)
    return lambda value: "" if value is None else write(value)


def _rows(the_map: Map, at: datetime, columns: Sequence[Source]) -> Iterator[Sequence[object]]:
    names = ", ".join(f"e.{source.field.name}" for source in columns)
    # PostgreSQL keeps the order of a subquery below a plain selection of its columns.
    query = f"SELECT {names} FROM ({the_map.kind.exported}) e"  # noqa: S608 - fields of a kind, no file's words
    connection.ensure_connection()
    # A named cursor is read on the server in batches: memory does not grow with the registry.
    with transaction.atomic(), connection.connection.cursor(name="export") as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(query, {"at": at, "system": the_map.system})
        yield from cursor
