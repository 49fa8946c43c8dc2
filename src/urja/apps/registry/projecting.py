"""The key-value store of the broker follows the registry. Apart from the operations: queries and keys need it too."""

from collections.abc import Iterable, Sequence

from django.db import connection


def project_anew(device_ids: Iterable[int]) -> None:
    """Let the devices' entries in the key-value store follow."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO registry_projection (device_id, version, projected_version)"
            " SELECT id, 1, 0 FROM registry_device WHERE id = ANY(%s)"
            " ON CONFLICT (device_id) DO UPDATE SET version = registry_projection.version + 1",
            [list(device_ids)],
        )


def project_again(device_ids: Sequence[int]) -> int:
    """Let the entries of these devices be written anew; how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_projection SET version = greatest(version, projected_version) + 1 "
            "WHERE device_id = ANY(%s)",
            [list(device_ids)],
        )
        return cursor.rowcount
