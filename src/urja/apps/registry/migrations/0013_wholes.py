"""Societies and complexes by the words of their names and addresses: flats are found by them (docs/adr/0015)."""

from django.db import migrations

_INDEX = """
CREATE INDEX registry_premise_whole_words ON registry_premise
    USING gin (registry_words(name || ' ' || address || ' ' || pin_code)) WHERE kind IN ('society', 'complex')
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0012_in_area")]

    operations = [migrations.RunSQL(_INDEX, "DROP INDEX registry_premise_whole_words")]
