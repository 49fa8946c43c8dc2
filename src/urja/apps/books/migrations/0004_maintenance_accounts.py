"""Accounts for maintenance: no entry moves between one and an account for electricity."""

from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0003_consumer_accounts")]

    operations = [
        migrations.AlterField(
            model_name="account",
            name="kind",
            field=models.CharField(
                choices=[("consumer", "Consumer"), ("maintenance", "Maintenance"), ("contra", "Contra")],
                max_length=16,
            ),
        ),
        migrations.RemoveConstraint(model_name="account", name="books_contra_has_code"),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("code", ""), ("kind__in", ["consumer", "maintenance"])),
                    models.Q(("kind", "contra"), models.Q(("code", ""), _negated=True)),
                    _connector="OR",
                ),
                name="books_contra_has_code",
            ),
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
