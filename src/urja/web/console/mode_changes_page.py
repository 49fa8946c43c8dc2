"""Pages of changes of payment modes: the list, one order's progress with its sums, and the report of its rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.contracts.kinds import ModeChangeState, PaymentMode
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.overviews.queries import mode_changes as seen, paging
from urja.base.sentences import from_plain
from urja.web.console import wording
from urja.web.console.actor_names import names_of
from urja.web.console.effect_words import instant
from urja.web.console.operation_page import Choice, operation_named
from urja.web.console.search_page import address_of
from urja.web.shared import formats

ORDERS_AT_ONCE: Final = 50
ROWS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class OrderLine:
    title: str
    counts: str
    detail: str
    href: str


@dataclass(frozen=True, slots=True)
class OrdersPage:
    orders: list[OrderLine]
    begin: list[Choice]
    """The form of a new order, if the caller may request one."""
    instead: list[str]
    """Who may order one and what to do, for a caller who may not."""
    before: int | None
    """Number of the last order shown, if there are older ones."""


@dataclass(frozen=True, slots=True)
class Filter:
    label: str
    count: int
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    named: str
    href: str
    """Address of the service point; empty if the caller may not open it."""
    state: str
    word: str
    detail: str
    at: str
    amounts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class OrderPage:
    id: int
    title: str
    facts: list[tuple[str, str]]
    sums: list[tuple[str, str]]
    filters: list[Filter]
    rows: list[Row]
    next: str
    """Address of the next rows; empty on the last page."""
    file: str
    """Address of the report of all rows as CSV."""
    under_way: bool
    waits_for_close: bool
    """Whether rows wait for the close of the day before."""
    stop: str
    """Address of the form that stops it; empty if nothing is left to stop or the caller may not."""
    ended: int
    agreements: int


def orders_page(caller: Caller, now: datetime, before: int | None) -> OrdersPage:
    """Return the orders with a supply in the caller's area, newest first."""
    area = caller.must(Read.MODE_CHANGES)
    found = seen.orders().filter(seen.seen_in(area, now))
    orders = paging.page(found, ORDERS_AT_ONCE + 1, after=before, newest_first=True)
    shown = orders[:ORDERS_AT_ONCE]
    called = names_of(order.actor for order in shown)
    may_begin = operation_named("change_modes", caller) is not None
    return OrdersPage(
        orders=[
            OrderLine(
                title=title_of(order),
                counts=_counts(seen.progress(seen.rows_seen(order, caller, area, now))),
                detail=f"{called.get(order.actor, order.actor)}, {instant(order.asked_at)}: {_reason(order)}",
                href=reverse("console:mode-change", args=[order.id]),
            )
            for order in shown
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
        instead=[] if may_begin else _instead(caller),
        before=shown[-1].id if len(orders) > len(shown) else None,
    )


def _instead(caller: Caller) -> list[str]:
    said = [
        _(
            "Only a revenue officer orders a change. Ask one, with the consumer numbers or the area, the day and the reason."
        )
    ]
    if operation_named("stop_mode_change", caller) is not None:
        said.append(_("You may stop an order that is not finished: open it and choose Stop."))
    return said


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
    part = rows.filter(state=chosen) if chosen else rows
    found = paging.page(part, ROWS_AT_ONCE + 1, key="position", after=after)
    shown = found[:ROWS_AT_ONCE]
    counts, at = seen.progress(rows), reverse("console:mode-change", args=[order.id])
    waiting = counts[ModeChangeState.WAITING]
    may_stop = operation_named("stop_mode_change", caller) is not None and waiting
    return OrderPage(
        id=order.id,
        title=title_of(order),
        facts=_facts(order),
        sums=_sums(seen.sums(rows)) if counts[ModeChangeState.DONE] else [],
        filters=_filters(counts, chosen, at),
        rows=[_row(row, caller) for row in shown],
        next=_address(at, state=chosen, after=shown[-1].position) if len(found) > len(shown) else "",
        file=reverse("console:mode-change-report", args=[order.id]),
        under_way=order.ended_at is None,
        waits_for_close=bool(waiting)
        and order.payment_mode == PaymentMode.PREPAID
        and order.effective_at <= now,
        stop=f"{reverse('console:operation', args=['stop_mode_change'])}?mode_change_id={order.id}"
        if may_stop
        else "",
        ended=sum(counts.values()) - waiting,
        agreements=sum(counts.values()),
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


def _filters(counts: Mapping[str, int], chosen: str, at: str) -> list[Filter]:
    found = [Filter(_("All"), sum(counts.values()), at, not chosen)]
    for state, count in counts.items():
        if count or state == chosen:
            found.append(
                Filter(wording.mode_change_state(state), count, _address(at, state=state), state == chosen)
            )
    return found


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} {wording.mode_change_state(state)}" for state, count in counts.items() if count
    )


def _address(at: str, **parts: object) -> str:
    return f"{at}?{urlencode({name: value for name, value in parts.items() if value})}"


def _row(row: seen.AgreementRow, caller: Caller) -> Row:
    known = row.service_point_id is not None and caller.area(Read.DEVICE) is not None
    return Row(
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
