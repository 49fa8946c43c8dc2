"""Work orders and their photographs."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("assets", "0001_tables"),
        ("auth", "__first__"),
        ("network", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkOrder",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("weld_or_bypass", "Weld Or Bypass"),
                            ("cover_opened", "Cover Opened"),
                            ("magnet", "Magnet"),
                            ("neutral_disturbed", "Neutral Disturbed"),
                            ("switch_off_by_hand", "Switch Off By Hand"),
                            ("switch_on_by_hand", "Switch On By Hand"),
                            ("install", "Install"),
                            ("exchange", "Exchange"),
                            ("inspect", "Inspect"),
                            ("disconnect_by_hand", "Disconnect By Hand"),
                            ("configure", "Configure"),
                            ("check_pushes", "Check Pushes"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "service_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="work_orders",
                        to="network.servicepoint",
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="work_orders",
                        to="assets.device",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("assigned", "Assigned"),
                            ("done", "Done"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="open",
                        max_length=16,
                    ),
                ),
                (
                    "assignee",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="work_orders",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("asked", models.JSONField(default=dict)),
                ("result", models.JSONField(default=dict)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
            ],
            options={
                "db_table": "work_order",
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at", None)),
                        fields=["opened_at", "id"],
                        name="work_order_unfinished",
                    ),
                    models.Index(fields=["assignee", "opened_at"], name="work_order_assignee"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None)),
                        fields=("device", "kind"),
                        name="work_one_open_at_a_meter",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None), ("device", None)),
                        fields=("service_point", "kind"),
                        name="work_one_open_at_a_place",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at", None), ("state__in", ("open", "assigned"))),
                            models.Q(
                                models.Q(("state__in", ("open", "assigned")), _negated=True),
                                ("closed_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="work_closed_when_ended",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "assigned"), _negated=True),
                            ("assignee__isnull", False),
                            _connector="OR",
                        ),
                        name="work_assigned_to_somebody",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Photo",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "work_order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="photos",
                        to="work.workorder",
                    ),
                ),
                (
                    "kind",
                    models.CharField(choices=[("image/jpeg", "Jpeg"), ("image/png", "Png")], max_length=16),
                ),
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("work_order", "sha256"), name="work_photo_once")
                ],
            },
        ),
    ]
