"""What people find out about money that no rule settles, kept with it in the order it was said, and that it is settled.

No money moves by any of this: whatever follows is done with the gateway or the bank, or by a posting of its own. What
somebody has closed stays closed, whatever reports say later.
"""

from datetime import datetime

from urja.apps.payments.models import Unmatched
from urja.apps.payments.queries import notes


def lock(difference_id: int) -> Unmatched | None:
    """A difference, kept from everybody else until the transaction ends."""
    return Unmatched.objects.select_for_update(no_key=True).filter(id=difference_id).first()


def annotate(difference: Unmatched, text: str, *, at: datetime, actor: str, operation_id: int) -> None:
    """Keep what somebody has found out."""
    _say(difference, text, at, actor, operation_id)
    difference.save(update_fields=["detail"])


def close(difference: Unmatched, text: str, *, at: datetime, actor: str, operation_id: int) -> None:
    """It is settled, and why; nobody need look any more."""
    _say(difference, text, at, actor, operation_id)
    difference.closed_at = at
    difference.save(update_fields=["detail", "closed_at"])


def reopen(difference_id: int) -> None:
    """It was closed by mistake: somebody has to look again. What was said about it stays."""
    Unmatched.objects.filter(id=difference_id).update(closed_at=None)


def _say(difference: Unmatched, text: str, at: datetime, actor: str, operation_id: int) -> None:
    said = {"at": at.isoformat(), "by": actor, "text": text.strip(), "operation": operation_id}
    difference.detail = {**difference.detail, "notes": [*notes(difference), said]}
