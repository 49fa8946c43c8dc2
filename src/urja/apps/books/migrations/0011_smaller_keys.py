"""A smaller key of entries, and room on pages of accounts for the next version of each row."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0010_whole_batches")]

    operations = [
        migrations.RunSQL(
            sql_beside(__file__),
            "ALTER TABLE books_entry DROP CONSTRAINT books_entry_pkey, ADD PRIMARY KEY (bucket, account_id, seq);"
            "ALTER TABLE books_account RESET (fillfactor)",
        )
    ]
