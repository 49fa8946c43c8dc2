"""No receipt without an open drawer, none beyond its ceiling; numbers without a gap; states only go forward."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("counter", "0001_tables"),
        ("approvals", "0002_rules"),
        ("books", "0002_rules"),
    ]

    operations = [migrations.RunSQL(sql_beside(__file__))]
