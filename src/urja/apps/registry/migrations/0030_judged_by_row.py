"""Rows of files are judged as everybody's: what let a load be judged statement by statement goes."""

from django.db import migrations

_TRIGGERS = """
DROP TRIGGER registry_agreements_in_order ON registry_agreement;
DROP TRIGGER registry_terms_in_order ON registry_agreement_terms;
DROP TRIGGER registry_devices_in_order ON registry_device;
DROP TRIGGER registry_devices_in_order ON registry_device_period;
DROP FUNCTION registry_agreements_in_order();
DROP FUNCTION registry_terms_in_order();
DROP FUNCTION registry_devices_in_order();
DROP FUNCTION registry_uncovered(bigint[]);

DROP TRIGGER registry_consumers_only_new ON registry_agreement;
DROP TRIGGER registry_consumers_only ON registry_agreement;
CREATE TRIGGER registry_consumers_only BEFORE INSERT OR UPDATE OF service_point_id ON registry_agreement
FOR EACH ROW EXECUTE FUNCTION registry_consumers_only();

DROP TRIGGER registry_terms_cover_new ON registry_agreement;
DROP TRIGGER registry_terms_cover ON registry_agreement;
CREATE CONSTRAINT TRIGGER registry_terms_cover AFTER INSERT OR UPDATE ON registry_agreement
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_terms_cover();

DROP TRIGGER registry_terms_cover_new ON registry_agreement_terms;
DROP TRIGGER registry_terms_cover ON registry_agreement_terms;
CREATE CONSTRAINT TRIGGER registry_terms_cover AFTER INSERT OR UPDATE OR DELETE ON registry_agreement_terms
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_terms_cover();

DROP TRIGGER registry_stock_agrees_new ON registry_device;
DROP TRIGGER registry_stock_agrees ON registry_device;
CREATE CONSTRAINT TRIGGER registry_stock_agrees AFTER INSERT OR UPDATE OF stock ON registry_device
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_stock_agrees();

DROP TRIGGER registry_stock_agrees_new ON registry_device_period;
DROP TRIGGER registry_stock_agrees ON registry_device_period;
CREATE CONSTRAINT TRIGGER registry_stock_agrees AFTER INSERT OR UPDATE OR DELETE ON registry_device_period
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_stock_agrees();

DROP FUNCTION registry_by_statement();
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0029_taken_over")]

    operations = [migrations.RunSQL(_TRIGGERS, migrations.RunSQL.noop)]
