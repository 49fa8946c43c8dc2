"""Orders of operators. The stage `decide` acts on them (`supply.switching`, `supply.account_states`)."""

from datetime import datetime

from django.db import connection

from urja.apps.supply.errors import UnknownHoldError
from urja.apps.supply.models import ORDERED, Order, OrderAction


def request_hold(
    service_point_id: int, reason: str, *, actor: str, requested_at: datetime, note: str = ""
) -> Order:
    """Order at a UTC instant that a supply be disconnected for a reason in `ORDERED`; the pipeline switches.

    Raises UnknownHoldError for another reason.
    """
    return _order(OrderAction.HOLD, service_point_id, reason, actor, requested_at, note)


def request_release(
    service_point_id: int, reason: str, *, actor: str, requested_at: datetime, note: str = ""
) -> Order:
    """Order at a UTC instant that one reason be removed; the pipeline reconnects when none is left.

    Raises UnknownHoldError for a reason that is not in `ORDERED`.
    """
    return _order(OrderAction.RELEASE, service_point_id, reason, actor, requested_at, note)


def _order(
    action: OrderAction, service_point_id: int, reason: str, actor: str, requested_at: datetime, note: str
) -> Order:
    if reason not in ORDERED:
        raise UnknownHoldError(f"no supply is disconnected for {reason!r}; give one of: {', '.join(ORDERED)}")
    return Order.objects.create(
        service_point_id=service_point_id,
        action=action,
        hold=reason,
        note=note,
        actor=actor,
        requested_at=requested_at,
    )


def decide_all_again() -> None:
    """Let every account be decided again in the next run, as after a change of policy."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE supply_state SET seen_seq = -1")
