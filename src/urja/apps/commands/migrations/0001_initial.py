"""Commands, work orders, the counter of each device, and a life that only goes forward."""

import django.db.models.deletion
from django.db import migrations, models

FORWARD_ONLY = """
CREATE FUNCTION commands_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE rank CONSTANT jsonb := '{"queued": 0, "sent": 1, "acknowledged": 2}';
BEGIN
    IF coalesce((rank->>NEW.state)::int, 3) <= coalesce((rank->>OLD.state)::int, 3) THEN
        RAISE EXCEPTION 'command % is %: it does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commands_only_forward BEFORE UPDATE ON commands_command
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION commands_only_forward();
"""

COUNTERS = """
CREATE SEQUENCE commands_number AS bigint;
CREATE TABLE commands_device (
    device_id bigint PRIMARY KEY REFERENCES registry_device,
    last_sequence bigint NOT NULL CHECK (last_sequence > 0)
);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("ledger", "0003_rated"),
        ("registry", "0002_transformer"),
    ]

    operations = [
        migrations.CreateModel(
            name="Command",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
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
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commands",
                        to="ledger.account",
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commands",
                        to="registry.device",
                    ),
                ),
                (
                    "service_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commands",
                        to="registry.servicepoint",
                    ),
                ),
            ],
            options={
                "db_table": "commands_command",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("queued", "sent", "acknowledged"))),
                        fields=["expires_at"],
                        name="commands_expiring",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ("queued", "sent", "acknowledged"))),
                        fields=["device", "sequence"],
                        name="commands_unfinished",
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
            name="WorkOrder",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("weld_or_bypass", "Weld Or Bypass")], max_length=32)),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("detail", models.JSONField(default=dict)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="work_orders",
                        to="registry.device",
                    ),
                ),
                (
                    "service_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="work_orders",
                        to="registry.servicepoint",
                    ),
                ),
            ],
            options={
                "db_table": "commands_work_order",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None)),
                        fields=("device", "kind"),
                        name="commands_one_open_work_order",
                    )
                ],
            },
        ),
        migrations.RunSQL(COUNTERS, "DROP TABLE commands_device; DROP SEQUENCE commands_number;"),
        migrations.RunSQL(FORWARD_ONLY, "DROP FUNCTION commands_only_forward CASCADE;"),
    ]
