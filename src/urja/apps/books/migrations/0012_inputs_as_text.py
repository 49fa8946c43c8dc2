"""Inputs of entries stored as text."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0011_smaller_keys")]

    operations = [
        migrations.RunSQL(
            sql_beside(__file__),
            "DROP INDEX books_entry_not_counted; ALTER TABLE books_entry ALTER COLUMN inputs TYPE jsonb;"
            "CREATE INDEX books_entry_not_counted ON books_entry (account_id, posted_at) "
            "WHERE inputs ? 'at_close' OR inputs ? 'clawed_back'",
        )
    ]
