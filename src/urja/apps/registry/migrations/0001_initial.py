"""The registry in its final shape, the sequence that numbers it, and the counter of its changes."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("ledger", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE registry_number AS bigint", "DROP SEQUENCE registry_number"),
        # Moves with every change that matters to ingest. One row, so that changes are seen in the order in which
        # they were committed; adoptions wait for each other for the length of a short transaction.
        migrations.RunSQL(
            """
            CREATE TABLE registry_revision (
                only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
                revision bigint NOT NULL
            );
            INSERT INTO registry_revision (revision) VALUES (0);
            """,
            "DROP TABLE registry_revision",
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("serial", models.CharField(max_length=32, unique=True)),
                ("system_title", models.BinaryField(max_length=8, unique=True)),
                ("device_type", models.CharField(max_length=64)),
                ("wrapped_guek", models.BinaryField(max_length=24)),
                ("wrapped_gak", models.BinaryField(max_length=24)),
                ("address", models.CharField(max_length=80, null=True)),
                ("interval_s", models.IntegerField()),
                ("max_power_w", models.IntegerField()),
            ],
            options={
                "db_table": "registry_device",
            },
        ),
        migrations.CreateModel(
            name="DevicePeriod",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "role",
                    models.SmallIntegerField(
                        choices=[(1, "Billing"), (2, "Check"), (3, "Generation"), (4, "Source")]
                    ),
                ),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "registry_device_period",
            },
        ),
        migrations.CreateModel(
            name="Premise",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "db_table": "registry_premise",
            },
        ),
        migrations.CreateModel(
            name="ServicePoint",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "commodity",
                    models.CharField(
                        choices=[("electricity", "Electricity"), ("gas", "Gas")],
                        default="electricity",
                        max_length=16,
                    ),
                ),
                ("consumer_number", models.CharField(max_length=32, unique=True)),
            ],
            options={
                "db_table": "registry_service_point",
            },
        ),
        migrations.CreateModel(
            name="AccountAccess",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("role", models.CharField(choices=[("owner", "Owner"), ("member", "Member")], max_length=16)),
                ("language", models.CharField(default="en", max_length=8)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accesses",
                        to="ledger.account",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="accesses",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "registry_account_access",
            },
        ),
        migrations.CreateModel(
            name="Agreement",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("tariff_code", models.CharField(max_length=64)),
                ("sanctioned_load_w", models.IntegerField()),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="agreements",
                        to="ledger.account",
                    ),
                ),
            ],
            options={
                "db_table": "registry_agreement",
            },
        ),
        migrations.CreateModel(
            name="Projection",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="registry.device",
                    ),
                ),
                ("version", models.BigIntegerField(default=1)),
                ("projected_version", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "registry_projection",
            },
        ),
        migrations.AddConstraint(
            model_name="device",
            constraint=models.CheckConstraint(
                condition=models.Q(("interval_s__in", [900, 1800, 3600])), name="registry_interval"
            ),
        ),
        migrations.AddConstraint(
            model_name="device",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_power_w__gt", 0)), name="registry_max_power"
            ),
        ),
        migrations.AddField(
            model_name="deviceperiod",
            name="device",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="periods", to="registry.device"
            ),
        ),
        migrations.AddField(
            model_name="servicepoint",
            name="premise",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="service_points",
                to="registry.premise",
            ),
        ),
        migrations.AddField(
            model_name="deviceperiod",
            name="service_point",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="device_periods",
                to="registry.servicepoint",
            ),
        ),
        migrations.AddField(
            model_name="agreement",
            name="service_point",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="agreements",
                to="registry.servicepoint",
            ),
        ),
        migrations.AddConstraint(
            model_name="accountaccess",
            constraint=models.UniqueConstraint(fields=("user", "account"), name="registry_one_access"),
        ),
        migrations.AddIndex(
            model_name="projection",
            index=models.Index(
                condition=models.Q(("version__gt", models.F("projected_version"))),
                fields=["device"],
                name="registry_projection_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="deviceperiod",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                ),
                name="registry_device_period_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="deviceperiod",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (
                        models.Func(
                            models.F("service_point"),
                            models.F("service_point"),
                            models.Value("[]"),
                            function="int8range",
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            models.F("role"), models.F("role"), models.Value("[]"), function="int4range"
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            models.F("valid_from"),
                            models.F("valid_to"),
                            django.contrib.postgres.fields.ranges.RangeBoundary(),
                            function="tstzrange",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="registry_one_device_per_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="deviceperiod",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (
                        models.Func(
                            models.F("device"), models.F("device"), models.Value("[]"), function="int8range"
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            models.F("valid_from"),
                            models.F("valid_to"),
                            django.contrib.postgres.fields.ranges.RangeBoundary(),
                            function="tstzrange",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="registry_device_in_one_place",
            ),
        ),
        migrations.AddConstraint(
            model_name="agreement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                ),
                name="registry_agreement_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="agreement",
            constraint=models.CheckConstraint(
                condition=models.Q(("sanctioned_load_w__gt", 0)), name="registry_sanctioned_load"
            ),
        ),
        migrations.AddConstraint(
            model_name="agreement",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (
                        models.Func(
                            models.F("service_point"),
                            models.F("service_point"),
                            models.Value("[]"),
                            function="int8range",
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            models.F("valid_from"),
                            models.F("valid_to"),
                            django.contrib.postgres.fields.ranges.RangeBoundary(),
                            function="tstzrange",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="registry_one_agreement",
            ),
        ),
    ]
