"""The key-value store of the broker follows the registry. Apart from the operations: queries and keys need it too."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.db import connection

_CLOCK: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_NEXT: Final = f"greatest(assets_projection.version, assets_projection.projected_version, {_CLOCK}) + 1"
"""The next version of an entry. It follows the clock, as a head end takes none below the highest that it has seen: a row
that was put back from a copy, or deleted and made again, goes beyond what it had reached before.
"""


def anew(devices: str) -> str:
    """The statement that lets the entries of devices follow, given where their ids come from (after FROM)."""
    return f"""
        INSERT INTO assets_projection (device_id, version, projected_version) SELECT id, {_CLOCK}, 0 FROM {devices}
        ON CONFLICT (device_id) DO UPDATE SET version = {_NEXT}
    """  # noqa: S608 - the callers' own statements


def project_anew(device_ids: Iterable[int]) -> None:
    """Let the devices' entries in the key-value store follow."""
    with connection.cursor() as cursor:
        cursor.execute(anew("assets_device WHERE id = ANY(%s)"), [list(device_ids)])


def project_again(device_ids: Sequence[int] | None = None) -> int:
    """Let the entries of these devices, or all, be written anew; how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE assets_projection SET version = {_NEXT} WHERE %s::bigint[] IS NULL OR device_id = ANY(%s)",  # noqa: S608
            [device_ids, device_ids],
        )
        return cursor.rowcount
