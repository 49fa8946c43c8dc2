"""Accounts for which a step of the pipeline fails are stored, with when it is tried again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("journal", "0004_install_network_meter")]

    operations = [
        migrations.CreateModel(
            name="Failure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("stage", models.CharField(max_length=32)),
                ("step", models.CharField(max_length=32)),
                ("subject", models.CharField(max_length=16)),
                ("subject_id", models.BigIntegerField()),
                ("error", models.TextField()),
                ("tries", models.IntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("again_at", models.DateTimeField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="failure",
            constraint=models.UniqueConstraint(
                fields=("stage", "step", "subject", "subject_id"), name="journal_one_failure"
            ),
        ),
    ]
