"""Locks on rows of the ledger that last until the transaction ends.

The order is bills (`billing.arrears.lock_dues`), bucket, account, as when a recharge with its share is posted: in
another order two transactions can wait for each other.
"""

from django.db import connection


def lock_bucket(bucket: int) -> int:
    """Lock a bucket against other postings, and return the number of its last batch.

    For a caller that reads the ledger, calculates a difference and posts it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO books_bucket (bucket, last_batch) VALUES (%s, 0) ON CONFLICT DO NOTHING", [bucket]
        )
        cursor.execute("SELECT last_batch FROM books_bucket WHERE bucket = %s FOR NO KEY UPDATE", [bucket])
        (last_batch,) = cursor.fetchone()
    return int(last_batch)


def lock_account(account_id: int) -> None:
    """Lock an account against postings and against the recording of credits."""
    with connection.cursor() as cursor:
        # FOR UPDATE and not NO KEY: the row of a new credit refers to the account and takes KEY SHARE on it,
        # and it has to wait until this transaction has decided.
        cursor.execute("SELECT FROM books_account WHERE id = %s FOR UPDATE", [account_id])
