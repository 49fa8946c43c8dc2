"""What lies ahead of a supply is kept beside its balance, and what waits to be looked at is found by its account."""

from django.db import migrations

_UP = """
UPDATE supply_state SET figures = NULL, seen_mark = NULL WHERE figures IS NOT NULL;
CREATE INDEX supply_changed_account ON supply_changed (account_id);
"""


class Migration(migrations.Migration):
    dependencies = [("supply", "0007_figures")]

    operations = [migrations.RunSQL(_UP, "DROP INDEX supply_changed_account")]
