"""Sign-in codes by SMS: how a requested code reaches its user."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("identity", "0003_sign_in_code")]

    operations = [
        migrations.AddField(
            model_name="signincode",
            name="medium",
            field=models.CharField(
                choices=[("email", "Email"), ("sms", "Sms")],
                db_default="email",
                default="email",
                max_length=5,
            ),
        ),
        migrations.AddConstraint(
            model_name="signincode",
            constraint=models.CheckConstraint(
                condition=models.Q(("medium__in", ["email", "sms"])), name="identity_sign_in_code_medium"
            ),
        ),
    ]
