"""The hash of a version is that of its files, as the database calculates it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("meter_types", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE meter_types_version ADD CONSTRAINT meter_types_hash"
            " CHECK (sha256 = encode(sha256(convert_to(text, 'UTF8')), 'hex'))",
            "ALTER TABLE meter_types_version DROP CONSTRAINT meter_types_hash",
        ),
    ]
