"""A final statement states what an account's postings came to after its agreement's last period."""

from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("statements", "0003_refused"), ("billing", "0011_period_end")]

    operations = [
        migrations.AddField("statement", "final", models.BooleanField(db_default=False)),
        migrations.RunSQL(sql_beside(__file__)),
    ]
