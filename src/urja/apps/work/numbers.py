"""Ids of work orders and their photographs."""

from django.db import connection

from urja.base.ids import compose_id


def next_id(bucket: int) -> int:
    """Return a new id in the bucket of the service point."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('work_number')")
        return compose_id(bucket, cursor.fetchone()[0])
