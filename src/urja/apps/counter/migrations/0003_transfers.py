"""Receipts of transfers to the bank account, which the pipeline matches without an operation."""

from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("counter", "0002_rules")]

    operations = [
        migrations.AlterField("receipt", "operation_id", models.BigIntegerField(null=True)),
        migrations.RunSQL(sql_beside(__file__)),
    ]
