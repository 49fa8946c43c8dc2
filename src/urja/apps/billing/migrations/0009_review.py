"""Reviews of abnormal charges."""

import django.db.models.deletion
from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_refusal"), ("books", "0002_rules")]

    operations = [
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("agreement_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("charge_minor", models.BigIntegerField()),
                ("before_minor", models.BigIntegerField()),
                ("days", models.SmallIntegerField()),
                ("policy", models.CharField(max_length=130)),
                ("undecided", models.CharField(max_length=8)),
                ("opened_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("confirmed", "Confirmed"),
                            ("corrected", "Corrected"),
                            ("waived", "Waived"),
                            ("credited", "Credited"),
                            ("stood", "Stood"),
                        ],
                        db_default="",
                        default="",
                        max_length=9,
                    ),
                ),
                ("note", models.TextField(blank=True, db_default="", default="")),
                ("operation_id", models.BigIntegerField(null=True)),
                ("credited_minor", models.BigIntegerField(db_default=0, default=0)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["ends_at"], name="billing_review_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("agreement_id", "day"), name="billing_review_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("account",),
                        name="billing_review_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("charge_minor__gt", 0), ("credited_minor__gte", 0), ("days__gt", 0)
                        ),
                        name="billing_review_amounts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("due_at__gt", models.F("opened_at")), ("ends_at__gte", models.F("due_at"))
                        ),
                        name="billing_review_clock",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("operation_id", None), ("outcome", "")),
                            models.Q(
                                ("credited_minor", 0),
                                ("ended_at__isnull", False),
                                ("operation_id__isnull", False),
                                ("outcome__in", ("confirmed", "corrected", "waived")),
                            ),
                            models.Q(
                                ("ended_at__gte", models.F("ends_at")),
                                ("operation_id", None),
                                ("outcome__in", ["credited", "stood"]),
                            ),
                            _connector="OR",
                        ),
                        name="billing_review_outcome",
                    ),
                ],
            },
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
