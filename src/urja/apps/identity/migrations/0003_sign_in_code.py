"""Sign-in codes that the web requests and the pipeline mails; pending ones are bounded."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0002_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SignInCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=12)),
                ("language", models.CharField(max_length=3)),
                ("requested_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("due_at", models.DateTimeField(null=True)),
                ("relay_failed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sent", "Sent"),
                            ("unknown", "Unknown"),
                            ("refused", "Refused"),
                            ("limited", "Limited"),
                            ("expired", "Expired"),
                        ],
                        db_default="",
                        default="",
                        max_length=8,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "identity_sign_in_code",
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["id"],
                        name="identity_sign_in_code_pending",
                    ),
                    models.Index(fields=["ended_at"], name="identity_sign_in_code_ended"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code__regex", "^([0-9]{6}|[0-9]{12})?$")),
                        name="identity_sign_in_code_digits",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("language__regex", "^[a-z]{2,3}$")),
                        name="identity_sign_in_code_language",
                    ),
                    models.CheckConstraint(
                        condition=(models.Q(ended_at=None) & ~models.Q(code=""))
                        | (models.Q(ended_at__isnull=False) & models.Q(code="")),
                        name="identity_sign_in_code_blanked",
                    ),
                ],
            },
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
