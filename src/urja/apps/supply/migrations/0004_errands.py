"""An errand that was run is a change: somebody has switched by hand."""

from django.db import migrations

TRIGGER = """
CREATE TRIGGER supply_errand_ended AFTER UPDATE OF closed_at ON commands_work_order
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL)
    EXECUTE FUNCTION supply_place_changed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("supply", "0003_changed_when"),
        ("commands", "0002_by_hand"),
        ("registry", "0004_load_switch"),
    ]

    operations = [
        migrations.RunSQL(TRIGGER, "DROP TRIGGER supply_errand_ended ON commands_work_order"),
    ]
