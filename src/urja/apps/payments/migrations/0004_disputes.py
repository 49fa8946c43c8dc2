"""Money goes back by a lost dispute as well."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0003_raw_inbox"),
    ]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="kind",
            field=models.CharField(
                choices=[("refund", "Refund"), ("dispute", "Dispute")], default="refund", max_length=8
            ),
        ),
    ]
