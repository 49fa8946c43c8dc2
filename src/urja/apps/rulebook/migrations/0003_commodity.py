"""A tariff says what it prices; the versions stored before priced electricity."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rulebook", "0002_rules")]

    operations = [
        migrations.AddField(
            model_name="tariffversion",
            name="commodity",
            field=models.CharField(db_default="electricity", default="electricity", max_length=16),
        ),
    ]
