"""Locks on rows of the books, kept until the transaction ends. Who takes both takes the bucket first, as postings do."""

from django.db import connection


def hold_bucket(bucket: int) -> int:
    """Let nothing else post in a bucket: a difference is read, then posted. Returns the number of its last batch."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO books_bucket (bucket, last_batch) VALUES (%s, 0) ON CONFLICT DO NOTHING", [bucket]
        )
        cursor.execute("SELECT last_batch FROM books_bucket WHERE bucket = %s FOR NO KEY UPDATE", [bucket])
        (last_batch,) = cursor.fetchone()
    return int(last_batch)


def hold_account(account_id: int) -> None:
    """Hold an account against postings, and against the recording of a credit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM books_account WHERE id = %s FOR UPDATE", [account_id])
