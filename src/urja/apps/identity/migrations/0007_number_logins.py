"""People without an e-mail address sign in by their mobile number."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("identity", "0006_mobile_users"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
