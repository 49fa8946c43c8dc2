"""Pages of changes of payment modes: the list, one order's progress with its sums, and the report of its rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.contracts.kinds import ModeChangeState, PaymentMode
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.overviews.queries import mode_changes as seen, paging
from urja.base.sentences import from_plain
from urja.web.console import row_progress, wording
from urja.web.console.actor_names import names_of
from urja.web.console.effect_words import instant
from urja.web.console.operation_page import Choice, operation_named
from urja.web.console.row_progress import Line, ListPage, address, counts_in_words
from urja.web.console.search_page import address_of
from urja.web.shared import formats


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRow(row_progress.Row):
    amounts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPage(row_progress.ProgressPage[SupplyRow]):
    sums: list[tuple[str, str]]
    waits_for_close: bool
    """Whether rows wait for the close of the day before."""


def orders_page(caller: Caller, now: datetime, before: int | None) -> ListPage:
    """Return the orders with a supply in the caller's area, newest first."""
    area = caller.must(Read.MODE_CHANGES)
    orders, older = row_progress.newest(seen.orders().filter(seen.seen_in(area, now)), before)
    called = names_of(order.actor for order in orders)
    may_begin = operation_named("change_modes", caller) is not None
    return ListPage(
        lines=[
            Line(
                title=title_of(order),
                counts=counts_in_words(
                    seen.progress(seen.rows_seen(order, caller, area, now)), wording.mode_change_state
                ),
                detail=f"{called.get(order.actor, order.actor)}, {instant(order.asked_at)}: {_reason(order)}",
                href=reverse("console:mode-change", args=[order.id]),
            )
            for order in orders
        ],
        begin=[
            Choice(
                "change_modes",
                wording.operation("change_modes"),
                reverse("console:operation", args=["change_modes"]),
            )
        ]
        if may_begin
        else [],
        instead=() if may_begin else _instead(caller),
        before=orders[-1].id if older else None,
    )


def _instead(caller: Caller) -> tuple[str, ...]:
    said = [
        _(
            "Only a revenue officer orders a change. Ask one, with the consumer numbers or the area, the day and the reason."
        )
    ]
    if operation_named("stop_mode_change", caller) is not None:
        said.append(_("You may stop an order that is not finished: open it and choose Stop."))
    return tuple(said)


def order_page(
    order_id: int, caller: Caller, now: datetime, chosen: str, after: int | None
) -> OrderPage | None:
    """Return an order with the rows in the caller's area, or None without such rows."""
    area = caller.must(Read.MODE_CHANGES)
    order, _exists = paging.one(seen.orders().filter(id=order_id), seen.seen_in(area, now))
    if order is None:
        return None
    chosen = chosen if chosen in ModeChangeState else ""
    rows = seen.rows_seen(order, caller, area, now)
    shown, more = row_progress.rows_of_page(rows, chosen, after)
    counts, at = seen.progress(rows), reverse("console:mode-change", args=[order.id])
    waiting = counts[ModeChangeState.WAITING]
    may_stop = operation_named("stop_mode_change", caller) is not None and waiting
    return OrderPage(
        id=order.id,
        title=title_of(order),
        facts=_facts(order),
        sums=_sums(seen.sums(rows)) if counts[ModeChangeState.DONE] else [],
        filters=row_progress.filters(counts, chosen, at, wording.mode_change_state),
        rows=[_row(row, caller) for row in shown],
        next=address(at, state=chosen, after=shown[-1].position) if more else "",
        file=reverse("console:mode-change-report", args=[order.id]),
        under_way=order.ended_at is None,
        waits_for_close=bool(waiting)
        and order.payment_mode == PaymentMode.PREPAID
        and order.effective_at <= now,
        stop=f"{reverse('console:operation', args=['stop_mode_change'])}?mode_change_id={order.id}"
        if may_stop
        else "",
        ended=sum(counts.values()) - waiting,
        total=sum(counts.values()),
    )


