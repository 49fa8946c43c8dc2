"""Orders that change the payment mode of many agreements."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contracts", "0006_loads"),
    ]

    operations = [
        migrations.CreateModel(
            name="ModeChange",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "payment_mode",
                    models.CharField(
                        choices=[("prepaid", "Prepaid"), ("postpaid", "Postpaid")], max_length=16
                    ),
                ),
                ("effective_on", models.DateField()),
                ("effective_at", models.DateTimeField()),
                ("spares_from_at", models.DateTimeField(null=True)),
                ("spared_at", models.DateTimeField(null=True)),
                ("arguments", models.JSONField(default=dict)),
                ("reason", models.TextField()),
                ("actor", models.CharField(max_length=100)),
                ("asked_at", models.DateTimeField()),
                ("agreements", models.IntegerField()),
                ("stopped_at", models.DateTimeField(null=True)),
                ("stopped_by", models.CharField(blank=True, default="", max_length=100)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "contracts_mode_change",
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["id"],
                        name="contracts_mode_change_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("agreements__gt", 0)), name="contracts_mode_change_has_rows"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("payment_mode", "postpaid"), ("spares_from_at__isnull", False)),
                            models.Q(("payment_mode", "prepaid"), ("spares_from_at", None)),
                            _connector="OR",
                        ),
                        name="contracts_mode_change_spares",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModeChangeRow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("position", models.IntegerField()),
                ("named", models.CharField(max_length=64)),
                ("account_id", models.BigIntegerField(null=True)),
                ("service_point_id", models.BigIntegerField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("left", "Left"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("told_at", models.DateTimeField(null=True)),
                ("operation_id", models.BigIntegerField(null=True)),
                ("result", models.JSONField(default=dict)),
                ("detail", models.JSONField(default=str)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "agreement",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="contracts.agreement",
                    ),
                ),
                (
                    "mode_change",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rows",
                        to="contracts.modechange",
                    ),
                ),
            ],
            options={
                "db_table": "contracts_mode_change_row",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["mode_change", "position"],
                        name="contracts_mode_change_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["account_id"],
                        name="contracts_mode_change_account",
                    ),
                    models.Index(fields=["service_point_id"], name="contracts_mode_change_place"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("mode_change", "position"), name="contracts_mode_change_one_position"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("agreement",),
                        name="contracts_mode_change_one_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state", "waiting")),
                            models.Q(
                                models.Q(("state", "waiting"), _negated=True), ("ended_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="contracts_mode_change_ended",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("account_id__isnull", False),
                                ("agreement__isnull", False),
                                ("service_point_id__isnull", False),
                            ),
                            ("state", "refused"),
                            _connector="OR",
                        ),
                        name="contracts_mode_change_names_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            ("operation_id__isnull", False),
                            _connector="OR",
                        ),
                        name="contracts_mode_change_done_by",
                    ),
                ],
            },
        ),
    ]
