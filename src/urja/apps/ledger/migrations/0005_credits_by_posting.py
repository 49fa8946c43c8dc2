"""What was credited since a moment, for who has to tell of it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_debits")]

    operations = [
        migrations.AddIndex(
            model_name="creditrequest",
            index=models.Index(fields=["posted_at"], name="ledger_credit_posted"),
        ),
    ]
