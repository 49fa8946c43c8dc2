"""A letter that was posted, or was entered by mistake, lets its account be looked at."""

from django.db import migrations

_UP = """
CREATE TRIGGER supply_letter_posted AFTER INSERT OR UPDATE OF ended_at ON notices_notice
    FOR EACH ROW WHEN (NEW.channel = 'letter') EXECUTE FUNCTION supply_account_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("supply", "0009_hold_reasons"), ("notices", "0006_letters")]

    operations = [migrations.RunSQL(_UP, "DROP TRIGGER supply_letter_posted ON notices_notice")]
