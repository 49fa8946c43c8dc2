"""Instalments that were posted: one for each due day of a plan, and the entry that has paid it."""

import django.db.models.deletion
from django.db import migrations, models

_ONLY_ADDED = """
CREATE TRIGGER ledger_instalment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_instalment
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_arrears_only_added();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_arrears"), ("registry", "0016_instalments")]

    operations = [
        migrations.CreateModel(
            name="Instalment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seq", models.BigIntegerField()),
                ("due_on", models.DateField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instalments",
                        to="registry.instalmentplan",
                    ),
                ),
            ],
            options={
                "db_table": "ledger_instalment",
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "due_on"), name="ledger_instalment_once"),
                    models.UniqueConstraint(fields=("account", "seq"), name="ledger_instalment_entry"),
                ],
            },
        ),
        migrations.RunSQL(_ONLY_ADDED, "DROP TRIGGER ledger_instalment_append_only ON ledger_instalment"),
    ]
