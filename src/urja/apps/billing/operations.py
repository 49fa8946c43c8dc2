"""Final settlements of ended supplies."""

from datetime import datetime

from urja.apps.billing.models import FinalSettlement


def final_settlement(final_id: int) -> FinalSettlement:
    """Return a final settlement by its number; raises FinalSettlement.DoesNotExist."""
    return FinalSettlement.objects.get(id=final_id)


def note_settled(final: FinalSettlement, amount_minor: int, now: datetime) -> None:
    """Record that a further amount, in minor units, was settled."""
    final.settled_at = final.settled_at or now
    final.amount_minor += amount_minor
    final.save(update_fields=["settled_at", "amount_minor"])
