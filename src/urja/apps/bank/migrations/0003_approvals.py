"""A statement has the passkey that accepted it, and a credit its entry, by the database's own check."""

import django.db.models.deletion
from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0002_rules"), ("approvals", "0002_rules")]

    operations = [
        migrations.AddField(
            model_name="statement",
            name="approval",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="approvals.waiting",
            ),
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
