"""Restores of the data, and what must be learned after each before anybody is disconnected."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("supply", "0011_relay_test")]

    operations = [
        migrations.CreateModel(
            name="Recovery",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("since_at", models.DateTimeField()),
                ("noticed_at", models.DateTimeField()),
                ("why", models.CharField(max_length=200)),
                ("gateway_asked_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "supply_recovery"},
        ),
    ]
