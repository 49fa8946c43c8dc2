"""An agreement's fixed charges may begin before its supply is in service."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contracts", "0003_tariff_commodity")]

    operations = [migrations.AddField("agreement", "bill_from", models.DateField(null=True))]
