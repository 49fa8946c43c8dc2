"""Locks of buckets: the order of the daily close, and recharges beside it."""

from datetime import timedelta

import psycopg
import pytest
from tests.apps import town as town_rows
from tests.apps.determinants.test_rows import CUT, DAY, SECOND, day_of_blocks, load_tariff
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


def test_buckets_are_opened_before_the_first_of_them_is_closed(database, monkeypatch):
    """A row that a close makes in its long transaction holds up every other process that asks for it."""
    from urja.apps.books import locking
    from urja.pipeline.close import close_days

    load_tariff()
    real = locking.lock_idle_bucket
    opened = []
    with database.connect() as connection, database.connect() as other:
        home = adopt(1, bucket=3)
        town_rows.store_blocks(connection, day_of_blocks(home, 0), START + DAY)
        other.execute("DELETE FROM books_bucket")

        def lock_idle_bucket(bucket):
            locked = real(bucket)
            opened.extend(other.execute("SELECT bucket FROM books_bucket").fetchall())
            return locked

        monkeypatch.setattr(locking, "lock_idle_bucket", lock_idle_bucket)
        assert close_days(START + DAY + timedelta(hours=2), CUT).days == 1
    assert opened == [(3,)]


def test_a_process_reads_no_agreement_of_a_bucket_that_another_one_closes(database, monkeypatch):
    from urja.apps.books import locking
    from urja.apps.contracts import queries as contracts
    from urja.pipeline.close import close_days

    load_tariff()
    real, agreements = locking.lock_bucket, contracts.agreements
    read = []
    with database.connect() as connection, database.connect() as holder:
        theirs, own = (
            adopt(number, credit_minor=50_000, bucket=bucket) for number, bucket in ((1, 3), (2, 4))
        )
        for home in (theirs, own):
            town_rows.store_blocks(connection, day_of_blocks(home, 0), START + DAY)
        locking.open_buckets([3])
        holder.autocommit = False
        holder.execute("SELECT FROM books_bucket WHERE bucket = 3 FOR NO KEY UPDATE")

        def lock_bucket(bucket):
            if bucket == 3:
                holder.execute(
                    "INSERT INTO billing_close (agreement_id, closed_through, closed_at, provisional) VALUES (%s, %s, now(), false) ON CONFLICT DO NOTHING",
                    [theirs.agreement_id, SECOND],
                )
                holder.commit()
            return real(bucket)

        monkeypatch.setattr(locking, "lock_bucket", lock_bucket)
        monkeypatch.setattr(contracts, "agreements", lambda ids: read.extend(ids) or agreements(ids))
        assert close_days(START + DAY + timedelta(hours=2), CUT).days == 1
    assert read == [own.agreement_id]


def test_days_of_a_bucket_that_another_process_takes_in_between_are_closed_later(database, monkeypatch):
    from urja.apps.books import locking
    from urja.pipeline.close import close_days

    load_tariff()
    idle = iter([True, False])
    with database.connect() as connection:
        home = adopt(1, credit_minor=50_000, bucket=3)
        for day in (0, 1):
            town_rows.store_blocks(connection, day_of_blocks(home, day), START + 2 * DAY)
    monkeypatch.setattr(locking, "lock_idle_bucket", lambda _: next(idle))
    assert close_days(START + 2 * DAY + timedelta(hours=2), CUT).days == 2


def test_a_recharge_waits_for_no_bucket_that_is_closed_at_the_moment(database):
    from urja.pipeline.decide import Decide

    load_tariff()
    busy, idle = (adopt(number, credit_minor=5_000, bucket=bucket) for number, bucket in ((1, 3), (2, 4)))
    now = START + timedelta(hours=9)
    with database.connect() as connection, database.connect() as closing:

        def balances():
            return [
                connection.execute(
                    "SELECT balance_minor FROM books_account WHERE id = %s", [one.account_id]
                ).fetchone()[0]
                for one in (busy, idle)
            ]

        Decide(60).run_once(now)
        for number, one in enumerate((busy, idle)):
            town_rows.pay(one.account_id, 20_000, f"pay_{number}", now)
        closing.autocommit = False
        closing.execute("SELECT FROM books_bucket WHERE bucket = 3 FOR NO KEY UPDATE")
        Decide(60).run_once(now + timedelta(seconds=1))
        assert balances() == [5_000, 25_000]
        closing.rollback()
        Decide(60).run_once(now + timedelta(seconds=2))
        assert balances() == [25_000, 25_000]


@pytest.mark.parametrize(("kind", "more"), [("credit", {}), ("debit", {"reverses": "adjustment"})])
def test_a_recharge_waits_for_no_bucket_that_is_taken_while_others_are_posted(
    database, monkeypatch, kind, more
):
    """A close may begin in a bucket between the start of the run and the posting there."""
    from django.db import connection as session

    from urja.apps.billing import posting
    from urja.apps.books import operations
    from urja.pipeline.credits import post_credits

    now = START + timedelta(hours=9)
    asked = [adopt(number, credit_minor=50_000, bucket=bucket) for number, bucket in ((1, 3), (2, 4))]
    post_credits(now)
    real = getattr(posting, f"lock_{kind}s")
    with database.connect() as closing:
        for one in asked:
            getattr(operations, f"request_{kind}")(
                account_id=one.account_id,
                amount_minor=20_000,
                kind="adjustment",
                idempotency_key=f"{kind}:{one.account_id}",
                requested_at=now,
                **more,
            )
        closing.autocommit = False

        def lock_requests(bucket, *others):
            if bucket == 3:
                closing.execute("SELECT FROM books_bucket WHERE bucket = 4 FOR NO KEY UPDATE")
            return real(bucket, *others)

        monkeypatch.setattr(posting, f"lock_{kind}s", lock_requests)
        with session.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert post_credits(now, wait=False) == 1
        closing.rollback()
        monkeypatch.undo()
        assert post_credits(now, wait=False) == 1
