"""Since when a supply is prepaid stands with its terms; wishes that are open are found without reading all."""

from django.db import migrations, models

_WISHES = """
CREATE INDEX registry_configuration_open ON registry_configuration (device_id)
WHERE desired IS NOT NULL AND desired IS DISTINCT FROM actual
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0010_search")]

    operations = [
        migrations.AddField("agreementterms", "converted_at", models.DateTimeField(null=True)),
        migrations.RunSQL(_WISHES, "DROP INDEX registry_configuration_open"),
    ]
