"""A statement says which of its columns were named by hand."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bank", "0013_cheques_before_entries")]

    operations = [migrations.AddField("statement", "headings", models.JSONField(db_default=[]))]
