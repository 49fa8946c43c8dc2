"""Agreements by their end: which ended on a day is asked with each batch of readings."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contracts", "0004_bill_from")]

    operations = [
        migrations.AddIndex(
            "agreement",
            models.Index(
                fields=["valid_to"],
                condition=models.Q(valid_to__isnull=False),
                name="contracts_agreement_ended",
            ),
        )
    ]
