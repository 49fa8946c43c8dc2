"""What many meters are told, and how far each has come."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("assets", "0001_tables"),
        ("commands", "0001_tables"),
        ("network", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                ("arguments", models.JSONField(default=dict)),
                ("reason", models.TextField()),
                ("actor", models.CharField(max_length=100)),
                ("asked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("meters", models.IntegerField()),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("cancelled_by", models.CharField(blank=True, default="", max_length=100)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["id"], name="meter_jobs_open"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("meters__gt", 0)), name="meter_jobs_has_meters"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Task",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tasks", to="meter_jobs.job"
                    ),
                ),
                ("position", models.IntegerField()),
                ("named", models.CharField(max_length=64)),
                (
                    "device",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="assets.device",
                    ),
                ),
                (
                    "service_point",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="network.servicepoint",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sent", "Sent"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                (
                    "command",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commands.command",
                    ),
                ),
                ("progress", models.JSONField(default=dict)),
                ("result", models.JSONField(default=dict)),
                ("detail", models.JSONField(default=str)),
                ("sent_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["job", "position"],
                        name="meter_jobs_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("state", "sent")), fields=["job"], name="meter_jobs_sent"
                    ),
                    models.Index(fields=["service_point", "-id"], name="meter_jobs_of_place"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("job", "position"), name="meter_jobs_one_position"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state__in", ("waiting", "sent"))),
                            models.Q(
                                models.Q(("state__in", ("waiting", "sent")), _negated=True),
                                ("ended_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="meter_jobs_ended_when_over",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("device__isnull", False), ("service_point__isnull", False)),
                            ("state", "refused"),
                            _connector="OR",
                        ),
                        name="meter_jobs_names_a_meter",
                    ),
                ],
            },
        ),
    ]
