"""A disputed bill is no reason to hold a supply off: such holds and orders end, and no unknown reason comes in again."""

from django.db import migrations, models

# By business time, which the last judgement of the services tells to within five minutes.
_END_DISPUTES = """
INSERT INTO supply_changed (account_id, what)
    SELECT s.account_id, 'supply_dispute_ended' FROM supply_state s
    WHERE EXISTS (SELECT FROM supply_hold h WHERE h.service_point_id = s.service_point_id
        AND h.reason = 'dispute' AND h.released_at IS NULL);
UPDATE supply_hold SET released_by = 'upgrade',
    released_at = greatest(placed_at, coalesce((SELECT max(at) FROM supply_health), placed_at))
    WHERE reason = 'dispute' AND released_at IS NULL;
UPDATE supply_order SET applied_at = requested_at WHERE hold = 'dispute' AND applied_at IS NULL;
"""

ORDERED = ["ended", "overload", "request", "safety", "tamper", "vacant"]


class Migration(migrations.Migration):
    dependencies = [("supply", "0008_outlook")]

    operations = [
        migrations.RunSQL(_END_DISPUTES, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=models.Q(("applied_at__isnull", False), ("hold__in", ORDERED), _connector="OR"),
                name="supply_order_known_reason",
            ),
        ),
        migrations.AddConstraint(
            "hold",
            models.CheckConstraint(
                condition=models.Q(
                    ("released_at__isnull", False), ("reason__in", ["credit", *ORDERED]), _connector="OR"
                ),
                name="supply_hold_known_reason",
            ),
        ),
    ]
