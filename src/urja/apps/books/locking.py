"""Locks on rows of the ledger that last until the transaction ends.

The order is bills (`billing.arrears.lock_dues`), bucket, account, as when a recharge with its share is posted: in
another order two transactions can wait for each other.
"""

from collections.abc import Collection
from typing import Final

from django.db import connection

# Only those that are missing: to insert beside a row that another transaction changes waits for that transaction.
_OPEN: Final = """
INSERT INTO books_bucket (bucket, last_batch)
SELECT n, 0 FROM unnest(%s::smallint[]) n WHERE NOT EXISTS (SELECT FROM books_bucket WHERE bucket = n) ON CONFLICT DO NOTHING
"""


class BusyBucketError(Exception):
    """Another transaction posts in the bucket: what was to be posted without waiting is left to a later run."""


def open_buckets(buckets: Collection[int]) -> None:
    """Make the rows of buckets that have none.

    Before a transaction that takes long: others wait for a row that it makes, and cannot pass it by.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [list(buckets)])


def lock_bucket(bucket: int) -> int:
    """Lock a bucket against other postings, and return the number of its last batch.

    For a caller that reads the ledger, calculates a difference and posts it.
    """
    open_buckets([bucket])
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_batch FROM books_bucket WHERE bucket = %s FOR NO KEY UPDATE", [bucket])
        (last_batch,) = cursor.fetchone()
    return int(last_batch)


def lock_idle_bucket(bucket: int) -> bool:
    """Lock an opened bucket against other postings as `lock_bucket` does; return False where another transaction has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM books_bucket WHERE bucket = %s FOR NO KEY UPDATE SKIP LOCKED", [bucket])
        return cursor.fetchone() is not None


def lock_account(account_id: int) -> None:
    """Lock an account against postings and against the recording of credits."""
    with connection.cursor() as cursor:
        # FOR UPDATE and not NO KEY: the row of a new credit refers to the account and takes KEY SHARE on it,
        # and it has to wait until this transaction has decided.
        cursor.execute("SELECT FROM books_account WHERE id = %s FOR UPDATE", [account_id])
