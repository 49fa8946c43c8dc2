"""A notice may be for a member of staff, as the warning of escaping gas is; it then belongs to no account."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("books", "0004_maintenance_accounts"),
        ("notices", "0006_maintenance"),
    ]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="notice",
            name="account",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="notices",
                to="books.account",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="staff",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(account=None, staff__isnull=False)
                | models.Q(account__isnull=False, staff=None),
                name="notices_notice_is_for_one",
            ),
        ),
    ]
