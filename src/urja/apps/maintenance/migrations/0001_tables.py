"""Maintenance accounts and dues."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("books", "0004_maintenance_accounts"), ("network", "0002_rules")]

    operations = [
        migrations.CreateModel(
            name="MaintenanceAccount",
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
                (
                    "electricity",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
            ],
            options={"db_table": "maintenance_account"},
        ),
        migrations.CreateModel(
            name="MaintenanceDue",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("month", models.DateField()),
                ("name", models.CharField(max_length=60)),
                ("amount_minor", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dues",
                        to="maintenance.maintenanceaccount",
                    ),
                ),
                (
                    "premise",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="network.premise"
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
            ],
            options={
                "db_table": "maintenance_due",
                "indexes": [models.Index(fields=["account", "month"], name="maintenance_due_of")],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("service_point"),
                        models.F("month"),
                        django.db.models.functions.text.Lower("name"),
                        name="maintenance_one_due_of_a_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="maintenance_due_amount"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("month__day", 1)), name="maintenance_due_month"
                    ),
                ],
            },
        ),
    ]
