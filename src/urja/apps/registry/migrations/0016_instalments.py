"""A plan of instalments by which arrears are paid off, one at a time for an account."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Func, Q, Value

_FOLLOWED = """
CREATE TRIGGER registry_remember AFTER UPDATE OR DELETE ON registry_instalment_plan
    FOR EACH ROW EXECUTE FUNCTION registry_remember();
CREATE TRIGGER supply_instalments_changed AFTER INSERT OR UPDATE OR DELETE ON registry_instalment_plan
    FOR EACH ROW EXECUTE FUNCTION supply_registry_changed();
"""

_REVERSE = """
DROP TRIGGER supply_instalments_changed ON registry_instalment_plan;
DROP TRIGGER registry_remember ON registry_instalment_plan;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0015_own"),
        ("ledger", "0009_arrears"),
        ("supply", "0006_registry"),
    ]

    operations = [
        migrations.CreateModel(
            name="InstalmentPlan",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "every",
                    models.CharField(choices=[("day", "Day"), ("month", "Month")], max_length=8),
                ),
                ("amount_minor", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instalment_plans",
                        to="ledger.account",
                    ),
                ),
            ],
            options={
                "db_table": "registry_instalment_plan",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                        name="registry_instalment_plan_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=Q(amount_minor__gt=0), name="registry_instalment_amount"
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            (Func(F("account"), F("account"), Value("[]"), function="int8range"), "&&"),
                            (
                                Func(
                                    F("valid_from"),
                                    F("valid_to"),
                                    django.contrib.postgres.fields.ranges.RangeBoundary(),
                                    function="tstzrange",
                                    output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="registry_one_instalment_plan",
                    ),
                ],
            },
        ),
        migrations.RunSQL(_FOLLOWED, _REVERSE),
    ]
