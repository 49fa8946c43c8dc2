"""The key-value store of the broker follows the registry; what is not as written there is written anew."""

from collections.abc import Sequence

from django.db import connection


def project_again(device_ids: Sequence[int]) -> int:
    """Let the entries of these devices be written anew; how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_projection SET version = greatest(version, projected_version) + 1 "
            "WHERE device_id = ANY(%s)",
            [list(device_ids)],
        )
        return cursor.rowcount
