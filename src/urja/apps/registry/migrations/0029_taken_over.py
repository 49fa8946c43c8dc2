"""What is billed by a meter that nobody has called here, and from when: taken over is not commissioned.

Meters that were adopted or loaded before count as commissioned, as they were said to be.
"""

from django.db import migrations, models

# A computed column of the table (`p.in_service_at`), inlined by the planner; it stands in no row and no history.
_IN_SERVICE = """
CREATE FUNCTION in_service_at(period registry_device_period) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    AS 'SELECT coalesce($1.taken_over_at, $1.commissioned_at)'
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0028_firmware_projected")]

    operations = [
        migrations.AddField(
            model_name="deviceperiod", name="taken_over_at", field=models.DateTimeField(null=True)
        ),
        migrations.RunSQL(_IN_SERVICE, "DROP FUNCTION in_service_at(registry_device_period)"),
    ]
