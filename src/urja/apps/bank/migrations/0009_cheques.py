"""Which entry of a statement proves that the bank has paid a cheque."""

import django.db.models.deletion
from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0008_maintenance"), ("counter", "0002_rules")]

    operations = [
        migrations.CreateModel(
            name="ChequePayment",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="bank.entry",
                    ),
                ),
                (
                    "receipt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="counter.receipt"
                    ),
                ),
                ("operation_id", models.BigIntegerField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={"db_table": "bank_cheque_payment"},
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
