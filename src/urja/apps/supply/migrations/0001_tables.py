"""Orders, holds and decisions of supply, and restores of the data."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("books", "0001_tables"),
        ("network", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "service_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="network.servicepoint",
                    ),
                ),
                (
                    "action",
                    models.CharField(choices=[("hold", "Hold"), ("release", "Release")], max_length=16),
                ),
                ("hold", models.CharField(max_length=16)),
                ("note", models.TextField(blank=True, default="")),
                ("actor", models.CharField(max_length=100)),
                ("requested_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("applied_at", None)), fields=["id"], name="supply_order_waiting"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("applied_at__isnull", False),
                            (
                                "hold__in",
                                ("ended", "overload", "relay_test", "request", "safety", "tamper", "vacant"),
                            ),
                            _connector="OR",
                        ),
                        name="supply_order_known_reason",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "service_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="network.servicepoint",
                    ),
                ),
                ("reason", models.CharField(max_length=16)),
                ("placed_at", models.DateTimeField()),
                ("placed_by", models.CharField(max_length=100)),
                ("note", models.TextField(blank=True, default="")),
                ("released_at", models.DateTimeField(null=True)),
                ("released_by", models.CharField(blank=True, default="", max_length=100)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at", None)),
                        fields=("service_point", "reason"),
                        name="supply_hold_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("released_at__isnull", False),
                            (
                                "reason__in",
                                [
                                    "credit",
                                    "ended",
                                    "overload",
                                    "relay_test",
                                    "request",
                                    "safety",
                                    "tamper",
                                    "vacant",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="supply_hold_known_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="State",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="books.account",
                    ),
                ),
                ("service_point_id", models.BigIntegerField(db_index=True)),
                ("agreement_id", models.BigIntegerField()),
                (
                    "standing",
                    models.CharField(
                        choices=[
                            ("fine", "fine"),
                            ("warned", "warned"),
                            ("emergency", "emergency"),
                            ("grace", "grace"),
                            ("protected", "protected"),
                            ("to_be_cut", "to_be_cut"),
                            ("cut", "cut"),
                            ("suspended", "suspended"),
                        ],
                        max_length=16,
                    ),
                ),
                ("reason", models.JSONField()),
                ("decided_at", models.DateTimeField()),
                ("since_at", models.DateTimeField()),
                ("look_again_at", models.DateTimeField(null=True)),
                ("policy", models.CharField(max_length=130)),
                ("supply", models.CharField(max_length=8)),
                ("balance_minor", models.BigIntegerField()),
                ("limit_minor", models.BigIntegerField()),
                ("as_of_at", models.DateTimeField(null=True)),
                ("planned_from_at", models.DateTimeField(null=True)),
                ("planned_to_at", models.DateTimeField(null=True)),
                ("below_cut_since", models.DateTimeField(null=True)),
                ("paid_first_at", models.DateTimeField(null=True)),
                ("paid_due_minor", models.BigIntegerField(null=True)),
                ("seen_seq", models.BigIntegerField()),
                ("seen_watermark_at", models.DateTimeField(null=True)),
                ("seen_energy_wh", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_again_at__isnull", False)),
                        fields=["look_again_at"],
                        name="supply_state_due",
                    ),
                    models.Index(
                        condition=models.Q(("planned_from_at__isnull", False)),
                        fields=["planned_from_at"],
                        name="supply_state_planned",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
                ("decided_at", models.DateTimeField()),
                ("standing", models.CharField(max_length=16)),
                ("reason", models.JSONField()),
                ("policy", models.CharField(max_length=130)),
                ("balance_minor", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["account", "-id"], name="supply_decision_account")],
            },
        ),
        migrations.CreateModel(
            name="Switching",
            fields=[
                ("command_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=16)),
                (
                    "cause",
                    models.CharField(
                        choices=[("credit", "Credit"), ("hold", "Hold"), ("unheld", "Unheld")], max_length=16
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
                ("service_point_id", models.BigIntegerField()),
                ("transformer", models.CharField(blank=True, default="", max_length=32)),
                ("ordered_at", models.DateTimeField()),
                ("ordered_wall_ms", models.BigIntegerField()),
                ("window_from_at", models.DateTimeField(null=True)),
                ("window_to_at", models.DateTimeField(null=True)),
                ("policy", models.CharField(max_length=130)),
                ("reason", models.JSONField()),
                ("balance_minor", models.BigIntegerField()),
                ("limit_minor", models.BigIntegerField()),
                ("ledger_seq", models.BigIntegerField()),
                ("evidence", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["transformer", "kind", "-ordered_at"], name="supply_switching_transformer"
                    ),
                    models.Index(fields=["account", "-ordered_at"], name="supply_switching_account"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Relight",
            fields=[
                (
                    "credit",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="books.creditrequest",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
                ("paid_at", models.DateTimeField()),
                ("paid_wall_ms", models.BigIntegerField()),
                ("seen_at", models.DateTimeField()),
                ("seen_wall_ms", models.BigIntegerField()),
                ("credited_at", models.DateTimeField(null=True)),
                ("credited_wall_ms", models.BigIntegerField(null=True)),
                ("command_id", models.BigIntegerField(null=True)),
                ("ordered_at", models.DateTimeField(null=True)),
                ("ordered_wall_ms", models.BigIntegerField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(blank=True, default="", max_length=16)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "-paid_at"], name="supply_relight_account"),
                    models.Index(
                        condition=models.Q(("closed_at", None)),
                        fields=["account"],
                        name="supply_relight_open",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Recovery",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("since_at", models.DateTimeField()),
                ("noticed_at", models.DateTimeField()),
                ("why", models.CharField(max_length=200)),
                ("gateway_asked_at", models.DateTimeField(null=True)),
                ("relays_read_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="HealthReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("collection", models.BooleanField()),
                ("payments", models.BooleanField()),
                ("messaging", models.BooleanField()),
                ("figures", models.JSONField(default=dict)),
            ],
            options={
                "db_table": "supply_health",
                "indexes": [models.Index(fields=["-at"], name="supply_health_at")],
            },
        ),
    ]
