"""Premises, service points, and the trees of the administration and the grid that they hang on."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Utility",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=32, unique=True)),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Licensee",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "utility",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="licensees",
                        to="network.utility",
                    ),
                ),
                (
                    "commodity",
                    models.CharField(choices=[("electricity", "Electricity"), ("gas", "Gas")], max_length=16),
                ),
                ("code", models.CharField(max_length=32, unique=True)),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("utility", "commodity"), name="network_one_licensee")
                ],
            },
        ),
        migrations.CreateModel(
            name="Premise",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=64, null=True, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("house", "House"),
                            ("flat", "Flat"),
                            ("shop", "Shop"),
                            ("office", "Office"),
                            ("society", "Society"),
                            ("tower", "Tower"),
                            ("complex", "Complex"),
                            ("common_area", "Common Area"),
                            ("network", "Network"),
                        ],
                        db_default="house",
                        default="house",
                        max_length=16,
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="parts",
                        to="network.premise",
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("address", models.CharField(blank=True, db_default="", default="", max_length=300)),
                ("pin_code", models.CharField(blank=True, db_default="", default="", max_length=10)),
                ("latitude", models.DecimalField(decimal_places=6, max_digits=9, null=True)),
                ("longitude", models.DecimalField(decimal_places=6, max_digits=9, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("latitude", None), ("longitude", None)),
                            models.Q(("latitude__range", (-90, 90)), ("longitude__range", (-180, 180))),
                            _connector="OR",
                        ),
                        name="network_premise_is_on_earth",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ServicePoint",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "premise",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_points",
                        to="network.premise",
                    ),
                ),
                (
                    "licensee",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_points",
                        to="network.licensee",
                    ),
                ),
                (
                    "commodity",
                    models.CharField(
                        choices=[("electricity", "Electricity"), ("gas", "Gas")],
                        default="electricity",
                        max_length=16,
                    ),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("consumer", "Consumer"),
                            ("common_area", "Common Area"),
                            ("bulk", "Bulk"),
                            ("dg", "Dg"),
                            ("transformer", "Transformer"),
                            ("feeder", "Feeder"),
                            ("boundary", "Boundary"),
                        ],
                        db_default="consumer",
                        default="consumer",
                        max_length=16,
                    ),
                ),
                ("consumer_number", models.CharField(max_length=32, unique=True)),
                ("disconnected_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "network_service_point",
            },
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "tree",
                    models.CharField(
                        choices=[("administration", "Administration"), ("grid", "Grid")], max_length=16
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("zone", "Zone"),
                            ("circle", "Circle"),
                            ("division", "Division"),
                            ("subdivision", "Subdivision"),
                            ("section", "Section"),
                            ("substation", "Substation"),
                            ("feeder", "Feeder"),
                            ("transformer", "Transformer"),
                            ("pole", "Pole"),
                        ],
                        max_length=16,
                    ),
                ),
                ("code", models.CharField(max_length=32)),
                ("name", models.CharField(blank=True, default="", max_length=200)),
                (
                    "licensee",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="nodes",
                        to="network.licensee",
                    ),
                ),
                ("latitude", models.DecimalField(decimal_places=6, max_digits=9, null=True)),
                ("longitude", models.DecimalField(decimal_places=6, max_digits=9, null=True)),
                ("rating_va", models.IntegerField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("level", "code"), name="network_one_node"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("level__in", ["zone", "circle", "division", "subdivision", "section"]),
                                ("tree", "administration"),
                            ),
                            models.Q(
                                ("level__in", ["substation", "feeder", "transformer", "pole"]),
                                ("tree", "grid"),
                            ),
                            _connector="OR",
                        ),
                        name="network_level_of_its_tree",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="NodePeriod",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="periods", to="network.node"
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="child_periods",
                        to="network.node",
                    ),
                ),
            ],
            options={
                "db_table": "network_node_period",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="network_node_period_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("node", models.F("parent")), _negated=True),
                        name="network_node_not_its_own_parent",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            (
                                models.Func(
                                    models.F("node"),
                                    models.F("node"),
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
                        name="network_one_parent",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Placement",
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
                        related_name="placements",
                        to="network.servicepoint",
                    ),
                ),
                (
                    "tree",
                    models.CharField(
                        choices=[("administration", "Administration"), ("grid", "Grid")], max_length=16
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="placements",
                        to="network.node",
                    ),
                ),
                ("phase", models.CharField(blank=True, default="", max_length=3)),
                (
                    "tree_number",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(then=models.Value(2), tree="grid"), default=models.Value(1)
                        ),
                        output_field=models.IntegerField(),
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="network_placement_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("phase__in", ["", "R", "Y", "B", "RYB"])), name="network_phase"
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
                                    models.F("tree_number"),
                                    models.F("tree_number"),
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
                        name="network_one_placement",
                    ),
                ],
            },
        ),
    ]
