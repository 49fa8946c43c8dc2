"""Versions of heat values of gas, which are never changed."""

from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("rulebook", "0004_calendar")]

    operations = [
        migrations.CreateModel(
            name="HeatValuesVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=64)),
                ("version", models.CharField(max_length=64)),
                ("valid_from", models.DateField()),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
            ],
            options={
                "db_table": "rulebook_heat_values_version",
                "constraints": [
                    models.UniqueConstraint(fields=("code", "version"), name="rulebook_heat_values_one_text")
                ],
            },
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
