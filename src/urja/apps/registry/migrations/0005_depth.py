"""The registry grows: trees, people, terms, stock, history. What was there is carried over in the next migration."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0005_credits_by_posting"),
        ("registry", "0004_load_switch"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AgreementTerms",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("tariff_code", models.CharField(max_length=64)),
                ("sanctioned_load_w", models.IntegerField()),
                ("category", models.CharField(blank=True, db_default="", default="", max_length=32)),
                (
                    "payment_mode",
                    models.CharField(
                        choices=[("prepaid", "Prepaid"), ("postpaid", "Postpaid")],
                        db_default="prepaid",
                        default="prepaid",
                        max_length=16,
                    ),
                ),
                (
                    "metering_mode",
                    models.CharField(
                        choices=[("forward", "Forward"), ("net", "Net")],
                        db_default="forward",
                        default="forward",
                        max_length=16,
                    ),
                ),
            ],
            options={
                "db_table": "registry_agreement_terms",
            },
        ),
        migrations.CreateModel(
            name="Arrear",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("bill", models.CharField(max_length=32)),
                ("due_on", models.DateField()),
                ("principal_minor", models.BigIntegerField()),
                ("surcharge_minor", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "registry_arrear",
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
                "db_table": "registry_configuration",
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("purpose", models.CharField(max_length=32)),
                ("given_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "registry_consent",
            },
        ),
        migrations.CreateModel(
            name="Deposit",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("amount_minor", models.BigIntegerField()),
                ("taken_at", models.DateTimeField()),
                ("returned_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "registry_deposit",
            },
        ),
        migrations.CreateModel(
            name="Employment",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("secretary", "Secretary"),
                            ("clerk", "Clerk"),
                            ("field_engineer", "Field Engineer"),
                            ("control_room", "Control Room"),
                            ("revenue_officer", "Revenue Officer"),
                            ("auditor", "Auditor"),
                            ("administrator", "Administrator"),
                        ],
                        max_length=16,
                    ),
                ),
            ],
            options={
                "db_table": "registry_employment",
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
                "db_table": "registry_external",
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
                "db_table": "registry_history",
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
                    "commodity",
                    models.CharField(choices=[("electricity", "Electricity"), ("gas", "Gas")], max_length=16),
                ),
                ("code", models.CharField(max_length=32, unique=True)),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "db_table": "registry_licensee",
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
                ("latitude", models.DecimalField(decimal_places=6, max_digits=9, null=True)),
                ("longitude", models.DecimalField(decimal_places=6, max_digits=9, null=True)),
                ("rating_va", models.IntegerField(null=True)),
            ],
            options={
                "db_table": "registry_node",
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
            ],
            options={
                "db_table": "registry_node_period",
            },
        ),
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
                ("service_point_id", models.BigIntegerField(db_index=True, null=True)),
            ],
            options={
                "db_table": "registry_operation",
            },
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("email", models.CharField(blank=True, default="", max_length=254)),
                ("phone", models.CharField(max_length=16, null=True)),
                ("language", models.CharField(default="en", max_length=8)),
                ("address", models.CharField(blank=True, default="", max_length=300)),
                ("nameless_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "registry_person",
            },
        ),
        migrations.CreateModel(
            name="PersonalRead",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("what", models.CharField(max_length=100)),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "db_table": "registry_personal_read",
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
                    "tree",
                    models.CharField(
                        choices=[("administration", "Administration"), ("grid", "Grid")], max_length=16
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
                "db_table": "registry_placement",
            },
        ),
        migrations.CreateModel(
            name="Protection",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("medical", "Medical"), ("never_cut", "Never Cut")], max_length=16
                    ),
                ),
                ("evidence", models.CharField(max_length=300)),
            ],
            options={
                "db_table": "registry_protection",
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
                        choices=[("waiting", "Waiting"), ("done", "Done"), ("refused", "Refused")],
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
                "db_table": "registry_request",
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=32, unique=True)),
                ("place", models.CharField(blank=True, default="", max_length=32)),
                ("applied_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "registry_seal",
            },
        ),
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
                "db_table": "registry_utility",
            },
        ),
        migrations.AddField(
            model_name="accountaccess",
            name="operation_id",
            field=models.BigIntegerField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="agreement",
            name="operation_id",
            field=models.BigIntegerField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="device",
            name="firmware",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="device",
            name="forward_only",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="device",
            name="held_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AddField(
            model_name="device",
            name="nameplate",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="device",
            name="operation_id",
            field=models.BigIntegerField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="device",
            name="sim",
            field=models.CharField(max_length=22, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="device",
            name="stock",
            field=models.CharField(
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
        migrations.AddField(
            model_name="deviceperiod",
            name="commissioned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="deviceperiod",
            name="operation_id",
            field=models.BigIntegerField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="deviceperiod",
            name="ratio_primary",
            field=models.IntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="deviceperiod",
            name="ratio_secondary",
            field=models.IntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="premise",
            name="address",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            model_name="premise",
            name="kind",
            field=models.CharField(
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
        migrations.AddField(
            model_name="premise",
            name="latitude",
            field=models.DecimalField(decimal_places=6, max_digits=9, null=True),
        ),
        migrations.AddField(
            model_name="premise",
            name="longitude",
            field=models.DecimalField(decimal_places=6, max_digits=9, null=True),
        ),
        migrations.AddField(
            model_name="premise",
            name="operation_id",
            field=models.BigIntegerField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="premise",
            name="parent",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="registry.premise",
            ),
        ),
        migrations.AddField(
            model_name="premise",
            name="pin_code",
            field=models.CharField(blank=True, db_default="", default="", max_length=10),
        ),
        migrations.AddField(
            model_name="servicepoint",
            name="disconnected_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="servicepoint",
            name="operation_id",
            field=models.BigIntegerField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="servicepoint",
            name="purpose",
            field=models.CharField(
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
        migrations.AddConstraint(
            model_name="deviceperiod",
            constraint=models.CheckConstraint(
                condition=models.Q(("ratio_primary__gt", 0), ("ratio_secondary__gt", 0)),
                name="registry_ratio",
            ),
        ),
        migrations.AddConstraint(
            model_name="premise",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("latitude", None), ("longitude", None)),
                    models.Q(("latitude__range", (-90, 90)), ("longitude__range", (-180, 180))),
                    _connector="OR",
                ),
                name="registry_premise_is_on_earth",
            ),
        ),
        migrations.AddField(
            model_name="agreementterms",
            name="agreement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="terms", to="registry.agreement"
            ),
        ),
        migrations.AddField(
            model_name="arrear",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="arrears", to="ledger.account"
            ),
        ),
        migrations.AddField(
            model_name="configuration",
            name="device",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="configuration",
                to="registry.device",
            ),
        ),
        migrations.AddField(
            model_name="deposit",
            name="agreement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="deposits", to="registry.agreement"
            ),
        ),
        migrations.AddField(
            model_name="employment",
            name="premise",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.premise",
            ),
        ),
        migrations.AddField(
            model_name="employment",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="employments",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="external",
            constraint=models.UniqueConstraint(
                fields=("system", "kind", "external_id"), name="registry_one_external"
            ),
        ),
        migrations.AddConstraint(
            model_name="external",
            constraint=models.UniqueConstraint(
                fields=("system", "kind", "object_id"), name="registry_one_external_object"
            ),
        ),
        migrations.AddIndex(
            model_name="history",
            index=models.Index(fields=["table_name", "row_id", "known_to"], name="registry_history_row"),
        ),
        migrations.AddIndex(
            model_name="history",
            index=models.Index(fields=["operation_id"], name="registry_history_operation"),
        ),
        migrations.AddField(
            model_name="servicepoint",
            name="licensee",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="service_points",
                to="registry.licensee",
            ),
        ),
        migrations.AddField(
            model_name="node",
            name="licensee",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="nodes",
                to="registry.licensee",
            ),
        ),
        migrations.AddField(
            model_name="employment",
            name="node",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.node"
            ),
        ),
        migrations.AddField(
            model_name="nodeperiod",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="periods", to="registry.node"
            ),
        ),
        migrations.AddField(
            model_name="nodeperiod",
            name="parent",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="child_periods", to="registry.node"
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="undone_by",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="undoes",
                to="registry.auditentry",
            ),
        ),
        migrations.AddField(
            model_name="person",
            name="user",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="person",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="consents", to="registry.person"
            ),
        ),
        migrations.AddField(
            model_name="accountaccess",
            name="person",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="accesses",
                to="registry.person",
            ),
        ),
        migrations.AddField(
            model_name="agreement",
            name="customer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="agreements",
                to="registry.person",
            ),
        ),
        migrations.AddField(
            model_name="personalread",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.person"
            ),
        ),
        migrations.AddField(
            model_name="personalread",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="placement",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="placements", to="registry.node"
            ),
        ),
        migrations.AddField(
            model_name="placement",
            name="service_point",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="placements",
                to="registry.servicepoint",
            ),
        ),
        migrations.AddField(
            model_name="protection",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="protections", to="registry.person"
            ),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["id"], name="registry_request_waiting"
            ),
        ),
        migrations.AddField(
            model_name="seal",
            name="device",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="seals", to="registry.device"
            ),
        ),
        migrations.AddField(
            model_name="licensee",
            name="utility",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="licensees", to="registry.utility"
            ),
        ),
        migrations.AddConstraint(
            model_name="agreementterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                ),
                name="registry_agreement_terms_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="agreementterms",
            constraint=models.CheckConstraint(
                condition=models.Q(("sanctioned_load_w__gt", 0)), name="registry_terms_load"
            ),
        ),
        migrations.AddConstraint(
            model_name="agreementterms",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (
                        models.Func(
                            models.F("agreement"),
                            models.F("agreement"),
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
                name="registry_terms_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="arrear",
            constraint=models.UniqueConstraint(fields=("account", "bill"), name="registry_one_arrear"),
        ),
        migrations.AddConstraint(
            model_name="arrear",
            constraint=models.CheckConstraint(
                condition=models.Q(("principal_minor__gte", 0), ("surcharge_minor__gte", 0)),
                name="registry_arrear_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="configuration",
            constraint=models.UniqueConstraint(fields=("device", "item"), name="registry_one_configuration"),
        ),
        migrations.AddConstraint(
            model_name="deposit",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="registry_deposit_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="deposit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("returned_at", None), ("returned_at__gte", models.F("taken_at")), _connector="OR"
                ),
                name="registry_deposit_times",
            ),
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.UniqueConstraint(fields=("level", "code"), name="registry_one_node"),
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("level__in", ["zone", "circle", "division", "subdivision", "section"]),
                        ("tree", "administration"),
                    ),
                    models.Q(
                        ("level__in", ["substation", "feeder", "transformer", "pole"]), ("tree", "grid")
                    ),
                    _connector="OR",
                ),
                name="registry_level_of_its_tree",
            ),
        ),
        migrations.AddConstraint(
            model_name="employment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                ),
                name="registry_employment_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="employment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("role", "secretary"), _negated=True),
                    ("premise__isnull", False),
                    _connector="OR",
                ),
                name="registry_secretary_of_a_society",
            ),
        ),
        migrations.AddConstraint(
            model_name="employment",
            constraint=models.CheckConstraint(
                condition=models.Q(("node", None), ("premise", None), _connector="OR"),
                name="registry_employment_one_area",
            ),
        ),
        migrations.AddConstraint(
            model_name="nodeperiod",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                ),
                name="registry_node_period_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="nodeperiod",
            constraint=models.CheckConstraint(
                condition=models.Q(("node", models.F("parent")), _negated=True),
                name="registry_node_not_its_own_parent",
            ),
        ),
        migrations.AddConstraint(
            model_name="nodeperiod",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (
                        models.Func(
                            models.F("node"), models.F("node"), models.Value("[]"), function="int8range"
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
                name="registry_one_parent",
            ),
        ),
        migrations.AddConstraint(
            model_name="person",
            constraint=models.CheckConstraint(
                condition=models.Q(("phone", None), ("phone__regex", "^\\+?[0-9]{8,15}$"), _connector="OR"),
                name="registry_person_phone_is_a_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_at", None)),
                fields=("person", "purpose"),
                name="registry_one_consent",
            ),
        ),
        migrations.AddConstraint(
            model_name="placement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                ),
                name="registry_placement_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="placement",
            constraint=models.CheckConstraint(
                condition=models.Q(("phase__in", ["", "R", "Y", "B", "RYB"])), name="registry_phase"
            ),
        ),
        migrations.AddConstraint(
            model_name="placement",
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
                name="registry_one_placement",
            ),
        ),
        migrations.AddConstraint(
            model_name="protection",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                ),
                name="registry_protection_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="seal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("removed_at", None), ("removed_at__gte", models.F("applied_at")), _connector="OR"
                ),
                name="registry_seal_times",
            ),
        ),
        migrations.AddConstraint(
            model_name="licensee",
            constraint=models.UniqueConstraint(fields=("utility", "commodity"), name="registry_one_licensee"),
        ),
    ]
