"""An index of the few entries that are no ground to disconnect for some time."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("books", "0006_smaller_entries")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX books_entry_not_counted ON books_entry (account_id, posted_at) "
            "WHERE inputs ? 'at_close' OR inputs ? 'clawed_back'",
            "DROP INDEX books_entry_not_counted",
        )
    ]
