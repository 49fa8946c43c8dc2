"""Keys of work orders and their photographs."""

from django.db import connection

from urja.base.ids import compose_id


def next_id(bucket: int) -> int:
    """A key that carries the bucket of its place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('work_number')")
        return compose_id(bucket, cursor.fetchone()[0])
