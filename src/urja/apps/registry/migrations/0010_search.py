"""What people search by: words of names and addresses, and telephone numbers (docs/adr/0015)."""

from django.db import migrations, models

# Punctuation is ASCII's and spaces alone: a locale's idea of a letter leaves out the vowel signs of Indian scripts.
_WORDS = r"""
CREATE FUNCTION registry_words(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(array_remove(regexp_split_to_array(lower(said), '[\s!-/:-@\[-`{-~]+'), ''))
$$
"""

_INDEXES = """
CREATE INDEX registry_person_words ON registry_person USING gin (registry_words(name));
CREATE INDEX registry_premise_words ON registry_premise
    USING gin (registry_words(name || ' ' || address || ' ' || pin_code));
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0009_tokens")]

    operations = [
        migrations.RunSQL(_WORDS, "DROP FUNCTION registry_words"),
        migrations.RunSQL(_INDEXES, "DROP INDEX registry_person_words, registry_premise_words"),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(
                fields=["phone"], condition=models.Q(phone__isnull=False), name="registry_person_phone"
            ),
        ),
    ]
