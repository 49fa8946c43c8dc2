"""The writing side of the supply: what operators order.

What the stage `decide` does with them is `urja.apps.supply.switching` and `urja.apps.supply.account_states`.
"""

from datetime import datetime

from django.db import connection

from urja.apps.supply.errors import UnknownHoldError
from urja.apps.supply.models import ORDERED, Order, OrderAction


def request_hold(
    service_point_id: int, reason: str, *, actor: str, requested_at: datetime, note: str = ""
) -> Order:
    """Order that a supply be held off (`ORDERED`); the pipeline switches. Raises UnknownHoldError."""
    return _order(OrderAction.HOLD, service_point_id, reason, actor, requested_at, note)


def request_release(
    service_point_id: int, reason: str, *, actor: str, requested_at: datetime, note: str = ""
) -> Order:
    """Order that one reason be taken away; supply returns when none is left. Raises UnknownHoldError."""
    return _order(OrderAction.RELEASE, service_point_id, reason, actor, requested_at, note)


def _order(
    action: OrderAction, service_point_id: int, reason: str, actor: str, requested_at: datetime, note: str
) -> Order:
    if reason not in ORDERED:
        raise UnknownHoldError(f"no supply is held off for {reason!r}; known: {', '.join(ORDERED)}")
    return Order.objects.create(
        service_point_id=service_point_id,
        action=action,
        hold=reason,
        note=note,
        actor=actor,
        requested_at=requested_at,
    )


def decide_all_again() -> None:
    """Let every account be decided anew, as after a change of the rules."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE supply_state SET seen_seq = -1")
