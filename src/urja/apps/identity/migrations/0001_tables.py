"""Who signs in, to which account, in which role and by which key; and what happens at the door."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "__first__"),
        ("books", "0001_tables"),
        ("network", "0001_tables"),
        ("people", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressChange",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="people.person",
                    ),
                ),
                ("old_email", models.CharField(max_length=254)),
                ("new_email", models.CharField(max_length=254)),
                ("system", models.CharField(blank=True, default="", max_length=32)),
                ("of_staff", models.BooleanField(default=False)),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                            ("expired", "Expired"),
                            ("impossible", "Impossible"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("mailed_at", models.DateTimeField(null=True)),
                ("new_digest", models.BinaryField(max_length=32, null=True)),
                ("old_digest", models.BinaryField(max_length=32, null=True)),
                ("refusal_digest", models.BinaryField(max_length=32, null=True)),
                ("new_confirmed_at", models.DateTimeField(null=True)),
                ("old_confirmed_at", models.DateTimeField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("approved_by", models.CharField(blank=True, default="", max_length=100)),
                ("approval_counts_from", models.DateTimeField(null=True)),
                ("approval_told_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("end_told_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "identity_address_change",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("user",),
                        name="identity_one_address_change",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AddressAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("word", models.CharField(max_length=64)),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "db_table": "identity_address_answer",
            },
        ),
        migrations.CreateModel(
            name="AccountAccess",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accesses",
                        to="people.person",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accesses",
                        to="books.account",
                    ),
                ),
                ("role", models.CharField(choices=[("owner", "Owner"), ("member", "Member")], max_length=16)),
            ],
            options={
                "db_table": "identity_account_access",
                "constraints": [
                    models.UniqueConstraint(fields=("person", "account"), name="identity_one_access")
                ],
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
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="employments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                (
                    "node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="network.node",
                    ),
                ),
                (
                    "premise",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="network.premise",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="identity_employment_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("role", "secretary"), _negated=True),
                            ("premise__isnull", False),
                            _connector="OR",
                        ),
                        name="identity_secretary_of_a_society",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("node", None), ("premise", None), _connector="OR"),
                        name="identity_employment_one_area",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, unique=True)),
                ("prefix", models.CharField(max_length=8, unique=True)),
                ("digest", models.BinaryField(max_length=32)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        null=True,
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="network.node",
                    ),
                ),
                (
                    "premise",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="network.premise",
                    ),
                ),
                ("scopes", models.JSONField()),
                ("per_minute", models.IntegerField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("user", None), ("role__isnull", False)),
                            models.Q(("user__isnull", False), ("role", None)),
                            _connector="OR",
                        ),
                        name="identity_token_of_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("node", None), ("premise", None)),
                            models.Q(
                                ("role__isnull", False),
                                models.Q(("node", None), ("premise", None), _connector="OR"),
                            ),
                            _connector="OR",
                        ),
                        name="identity_token_one_area",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role", None),
                            models.Q(("role", "secretary"), _negated=True),
                            ("premise__isnull", False),
                            _connector="OR",
                        ),
                        name="identity_token_secretary_of_a_society",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("per_minute__gt", 0)), name="identity_token_per_minute"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PersonalRead",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="identity.token",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.person"
                    ),
                ),
                ("what", models.CharField(max_length=100)),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "db_table": "identity_personal_read",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("user__isnull", False), ("token__isnull", False), _connector="OR"
                        ),
                        name="identity_read_by_somebody",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("wrong_code", "Wrong Code"),
                            ("limited", "Limited"),
                            ("signed_in", "Signed In"),
                            ("second_factor_failed", "Second Factor Failed"),
                            ("factor_added", "Factor Added"),
                            ("factor_removed", "Factor Removed"),
                            ("signed_out", "Signed Out"),
                        ],
                        max_length=24,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("address_digest", models.BinaryField(max_length=32)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("network", models.CharField(max_length=45)),
                ("device_digest", models.BinaryField(max_length=32, null=True)),
            ],
            options={
                "db_table": "identity_sign_in",
                "indexes": [
                    models.Index(fields=["address_digest", "at"], name="identity_sign_in_address"),
                    models.Index(fields=["network", "at"], name="identity_sign_in_network"),
                    models.Index(fields=["at"], name="identity_sign_in_at"),
                ],
            },
        ),
    ]
