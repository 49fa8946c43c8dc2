"""Work orders, in an app of their own: those that the commands kept come along; their life only goes forward."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_FORWARD_ONLY = """
CREATE FUNCTION work_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE rank CONSTANT jsonb := '{"open": 0, "assigned": 1}';
BEGIN
    IF coalesce((rank->>OLD.state)::int, 2) = 2 THEN
        RAISE EXCEPTION 'work order % is %: it does not change', OLD.id, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF coalesce((rank->>NEW.state)::int, 2) < (rank->>OLD.state)::int THEN
        RAISE EXCEPTION 'work order % is %: it does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.kind, NEW.service_point_id, NEW.device_id, NEW.opened_at, NEW.asked, NEW.operation_id)
        IS DISTINCT FROM (OLD.kind, OLD.service_point_id, OLD.device_id, OLD.opened_at, OLD.asked, OLD.operation_id)
    THEN
        RAISE EXCEPTION 'what was asked for by work order % stays as it was given', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER work_only_forward BEFORE UPDATE ON work_order
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION work_only_forward();
"""

_PHOTOS = """
-- As `urja.apps.work.photos` says, for whoever writes by another way.
ALTER TABLE work_photo ADD CONSTRAINT work_photo_is_small CHECK (octet_length(content) BETWEEN 1 AND 2097152);
ALTER TABLE work_photo ADD CONSTRAINT work_photo_is_a_picture CHECK (
    substring(content FROM 1 FOR 3) = CASE kind WHEN 'image/jpeg' THEN '\\xffd8ff'::bytea ELSE '\\x89504e'::bytea END
);
"""

_CARRIED_OVER = """
CREATE SEQUENCE work_number AS bigint;
INSERT INTO work_order (id, kind, service_point_id, device_id, state, opened_at, closed_at, asked, result)
SELECT id, kind, service_point_id, device_id,
    CASE WHEN closed_at IS NULL THEN 'open' WHEN detail ? 'withdrawn' THEN 'withdrawn' ELSE 'done' END,
    opened_at, closed_at, detail - 'withdrawn',
    CASE WHEN detail ? 'withdrawn' THEN jsonb_build_object('withdrawn', detail->'withdrawn') ELSE '{}' END
FROM commands_work_order;
SELECT setval('work_number', coalesce(max(id & ((1::bigint << 40) - 1)), 0) + 1, false) FROM work_order;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("registry", "0007_rules"),
        ("commands", "0003_tampers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
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
                        ],
                        max_length=32,
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
                ("opened_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("asked", models.JSONField(default=dict)),
                ("result", models.JSONField(default=dict)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                (
                    "assignee",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="work_orders",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        null=True,
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
                "db_table": "work_order",
            },
        ),
        migrations.CreateModel(
            name="Photo",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(choices=[("image/jpeg", "Jpeg"), ("image/png", "Png")], max_length=16),
                ),
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                (
                    "work_order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="photos",
                        to="work.workorder",
                    ),
                ),
            ],
            options={
                "db_table": "work_photo",
            },
        ),
        migrations.AddIndex(
            model_name="workorder",
            index=models.Index(
                condition=models.Q(("closed_at", None)),
                fields=["opened_at", "id"],
                name="work_order_unfinished",
            ),
        ),
        migrations.AddIndex(
            model_name="workorder",
            index=models.Index(fields=["assignee", "opened_at"], name="work_order_assignee"),
        ),
        migrations.AddConstraint(
            model_name="workorder",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)),
                fields=("device", "kind"),
                name="work_one_open_at_a_meter",
            ),
        ),
        migrations.AddConstraint(
            model_name="workorder",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None), ("device", None)),
                fields=("service_point", "kind"),
                name="work_one_open_at_a_place",
            ),
        ),
        migrations.AddConstraint(
            model_name="workorder",
            constraint=models.CheckConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="workorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "assigned"), _negated=True),
                    ("assignee__isnull", False),
                    _connector="OR",
                ),
                name="work_assigned_to_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="photo",
            constraint=models.UniqueConstraint(fields=("work_order", "sha256"), name="work_photo_once"),
        ),
        migrations.RunSQL(_PHOTOS, migrations.RunSQL.noop),
        migrations.RunSQL(_CARRIED_OVER, "DROP SEQUENCE work_number"),
        migrations.RunSQL(_FORWARD_ONLY, "DROP FUNCTION work_only_forward CASCADE"),
    ]
