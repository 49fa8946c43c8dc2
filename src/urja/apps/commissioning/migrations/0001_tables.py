"""Calls of meters that were hung up, and what meters told of their pushes."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("assets", "0001_tables"),
        ("network", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Call",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commissioning_calls",
                        to="assets.device",
                    ),
                ),
                (
                    "service_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commissioning_calls",
                        to="network.servicepoint",
                    ),
                ),
                ("device_period_id", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("calling", "Calling"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("given_up", "Given Up"),
                        ],
                        default="asked",
                        max_length=16,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("relay_test", models.BooleanField(default=False)),
                ("payment_mode", models.CharField(blank=True, default="", max_length=16)),
                ("commands", models.JSONField(default=dict)),
                ("checks", models.JSONField(default=list)),
                ("ended_at", models.DateTimeField(null=True)),
                ("operation_id", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["device_period_id"], name="commissioning_period"),
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["id"], name="commissioning_under_way"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("device_period_id",),
                        name="commissioning_one_call",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state__in", ("asked", "calling"))),
                            models.Q(
                                models.Q(("state__in", ("asked", "calling")), _negated=True),
                                ("ended_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="commissioning_ended_when_over",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PushLayout",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="push_layouts",
                        to="assets.device",
                    ),
                ),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="push_layouts",
                        to="commissioning.call",
                    ),
                ),
                ("firmware", models.CharField(max_length=32)),
                ("read_at", models.DateTimeField()),
                ("pushes", models.JSONField()),
            ],
            options={
                "db_table": "commissioning_push_layout",
                "indexes": [models.Index(fields=["device", "-read_at"], name="commissioning_newest_layout")],
            },
        ),
    ]
