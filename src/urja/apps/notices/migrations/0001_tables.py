"""Notices, the outbox of a demonstration, and receipts."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("books", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="books.account",
                    ),
                ),
                ("kind", models.CharField(max_length=32)),
                ("params", models.JSONField(default=dict)),
                ("dedupe_key", models.CharField(max_length=200, unique=True)),
                ("requested_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("sent", "Sent"),
                            ("unconfirmed", "Unconfirmed"),
                            ("delivered", "Delivered"),
                            ("failed", "Failed"),
                        ],
                        default="requested",
                        max_length=16,
                    ),
                ),
                ("sent_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "failure",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("no_number", "No Number"),
                            ("no_service", "No Service"),
                            ("refused", "Refused"),
                            ("not_taken", "Not Taken"),
                            ("outdated", "Outdated"),
                            ("undeliverable", "Undeliverable"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("detail", models.CharField(blank=True, default="", max_length=200)),
                ("text", models.TextField(blank=True, default="")),
                ("language", models.CharField(blank=True, default="", max_length=8)),
                ("channel", models.CharField(blank=True, default="", max_length=16)),
                ("service", models.CharField(blank=True, db_default="", default="", max_length=32)),
                ("recipient", models.CharField(blank=True, default="", max_length=320)),
                ("provider_id", models.CharField(blank=True, default="", max_length=100)),
                ("attempts", models.IntegerField(default=0)),
                ("questions", models.IntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "-requested_at"], name="notices_notice_account"),
                    models.Index(
                        condition=models.Q(("state", "requested")),
                        fields=["id"],
                        name="notices_notice_unsent",
                    ),
                    models.Index(fields=["sent_at"], name="notices_notice_sent"),
                    models.Index(
                        condition=models.Q(("state", "sent")),
                        fields=["due_at"],
                        name="notices_notice_awaited",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("digest", models.BinaryField(max_length=32)),
                ("body", models.BinaryField()),
                ("headers", models.JSONField(db_default={}, default=dict)),
                ("received_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(blank=True, db_default="", default="", max_length=16)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("applied_at", None)),
                        fields=["id"],
                        name="notices_receipt_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "digest"), name="notices_receipt_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sent_at", models.DateTimeField()),
                ("sender", models.CharField(max_length=320)),
                ("recipient", models.CharField(max_length=320)),
                ("subject", models.TextField()),
                ("body", models.TextField()),
            ],
            options={
                "indexes": [models.Index(fields=["recipient", "-id"], name="notices_message_recipient")],
            },
        ),
    ]
