"""The role of a cashier."""

from django.db import migrations, models

_ROLES = [
    ("secretary", "Secretary"),
    ("clerk", "Clerk"),
    ("cashier", "Cashier"),
    ("field_engineer", "Field Engineer"),
    ("control_room", "Control Room"),
    ("revenue_officer", "Revenue Officer"),
    ("auditor", "Auditor"),
    ("administrator", "Administrator"),
]


class Migration(migrations.Migration):
    dependencies = [("identity", "0004_code_medium")]

    operations = [
        migrations.AlterField("employment", "role", models.CharField(choices=_ROLES, max_length=16)),
        migrations.AlterField("token", "role", models.CharField(choices=_ROLES, max_length=16, null=True)),
    ]
