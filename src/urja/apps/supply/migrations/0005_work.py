"""An errand that was run is a change, where work orders are now."""

from django.db import migrations

TRIGGER = """
DROP TRIGGER supply_errand_ended ON commands_work_order;
CREATE TRIGGER supply_errand_ended AFTER UPDATE OF closed_at ON work_order
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL)
    EXECUTE FUNCTION supply_place_changed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("supply", "0004_errands"),
        ("work", "0001_initial"),
    ]

    operations = [migrations.RunSQL(TRIGGER, "DROP TRIGGER supply_errand_ended ON work_order")]