def report(order_id: int, caller: Caller, now: datetime) -> Iterator[str] | None:
    """Return the lines of a CSV file of all rows in the caller's area, or None without such rows."""
    area = caller.must(Read.MODE_CHANGES)
    order, _exists = paging.one(seen.orders().filter(id=order_id), seen.seen_in(area, now))
    return None if order is None else seen.csv_of(seen.rows_seen(order, caller, area, now))


def title_of(order: seen.OrderRow) -> str:
    """Return the title of an order: its direction and its day."""
    day = formats.day(order.effective_on)
    if order.payment_mode == PaymentMode.PREPAID:
        return _("To prepaid from %(day)s on") % {"day": day}
    return _("To postpaid from %(day)s on") % {"day": day}


def _reason(order: seen.OrderRow) -> str:
    """The reason that was given; a conversion of a single supply has none."""
    return order.reason or wording.operation("convert_to_prepaid")


def _facts(order: seen.OrderRow) -> list[tuple[str, str]]:
    called = names_of([order.actor, order.stopped_by])
    arguments = order.arguments
    facts = [
        (_("Requested by"), called.get(order.actor, order.actor)),
        (_("Time"), instant(order.asked_at)),
        (_("Reason"), _reason(order)),
    ]
    if arguments["tariff_code"]:
        facts.append((_("Tariff"), arguments["tariff_code"]))
    if order.spares_from_at is not None:
        facts.append((_("No disconnection for a balance from"), instant(order.spares_from_at)))
    if arguments["instalments"]:
        first = formats.day(date.fromisoformat(arguments["first_due_on"]))
        facts.append(
            (
                _("Instalments of dues"),
                _("%(count)s each month, the first on %(day)s")
                % {"count": arguments["instalments"], "day": first},
            )
        )
    if arguments["deposit_minor"] and "deposit_due_on" in arguments:
        first = formats.day(date.fromisoformat(arguments["deposit_due_on"]))
        facts.append(
            (
                _("Instalments of security deposits"),
                _("%(count)s each month, the first on %(day)s")
                % {"count": arguments["deposit_instalments"], "day": first},
            )
        )
    if order.stopped_at is not None:
        by = called.get(order.stopped_by, order.stopped_by)
        facts.append((_("Stopped"), f"{instant(order.stopped_at)}, {by}"))
    if order.ended_at is not None:
        facts.append((_("Ended"), instant(order.ended_at)))
    return facts


def _sums(found: seen.Sums) -> list[tuple[str, str]]:
    amounts = found.amounts
    said = [(_("Balances together"), formats.money(amounts["balance_minor"]))]
    said += [
        (label, formats.money(amounts[name]))
        for label, name in (
            (_("Dues before"), "dues_minor"),
            (_("Became dues"), "set_apart_minor"),
            (_("Security deposits used"), "deposit_minor"),
            (_("Security deposits owed"), "deposit_due_minor"),
        )
        if amounts[name]
    ]
    if found.plans_kept:
        said.append((_("Instalment plans that go on"), str(found.plans_kept)))
    if found.plans_new:
        said.append((_("New instalment plans"), str(found.plans_new)))
    return said


def _row(row: seen.AgreementRow, caller: Caller) -> SupplyRow:
    known = row.service_point_id is not None and caller.area(Read.DEVICE) is not None
    return SupplyRow(
        number=row.position,
        named=row.named,
        href=address_of(row.named) if known else "",
        state=row.state,
        word=wording.mode_change_state(row.state),
        detail=wording.sentence(from_plain(row.detail)) if row.detail else "",
        at="" if row.ended_at is None else instant(row.ended_at),
        amounts=_amounts(row) if row.result else [],
    )


def _amounts(row: seen.AgreementRow) -> list[tuple[str, str]]:
    result = row.result
    said = [(_("Balance"), formats.money(result["balance_minor"]))]
    said += [
        (label, formats.money(result[name]))
        for label, name in (
            (_("Dues before"), "dues_minor"),
            (_("Became dues"), "set_apart_minor"),
            (_("Security deposit used"), "deposit_minor"),
            (_("Security deposit owed"), "deposit_due_minor"),
            (_("Instalment each month"), "instalment_minor"),
        )
        if result[name]
    ]
    if result["plan"] == "kept":
        said.append((_("Instalment plan"), _("goes on")))
    return said
