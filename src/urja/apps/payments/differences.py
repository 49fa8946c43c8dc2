"""Notes of clerks on differences in money that no rule settles, and their closing.

No money moves here: what follows is done with the gateway or the bank, or by a posting of its own. A difference closed
by a clerk stays closed, whatever later reports say.
"""

from datetime import datetime

from urja.apps.payments.models import Unmatched
from urja.apps.payments.queries import notes


def lock(difference_id: int) -> Unmatched | None:
    """Return a difference with a row lock held until the transaction ends; None where the id is unknown."""
    return Unmatched.objects.select_for_update(no_key=True).filter(id=difference_id).first()


def annotate(difference: Unmatched, text: str, *, at: datetime, actor: str, operation_id: int) -> None:
    """Append a clerk's note to a difference."""
    _say(difference, text, at, actor, operation_id)
    difference.save(update_fields=["detail"])


def close(difference: Unmatched, text: str, *, at: datetime, actor: str, operation_id: int) -> None:
    """Close a difference with a note that says why."""
    _say(difference, text, at, actor, operation_id)
    difference.closed_at = at
    difference.save(update_fields=["detail", "closed_at"])


def reopen(difference_id: int) -> None:
    """Reopen a difference that was closed by mistake; its notes stay."""
    Unmatched.objects.filter(id=difference_id).update(closed_at=None)


def _say(difference: Unmatched, text: str, at: datetime, actor: str, operation_id: int) -> None:
    said = {"at": at.isoformat(), "by": actor, "text": text.strip(), "operation": operation_id}
    difference.detail = {**difference.detail, "notes": [*notes(difference), said]}
