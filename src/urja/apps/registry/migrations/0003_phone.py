"""Where a person's messages go."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_transformer")]

    operations = [
        migrations.AddField(
            model_name="accountaccess",
            name="phone",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddConstraint(
            model_name="accountaccess",
            constraint=models.CheckConstraint(
                condition=models.Q(("phone", None), ("phone__regex", "^\\+?[0-9]{8,15}$"), _connector="OR"),
                name="registry_phone_is_a_number",
            ),
        ),
    ]
