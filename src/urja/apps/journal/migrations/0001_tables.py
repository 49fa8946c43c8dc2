"""What was asked for and done, what stood there before, and what outside systems call it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                ("content", models.JSONField()),
                ("outcome", models.JSONField(default=dict)),
                ("actor", models.CharField(max_length=100)),
                ("recorded_at", models.DateTimeField()),
                ("idempotency_key", models.CharField(max_length=100, null=True, unique=True)),
                (
                    "undone_by",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undoes",
                        to="journal.auditentry",
                    ),
                ),
                ("service_point_id", models.BigIntegerField(db_index=True, null=True)),
            ],
            options={
                "db_table": "journal_operation",
            },
        ),
        migrations.CreateModel(
            name="History",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("table_name", models.CharField(max_length=64)),
                ("row_id", models.BigIntegerField()),
                (
                    "action",
                    models.CharField(choices=[("updated", "Updated"), ("deleted", "Deleted")], max_length=8),
                ),
                ("row", models.JSONField()),
                ("known_to", models.DateTimeField()),
                ("operation_id", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["table_name", "row_id", "known_to"], name="journal_history_row"),
                    models.Index(fields=["operation_id"], name="journal_history_operation"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Request",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                ("content", models.JSONField()),
                ("rehearsal", models.BooleanField(default=False)),
                ("actor", models.CharField(max_length=100)),
                ("requested_at", models.DateTimeField()),
                ("idempotency_key", models.CharField(max_length=100, null=True, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("approval", "Approval"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("answered_at", models.DateTimeField(null=True)),
                ("faults", models.JSONField(default=list)),
                ("operation_id", models.BigIntegerField(null=True)),
                ("effects", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["id"],
                        name="journal_request_waiting",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="External",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("system", models.CharField(max_length=32)),
                ("kind", models.CharField(max_length=32)),
                ("external_id", models.CharField(max_length=64)),
                ("object_id", models.BigIntegerField()),
                ("owned", models.JSONField(default=list)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("system", "kind", "external_id"), name="journal_one_external"
                    ),
                    models.UniqueConstraint(
                        fields=("system", "kind", "object_id"), name="journal_one_external_object"
                    ),
                ],
            },
        ),
    ]
