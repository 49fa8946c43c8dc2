"""The books of ended agreements: closed with the end that they were closed by, and looked through once a day.

Whoever has no `ended_at` and has ended is looked at by the next run, also what ended before this was kept.
"""

from django.db import migrations

COLUMNS = """
ALTER TABLE ledger_close ADD COLUMN ended_at timestamptz;
CREATE INDEX ledger_close_ended ON ledger_close (agreement_id) WHERE ended_at IS NOT NULL;
ALTER TABLE ledger_bucket ADD COLUMN looked_through date;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_terms")]

    operations = [
        migrations.RunSQL(
            COLUMNS,
            "ALTER TABLE ledger_close DROP COLUMN ended_at; ALTER TABLE ledger_bucket DROP COLUMN looked_through",
        )
    ]
