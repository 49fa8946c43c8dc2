"""A meter is installed only where what it measures is supplied.

Meters that are known already measure electricity: no release before knew a type of another commodity.
"""

from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("assets", "0004_stock_agrees"), ("network", "0002_rules")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="commodity",
            field=models.CharField(
                choices=[("electricity", "Electricity"), ("gas", "Gas")],
                db_default="electricity",
                default="electricity",
                max_length=16,
            ),
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
