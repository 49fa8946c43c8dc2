"""What bodies have paid of subsidy claims is recorded beside the books."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("billing", "0011_period_end")]

    operations = [migrations.RunSQL(sql_beside(__file__), "DROP TABLE billing_subsidy_payment")]
