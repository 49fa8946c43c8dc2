"""Uploads and requests."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("file_name", models.CharField(max_length=200)),
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("actor", models.CharField(max_length=100)),
                ("uploaded_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SheetRequest",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("task", models.CharField(choices=[("check", "Check"), ("load", "Load")], max_length=8)),
                ("map", models.JSONField(null=True)),
                ("good_rows", models.BooleanField()),
                ("language", models.CharField(max_length=8)),
                ("actor", models.CharField(max_length=100)),
                ("requested_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("done", "Done"), ("refused", "Refused")],
                        db_default="waiting",
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("answered_at", models.DateTimeField(null=True)),
                ("refusal", models.JSONField(db_default=[], default=list)),
                ("answer", models.JSONField(db_default={}, default=dict)),
                ("marked", models.BinaryField(null=True)),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="requests",
                        to="sheets.upload",
                    ),
                ),
            ],
            options={
                "db_table": "sheets_request",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")), fields=["id"], name="sheets_request_waiting"
                    )
                ],
            },
        ),
    ]
