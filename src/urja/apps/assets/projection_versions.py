"""Versions of meters' entries in the broker's key-value store: marking entries as due to be written.

Separate from `operations`, because queries and keys use it too.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from django.db import connection

_CLOCK: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_NEXT: Final = f"greatest(assets_projection.version, assets_projection.projected_version, {_CLOCK}) + 1"
"""SQL for the next version of an entry: greater than all before, and not behind the clock.

A head end accepts no version at or below the highest that it has seen. By following the clock, a row that was
restored from a backup, or deleted and created again, still goes beyond what it had reached before.
"""


def mark_due_sql(devices: str) -> str:
    """Return a statement that marks the entries of devices as due.

    `devices` is SQL that can stand after FROM and has the devices' `id`.
    """
    return f"""
        INSERT INTO assets_projection (device_id, version, projected_version) SELECT id, {_CLOCK}, 0 FROM {devices}
        ON CONFLICT (device_id) DO UPDATE SET version = {_NEXT}
    """  # noqa: S608 - callers pass constants of their own


def mark_due(device_ids: Iterable[int]) -> None:
    """Mark the entries of these devices as due, also of devices that had none."""
    with connection.cursor() as cursor:
        cursor.execute(mark_due_sql("assets_device WHERE id = ANY(%s)"), [list(device_ids)])


def mark_written_due(device_ids: Sequence[int] | None = None) -> int:
    """Mark existing entries as due, of these devices or of all; return how many."""
    ids = None if device_ids is None else list(device_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE assets_projection SET version = {_NEXT} WHERE %s::bigint[] IS NULL OR device_id = ANY(%s)",  # noqa: S608 - constants
            [ids, ids],
        )
        return int(cursor.rowcount)
