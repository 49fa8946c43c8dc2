"""The order in which the daily close locks buckets."""

from datetime import timedelta

import psycopg
import pytest
from tests.apps import town as town_rows
from tests.apps.determinants.test_rows import CUT, DAY, day_of_blocks, load_tariff
from tests.apps.town import START, adopt


def test_a_close_inside_a_transaction_locks_buckets_in_ascending_order(database, monkeypatch):
    """`urja verify` runs the stage in one transaction, which keeps each lock: it takes no later bucket before a busy one."""
    from django.db import transaction

    from urja.apps.books import locking
    from urja.pipeline.close import close_days

    load_tariff()
    real = locking.lock_bucket
    asked = []
    with database.connect() as connection, database.connect() as holder, database.connect() as other:
        for number, bucket in ((1, 3), (2, 4)):
            home = adopt(number, credit_minor=50_000, bucket=bucket)
            town_rows.store_blocks(connection, day_of_blocks(home, 0), START + DAY)
        holder.autocommit = False
        holder.execute("SELECT FROM books_bucket WHERE bucket = 3 FOR NO KEY UPDATE")

        def lock_bucket(bucket):
            if not asked:
                with other.transaction():
                    try:
                        other.execute("SELECT FROM books_bucket WHERE bucket = 4 FOR NO KEY UPDATE NOWAIT")
                    except psycopg.errors.LockNotAvailable:
                        pytest.fail("bucket 4 is locked before bucket 3")
                holder.rollback()
            asked.append(bucket)
            return real(bucket)

        monkeypatch.setattr(locking, "lock_bucket", lock_bucket)
        with transaction.atomic():
            assert close_days(START + DAY + timedelta(hours=2), CUT).days == 2
    assert asked[:2] == [3, 4]
