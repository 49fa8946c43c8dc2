"""Orders that change the payment mode of many agreements: making, stopping, and how far each is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Exists, OuterRef

from urja.apps.contracts.kinds import ModeChangeState, PaymentMode
from urja.apps.contracts.models import ModeChange, ModeChangeRow
from urja.base.sentences import to_plain
from urja.base.untyped_values import JsonObject


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a request: its agreement, or what is wrong with it."""

    position: int
    """From 1, as people count."""
    named: str
    agreement_id: int | None = None
    account_id: int | None = None
    service_point_id: int | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class OrderContent:
    """What an order says."""

    payment_mode: PaymentMode
    effective_on: date
    effective_at: datetime
    spares_from_at: datetime | None
    reason: str
    arguments: JsonObject = field(default_factory=dict)


def make(
    order_id: int, content: OrderContent, rows: Sequence[Row], *, actor: str, asked_at: datetime
) -> ModeChange:
    """Create an order with its rows and return it; a row with a fault is stored as refused, with its sentence."""
    order = ModeChange.objects.create(
        id=order_id,
        payment_mode=content.payment_mode,
        effective_on=content.effective_on,
        effective_at=content.effective_at,
        spares_from_at=content.spares_from_at,
        arguments=content.arguments,
        reason=content.reason,
        actor=actor,
        asked_at=asked_at,
        agreements=len(rows),
    )
    ModeChangeRow.objects.bulk_create([_row(order, row, asked_at) for row in rows], batch_size=1000)
    return order


def _row(order: ModeChange, row: Row, at: datetime) -> ModeChangeRow:
    refused = {"state": ModeChangeState.REFUSED, "detail": to_plain(row.fault or ""), "ended_at": at}
    return ModeChangeRow(
        mode_change=order,
        position=row.position,
        named=row.named[:64],
        agreement_id=row.agreement_id,
        account_id=row.account_id,
        service_point_id=row.service_point_id,
        **(refused if row.fault is not None else {}),
    )


def stop(order_id: int, *, actor: str, at: datetime) -> int:
    """Leave the rows of an order whose turn has not come as they are; return how many. What is done stays done."""
    ModeChange.objects.filter(id=order_id).update(stopped_at=at, stopped_by=actor)
    return ModeChangeRow.objects.filter(mode_change_id=order_id, state=ModeChangeState.WAITING).update(
        state=ModeChangeState.LEFT, ended_at=at
    )


def is_over(order_id: int) -> bool:
    """Return whether there is an order with this number of which no row waits.

    Its rows stay locked until the transaction ends: none is converted meanwhile.
    """
    rows = ModeChangeRow.objects.select_for_update().filter(mode_change_id=order_id).order_by("position")
    states = list(rows.values_list("state", flat=True))
    return bool(states) and ModeChangeState.WAITING not in states


def end_finished(now: datetime) -> int:
    """End the orders whose rows have all ended; return how many."""
    waiting = ModeChangeRow.objects.filter(mode_change=OuterRef("pk"), state=ModeChangeState.WAITING)
    return ModeChange.objects.filter(~Exists(waiting), ended_at=None).update(ended_at=now)


def begin_to_spare(now: datetime) -> int:
    """Note that orders have begun to spare their agreements, which calls disconnections under way back (a trigger of
    the app supply); return how many orders.
    """
    due = ModeChange.objects.filter(ended_at=None, spared_at=None, spares_from_at__lte=now)
    return due.update(spared_at=now)


def untold(limit: int) -> list[ModeChangeRow]:
    """Return rows of open orders whose consumers have no notice of the change yet, locked, with their orders."""
    rows = ModeChangeRow.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=ModeChangeState.WAITING, told_at=None, mode_change__ended_at=None
    )
    return list(rows.select_related("mode_change").order_by("id")[:limit])


def note_told(rows: Iterable[ModeChangeRow], now: datetime) -> None:
    """Note that the notices of these rows were requested."""
    ModeChangeRow.objects.filter(id__in=[row.id for row in rows]).update(told_at=now)


def end_row(
    row: ModeChangeRow,
    state: ModeChangeState,
    at: datetime,
    *,
    operation_id: int | None = None,
    result: Mapping[str, object] | None = None,
    detail: str | None = None,
) -> None:
    """Record how a row has ended."""
    row.state, row.ended_at, row.operation_id = state, at, operation_id
    row.result, row.detail = dict(result or {}), "" if detail is None else to_plain(detail)
    row.save(update_fields=["state", "ended_at", "operation_id", "result", "detail"])


def orders_of(agreement_ids: Iterable[int]) -> dict[int, int]:
    """Return the open order that each of these agreements waits in, by agreement."""
    waiting = ModeChangeRow.objects.filter(
        agreement_id__in=list(agreement_ids), state=ModeChangeState.WAITING
    )
    return {
        agreement_id: order_id
        for agreement_id, order_id in waiting.values_list("agreement_id", "mode_change_id")
        if agreement_id is not None
    }


def service_points_of(order_id: int) -> list[int]:
    """Return the service points of an order's agreements."""
    rows = ModeChangeRow.objects.filter(mode_change_id=order_id)
    return [id_ for id_ in rows.values_list("service_point_id", flat=True) if id_ is not None]
