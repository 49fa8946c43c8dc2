"""Signed orders for the broker, as the stage `dispatch` publishes them.

A command is stored as sent, with its signature, before its order leaves: from then on it counts as on its way,
whichever process dies next. `published` is set when the broker has it. Until then the order is published again and
again, and the head end recognises it by its sequence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q

from urja.apps.commands.kinds import CONNECT, State
from urja.apps.commands.models import Command
from urja.base.ids import bucket_of, shard_of
from urja.stream.orders import Order, SignedOrder


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An order that is to be published."""

    order: Order
    signed: SignedOrder
    shard: int
    """Shard of the subjects that it travels on: that of its service point, like the meter's readings."""


def claim(now: datetime, wall_ms: int, sign: Callable[[Order], SignedOrder], limit: int) -> list[Outgoing]:
    """Sign queued commands that are not expired, reconnections first, and store them as sent; return their orders.

    Orders that were stored as sent before and may not have reached the broker are among them. `now` is business time
    in UTC, `wall_ms` the wall clock in ms.
    """
    with transaction.atomic():
        waiting = list(
            # Of the commands alone: the joined device stays free for others. Locked ones are being claimed or
            # ended elsewhere.
            Command.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("device")
            .filter(Q(state=State.QUEUED) | Q(state__in=_LEFT, published=False), expires_at__gt=now)
            .order_by(_RECONNECTIONS_FIRST, "id")[:limit]
        )
        outgoing = [_outgoing(command, sign) for command in waiting]
        for command, out in zip(waiting, outgoing, strict=True):
            if command.state == State.QUEUED:
                command.state = State.SENT
                command.sent_at, command.sent_wall_ms = now, wall_ms
                command.signature = out.signed.signature
        Command.objects.bulk_update(waiting, ["state", "sent_at", "sent_wall_ms", "signature"])
    return outgoing


def mark_published(command_ids: Sequence[int]) -> None:
    """Record that the broker has stored the orders of these commands."""
    Command.objects.filter(id__in=command_ids).update(published=True)


_LEFT = (State.SENT, State.ACKNOWLEDGED)
_RECONNECTIONS_FIRST = ExpressionWrapper(Q(kind=CONNECT), output_field=BooleanField()).desc()


def _outgoing(command: Command, sign: Callable[[Order], SignedOrder]) -> Outgoing:
    order = Order(
        command_id=command.id,
        device_id=command.device_id,
        system_title=bytes(command.device.system_title),
        kind=command.kind,
        arguments=command.arguments,
        sequence=command.sequence,
        issued_at=command.issued_at,
        expires_at=command.expires_at,
        correlation=command.cause_correlation,
    )
    return Outgoing(order, sign(order), shard_of(bucket_of(command.service_point_id)))
