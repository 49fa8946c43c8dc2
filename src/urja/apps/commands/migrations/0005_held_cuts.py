"""Cuts above the head ends' ceilings, releases that people ask for, and answers of authenticators."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("commands", "0004_work"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HeldCuts",
            fields=[
                ("headend", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("told", models.JSONField()),
                ("told_at", models.DateTimeField()),
            ],
            options={
                "db_table": "commands_held_cuts",
            },
        ),
        migrations.CreateModel(
            name="CutRelease",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("cuts", models.IntegerField()),
                ("areas", models.JSONField()),
                ("until", models.CharField(max_length=20)),
                ("until_at", models.DateTimeField()),
                ("nonce", models.BinaryField(max_length=32)),
                ("asked_at", models.DateTimeField()),
                ("cancelled_at", models.DateTimeField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("delayed", "Delayed"),
                            ("released", "Released"),
                            ("refused", "Refused"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                        ],
                        db_default="asked",
                        max_length=9,
                    ),
                ),
                ("detail", models.TextField(db_default="")),
                ("effective_at", models.DateTimeField(null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "cancelled_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "commands_cut_release",
            },
        ),
        migrations.CreateModel(
            name="CutReleaseAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("credential_id", models.BinaryField()),
                ("client_data", models.BinaryField()),
                ("authenticator_data", models.BinaryField()),
                ("signature", models.BinaryField()),
                ("given_at", models.DateTimeField()),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answers",
                        to="commands.cutrelease",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "commands_cut_release_answer",
            },
        ),
        migrations.AddIndex(
            model_name="cutrelease",
            index=models.Index(
                condition=models.Q(("state__in", ("asked", "delayed", "released"))),
                fields=["asked_at"],
                name="commands_open_release",
            ),
        ),
        migrations.AddConstraint(
            model_name="cutreleaseanswer",
            constraint=models.UniqueConstraint(fields=("release", "user"), name="commands_one_answer"),
        ),
    ]
