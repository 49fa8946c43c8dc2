"""What periods were rated from names the tariff and the load too, since when each: a change of terms is seen by it."""

from django.db import migrations

TERMS = """
UPDATE ledger_rated r SET versions = concat_ws(' ', r.billed_first, t.tariff_code, t.sanctioned_load_w, r.versions)
FROM (
    SELECT DISTINCT ON (agreement_id) agreement_id, tariff_code, sanctioned_load_w
    FROM registry_agreement_terms ORDER BY agreement_id, valid_from
) t WHERE t.agreement_id = r.agreement_id;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_credits_by_posting"), ("registry", "0007_rules")]

    operations = [migrations.RunSQL(TERMS, migrations.RunSQL.noop)]
