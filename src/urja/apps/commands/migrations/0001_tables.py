"""Commands, cuts that are held back, releases of them, and answers of authenticators."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("assets", "0001_tables"),
        ("auth", "__first__"),
        ("books", "0001_tables"),
        ("network", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Command",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commands",
                        to="assets.device",
                    ),
                ),
                (
                    "service_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commands",
                        to="network.servicepoint",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commands",
                        to="books.account",
                    ),
                ),
                ("kind", models.CharField(max_length=32)),
                ("arguments", models.JSONField(default=dict)),
                ("sequence", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("sent", "Sent"),
                            ("acknowledged", "Acknowledged"),
                            ("confirmed", "Confirmed"),
                            ("connected_load_unproven", "Connected Load Unproven"),
                            ("waiting_for_person", "Waiting For Person"),
                            ("expired", "Expired"),
                            ("superseded", "Superseded"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=32,
                    ),
                ),
                ("reason", models.CharField(max_length=200)),
                ("cause_correlation", models.BigIntegerField()),
                ("issued_at", models.DateTimeField()),
                ("issued_wall_ms", models.BigIntegerField()),
                ("expires_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("sent_wall_ms", models.BigIntegerField(null=True)),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("acknowledged_wall_ms", models.BigIntegerField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_wall_ms", models.BigIntegerField(null=True)),
                ("detail", models.TextField(blank=True, default="")),
                ("evidence", models.JSONField(default=dict)),
                ("attempts", models.IntegerField(default=0)),
                ("last_error", models.TextField(blank=True, default="")),
                ("again_at", models.DateTimeField(null=True)),
                ("signature", models.BinaryField(max_length=64, null=True)),
                ("published", models.BooleanField(default=False)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("queued", "sent", "acknowledged"))),
                        fields=["device", "sequence"],
                        name="commands_unfinished",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ("queued", "sent", "acknowledged"))),
                        fields=["expires_at"],
                        name="commands_expiring",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("published", False), ("state__in", ("queued", "sent", "acknowledged"))
                        ),
                        fields=["id"],
                        name="commands_unpublished",
                    ),
                    models.Index(
                        condition=models.Q(("kind__in", ("connect", "disconnect"))),
                        fields=["device", "-sequence"],
                        name="commands_supply",
                    ),
                    models.Index(fields=["ended_at"], name="commands_ended"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("device", "sequence"), name="commands_one_sequence"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state__in", ("queued", "sent", "acknowledged"))),
                            models.Q(
                                (
                                    "state__in",
                                    (
                                        "confirmed",
                                        "connected_load_unproven",
                                        "waiting_for_person",
                                        "expired",
                                        "superseded",
                                        "failed",
                                    ),
                                ),
                                ("ended_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="commands_ended_when_terminal",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("issued_at"))),
                        name="commands_expires_after_issue",
                    ),
                ],
            },
        ),
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
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                (
                    "cancelled_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
            ],
            options={
                "db_table": "commands_cut_release",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("asked", "delayed", "released"))),
                        fields=["asked_at"],
                        name="commands_open_release",
                    )
                ],
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
                ("credential_id", models.BinaryField()),
                ("client_data", models.BinaryField()),
                ("authenticator_data", models.BinaryField()),
                ("signature", models.BinaryField()),
                ("given_at", models.DateTimeField()),
            ],
            options={
                "db_table": "commands_cut_release_answer",
                "constraints": [
                    models.UniqueConstraint(fields=("release", "user"), name="commands_one_answer")
                ],
            },
        ),
    ]
