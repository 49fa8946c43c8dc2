"""Versions of tariffs and of policies, and what each policy governs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="TariffVersion",
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
                ("loaded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "rulebook_tariff_version",
                "constraints": [
                    models.UniqueConstraint(fields=("code", "version"), name="rulebook_one_text_per_version")
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyVersion",
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
                "db_table": "rulebook_policy_version",
                "constraints": [
                    models.UniqueConstraint(fields=("code", "version"), name="rulebook_policy_one_text")
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyAssignment",
            fields=[
                ("category", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
            ],
            options={
                "db_table": "rulebook_policy_assignment",
            },
        ),
    ]
