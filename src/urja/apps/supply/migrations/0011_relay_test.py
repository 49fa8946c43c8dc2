"""A supply may be held off for a moment, while its switch is tested."""

from django.db import migrations, models

ORDERED = ["ended", "overload", "relay_test", "request", "safety", "tamper", "vacant"]


class Migration(migrations.Migration):
    dependencies = [("supply", "0010_letter_posted")]

    operations = [
        migrations.RemoveConstraint("order", "supply_order_known_reason"),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=models.Q(("applied_at__isnull", False), ("hold__in", ORDERED), _connector="OR"),
                name="supply_order_known_reason",
            ),
        ),
        migrations.RemoveConstraint("hold", "supply_hold_known_reason"),
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
