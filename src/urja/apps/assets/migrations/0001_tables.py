"""Devices, where they hang, their keys, seals and configuration, and what the head ends are told of them."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("network", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Device",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("serial", models.CharField(max_length=32, unique=True)),
                ("system_title", models.BinaryField(max_length=8, unique=True)),
                ("device_type", models.CharField(max_length=64)),
                ("wrapped_guek", models.BinaryField(max_length=24)),
                ("wrapped_gak", models.BinaryField(max_length=24)),
                ("wrapped_hls_secret", models.BinaryField(max_length=24, null=True)),
                ("wrapped_master", models.BinaryField(max_length=24, null=True)),
                ("address", models.CharField(max_length=80, null=True)),
                ("sim", models.CharField(max_length=22, null=True, unique=True)),
                ("firmware", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("nameplate", models.JSONField(db_default={}, default=dict)),
                (
                    "stock",
                    models.CharField(
                        choices=[
                            ("delivered", "Delivered"),
                            ("tested", "Tested"),
                            ("issued", "Issued"),
                            ("installed", "Installed"),
                            ("removed", "Removed"),
                            ("scrapped", "Scrapped"),
                        ],
                        db_default="installed",
                        default="installed",
                        max_length=16,
                    ),
                ),
                ("held_by", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("interval_s", models.IntegerField()),
                ("max_power_w", models.IntegerField()),
                ("load_switch", models.BooleanField(db_default=True, default=True)),
                ("forward_only", models.BooleanField(db_default=False, default=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("interval_s__in", [900, 1800, 3600])), name="assets_interval"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_power_w__gt", 0)), name="assets_max_power"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="NewKeys",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="new_keys",
                        serialize=False,
                        to="assets.device",
                    ),
                ),
                ("number", models.BigIntegerField()),
                ("wrapped_guek", models.BinaryField(max_length=24)),
                ("wrapped_gak", models.BinaryField(max_length=24)),
                ("wrapped_hls_secret", models.BinaryField(max_length=24, null=True)),
                ("seal", models.BinaryField(max_length=32)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "db_table": "assets_new_keys",
            },
        ),
        migrations.CreateModel(
            name="DevicePeriod",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "service_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="device_periods",
                        to="network.servicepoint",
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="periods",
                        to="assets.device",
                    ),
                ),
                (
                    "role",
                    models.SmallIntegerField(
                        choices=[(1, "Billing"), (2, "Check"), (3, "Generation"), (4, "Source")]
                    ),
                ),
                ("ratio_primary", models.IntegerField(db_default=1, default=1)),
                ("ratio_secondary", models.IntegerField(db_default=1, default=1)),
                ("commissioned_at", models.DateTimeField(null=True)),
                ("taken_over_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "assets_device_period",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="assets_device_period_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ratio_primary__gt", 0), ("ratio_secondary__gt", 0)),
                        name="assets_ratio",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
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
                                    models.F("role"),
                                    models.F("role"),
                                    models.Value("[]"),
                                    function="int4range",
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
                        name="assets_one_device_per_role",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            (
                                models.Func(
                                    models.F("device"),
                                    models.F("device"),
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
                        name="assets_device_in_one_place",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="seals", to="assets.device"
                    ),
                ),
                ("number", models.CharField(max_length=32, unique=True)),
                ("place", models.CharField(blank=True, default="", max_length=32)),
                ("applied_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("removed_at", None), ("removed_at__gte", models.F("applied_at")), _connector="OR"
                        ),
                        name="assets_seal_times",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Configuration",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="configuration",
                        to="assets.device",
                    ),
                ),
                (
                    "item",
                    models.CharField(
                        choices=[
                            ("payment_mode", "Payment Mode"),
                            ("metering_mode", "Metering Mode"),
                            ("load_limit_w", "Load Limit W"),
                            ("billing_day", "Billing Day"),
                        ],
                        max_length=16,
                    ),
                ),
                ("desired", models.CharField(max_length=64, null=True)),
                ("desired_at", models.DateTimeField(null=True)),
                ("actual", models.CharField(max_length=64, null=True)),
                ("actual_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("device", "item"), name="assets_one_configuration")
                ],
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
                        to="assets.device",
                    ),
                ),
                ("version", models.BigIntegerField(default=1)),
                ("projected_version", models.BigIntegerField(default=0)),
                ("digest", models.BinaryField(db_default=b"")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("version__gt", models.F("projected_version"))),
                        fields=["device"],
                        name="assets_projection_due",
                    )
                ],
            },
        ),
    ]
