"""How far each agreement is closed, and what each of its periods was last rated from.

Both are heads that move on, not books: entries say what was posted and why.
"""

from django.db import migrations

TABLES = """
CREATE TABLE ledger_close (
    agreement_id bigint PRIMARY KEY,
    closed_through date NOT NULL,
    closed_at timestamptz NOT NULL,
    provisional boolean NOT NULL
) WITH (fillfactor = 70);

-- The energy and the versions that the postings of a period stand on: where they differ from what readings and
-- tariffs say now, a correction is due.
CREATE TABLE ledger_rated (
    agreement_id bigint NOT NULL,
    period_start date NOT NULL,
    billed_first date NOT NULL,
    billed_end date NOT NULL,
    through date NOT NULL,
    energy_wh bigint NOT NULL,
    uses jsonb NOT NULL,
    versions text NOT NULL,
    PRIMARY KEY (agreement_id, period_start)
) WITH (fillfactor = 70);
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_entries")]

    operations = [migrations.RunSQL(TABLES, "DROP TABLE ledger_rated, ledger_close")]
