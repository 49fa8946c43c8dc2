"""Orders that change payment modes: how far they are, and what became of each supply. They are asked for as operations."""

from typing import Annotated

from urja.apps.contracts.kinds import ModeChangeState
from urja.apps.overviews.queries import mode_changes as seen
from urja.base.sentences import from_plain
from urja.web.api import agreement_answers, answers, parameters
from urja.web.api.lists import local, one, page
from urja.web.api.routes import Ask, ListQuery


def mode_changes(ask: Ask) -> answers.Page[agreement_answers.ModeChange]:
    rows = seen.orders().filter(seen.seen_in(ask.area, ask.now))
    return page(ask, rows, lambda found: [_order_of(ask, order) for order in found], newest_first=True)


def mode_change(ask: Ask) -> agreement_answers.ModeChange:
    return _order_of(ask, _order(ask))


class ModeChangeRowsQuery(ListQuery, frozen=True, kw_only=True):
    state: Annotated[str | None, parameters.one_of(ModeChangeState)] = None


def mode_change_rows(ask: Ask) -> answers.Page[agreement_answers.ModeChangeRow]:
    query: ModeChangeRowsQuery = ask.query
    rows = seen.rows_seen(_order(ask), ask.caller, ask.area, ask.now, state=query.state)
    return page(ask, rows, lambda found: [_row_of(row) for row in found], key="position")


def _order(ask: Ask) -> seen.OrderRow:
    inside = seen.seen_in(ask.area, ask.now)
    return one(ask, seen.orders().filter(id=ask.parts["id"]), inside, f"mode change {ask.parts['id']}")


def _order_of(ask: Ask, order: seen.OrderRow) -> agreement_answers.ModeChange:
    rows = seen.rows_seen(order, ask.caller, ask.area, ask.now)
    found = seen.sums(rows)
    return agreement_answers.ModeChange(
        id=order.id,
        payment_mode=order.payment_mode,
        effective_on=order.effective_on,
        no_disconnection_from=local(order.spares_from_at),
        arguments=order.arguments,
        reason=order.reason,
        actor=order.actor,
        requested_at=local(order.asked_at),
        stopped_at=local(order.stopped_at),
        ended_at=local(order.ended_at),
        states=seen.progress(rows),
        converted=found.amounts | {"plans_kept": found.plans_kept, "plans_new": found.plans_new},
    )


def _row_of(row: seen.AgreementRow) -> agreement_answers.ModeChangeRow:
    return agreement_answers.ModeChangeRow(
        row=row.position,
        consumer_number=row.named,
        state=row.state,
        agreement_id=row.agreement_id,
        account_id=row.account_id,
        service_point_id=row.service_point_id,
        operation_id=row.operation_id,
        ended_at=local(row.ended_at),
        detail=str(from_plain(row.detail)),
        result=row.result,
    )
