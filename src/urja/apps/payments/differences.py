"""Notes of clerks on differences in money that no rule settles, and their closing.

No money moves here: what follows is done with the gateway or the bank, or by a posting of its own. A difference closed
by a clerk stays closed, whatever later reports say.
"""

from datetime import datetime

from urja.apps.payments.models import Unmatched
from urja.apps.payments.queries import notes
from urja.base.untyped_values import JsonObject


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


def open_difference(
    provider: str, payment_id: str, amount_minor: int, reason: str, *, detail: JsonObject, at: datetime
) -> None:
    """Record a difference of `amount_minor` minor units for a clerk, once for the same id, reason and amount."""
    Unmatched.objects.bulk_create(
        [
            Unmatched(
                provider=provider,
                payment_id=payment_id,
                amount_minor=amount_minor,
                reason=reason,
                detail=detail,
                seen_at=at,
            )
        ],
        ignore_conflicts=True,
    )


def close_all(
    provider: str, payment_id: str, text: str, *, at: datetime, actor: str, operation_id: int
) -> None:
    """Close the open differences of an id with a note that says why."""
    for difference in Unmatched.objects.filter(provider=provider, payment_id=payment_id, closed_at=None):
        close(difference, text, at=at, actor=actor, operation_id=operation_id)
