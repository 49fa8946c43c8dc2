"""Writing side of billing beside posting: what became of the money that was left when a supply ended."""

from datetime import datetime

from urja.apps.billing.models import FinalSettlement


def final_settlement(final_id: int) -> FinalSettlement:
    """What was asked for the rest of an ended supply's account, and what went that way so far."""
    return FinalSettlement.objects.get(id=final_id)


def note_settled(final: FinalSettlement, amount_minor: int, now: datetime) -> None:
    """Note that so much more went the way that was asked for."""
    final.settled_at = final.settled_at or now
    final.amount_minor += amount_minor
    final.save(update_fields=["settled_at", "amount_minor"])
