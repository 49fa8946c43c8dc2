"""The control room: one page of power, accounts, payments, disconnections and losses, from the apps' queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _, ngettext

from urja.apps.billing.queries import charge_reviews
from urja.apps.books import queries as books
from urja.apps.commands.queries import releases
from urja.apps.commissioning import queries as commissioning
from urja.apps.journal.queries import failures
from urja.apps.overviews.queries import work_orders
from urja.apps.payments import queries as payments
from urja.apps.proofs import queries as proofs
from urja.apps.readings import queries as readings
from urja.apps.readings.queries.overview import (
    LOSS_LIMIT_PERCENT,
    MeterExceptions,
    NodeBalance,
    fleet_by_age,
    newest_exceptions,
    transformer_balance,
)
from urja.apps.supply import queries as supply
from urja.apps.supply.queries import AwaitingReconnection, PlannedCut, Switched, flags
from urja.apps.supply.queries.flags import Flag
from urja.apps.supply.queries.power import PowerCounts, TransformerPower, power_by_transformer
from urja.base.untyped_values import JsonObject
from urja.core.policy import Health, Reason
from urja.web.console import wording
from urja.web.console.search_page import address_of
from urja.web.shared import formats
from urja.web.shared.clock import zone

BALANCE_OVER: Final = timedelta(days=1)
SETTLEMENTS: Final = 5
"""Number of settlements shown, newest first; `urja settlement show` lists all."""
EXCEPTIONS: Final = 10
"""Meters with exceptions that are shown, the last one first."""
ROWS: Final = 100
"""Rows shown of a list; the count above it is complete."""
_AREAS_NAMED: Final = 10
"""Areas without readings that one alarm names."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong, and where it is dealt with."""

    sentence: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a bar: its label, count, and place."""

    key: str
    label: str
    count: int
    begins: str
    """Where it begins and how wide it is, in percent of the bar (SVG attributes)."""
    width: str


@dataclass(frozen=True, slots=True)
class Switching:
    place: str
    number: str
    time: str
    reason: str
    state: str
    good: bool
    href: str


@dataclass(frozen=True, slots=True)
class Planned:
    place: str
    number: str
    transformer: str
    window: str
    balance: str
    reason: str
    href: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A supply that waits for reconnection, a task that needs a site visit, or a meter with exceptions."""

    place: str
    number: str
    what: str
    since: str
    detail: str
    href: str = ""
    """Address of the service point, the work order or the meter; empty without one."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A payment or settlement that matches no order or entry."""

    payment: str
    order: str
    amount: str
    reason: str
    time: str
    note: str
    """The newest note about it."""
    href: str


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A transfer of the payment service to the utility's bank."""

    day: str
    reference: str
    paid: str
    refunded: str
    fees: str
    net: str
    fit: int
    rows: int


@dataclass(frozen=True, slots=True)
class Revenue:
    """Settlements, amounts in transit, and settlements that do not match."""

    on_its_way: str
    paid_out: list[PaidOut]
    differences: list[Unmatched]
    difference_count: int
    failing: str
    """The day whose settlement report is missing; empty if none is."""


@dataclass(frozen=True, slots=True)
class Loss:
    code: str
    feeder: str
    supplied: str
    consumed: str
    loss: str
    over: bool
    too_little: bool
    """Whether the energy is too little for a meaningful loss."""


@dataclass(frozen=True, slots=True)
class Unpowered:
    """A transformer with service points that have no power or do not communicate."""

    code: str
    """Code of the transformer; empty for service points without one."""
    feeder: str
    counts: PowerCounts
    since: str


@dataclass(frozen=True, slots=True)
class Console:
    now: str
    alarms: list[Alarm]
    called: list[str]
    """That new meters are being commissioned, while they are."""
    total: int
    ages: list[Share]
    power: PowerCounts
    unpowered: list[Unpowered]
    account_states: list[tuple[str, int]]
    cuts: list[Switching]
    cut_count: int
    reconnections: list[Switching]
    reconnection_count: int
    tomorrow: str
    planned: list[Planned]
    planned_count: int
    owed: str
    paid_but_disconnected: list[Waiting]
    site_visits: list[Waiting]
    unmatched: list[Unmatched]
    unmatched_count: int
    revenue: Revenue
    losses: list[Loss]
    loss_limit: int
    open_gaps: int
    exceptions: int
    newest_exceptions: list[Waiting]
    laws: str
    """Result of the last daily ledger checks."""


def console(now: datetime) -> Console:
    """Return the whole page as of `now`, in the utility's zone."""
    today = supply.today(now)
    tomorrow = (now + timedelta(days=1)).date()
    planned = supply.planned_cuts(tomorrow)
    missing = readings.health()
    proven = proofs.last_run()
    ages, waiting = _ages(now), payments.unmatched()
    power = power_by_transformer(now)
    return Console(
        now=formats.moment(now, now.date()),
        alarms=[
            *_held_disconnections(),
            *_unhealthy(),
            *_broken_laws(proven),
            *_overdue_reviews(now),
            *_held_back(),
            *(Alarm(wording.sentence(one)) for one in readings.alarms()),
        ],
        called=wording.called_meters(commissioning.called_meters()),
        total=sum(share.count for share in ages),
        ages=ages,
        power=sum((one.counts for one in power), start=PowerCounts()),
        unpowered=[_unpowered(one, now) for one in _worst(power)[:ROWS]],
        account_states=[
            (wording.account_state(name), count) for name, count in sorted(today.standings.items())
        ],
        cuts=_switched(today.cuts, now),
        cut_count=len(today.cuts),
        reconnections=_switched(today.reconnections, now),
        reconnection_count=len(today.reconnections),
        tomorrow=formats.short_day(tomorrow),
        planned=_planned_all(planned[:ROWS], now),
        planned_count=len(planned),
        owed=_owed(planned),
        paid_but_disconnected=[
            _paid_but_disconnected(one, now) for one in supply.paid_but_disconnected()[:ROWS]
        ],
        site_visits=_waiting_for_person(now),
        unmatched=[unmatched(one, now) for one in waiting[:ROWS]],
        unmatched_count=len(waiting),
        revenue=revenue(now, SETTLEMENTS, ROWS),
        losses=[_loss(one) for one in transformer_balance(now - BALANCE_OVER, now)],
        loss_limit=LOSS_LIMIT_PERCENT,
        open_gaps=missing.open_gaps,
        exceptions=missing.exceptions,
        newest_exceptions=_exceptions(now) if missing.exceptions else [],
        laws=_laws(proven),
    )


def _exceptions(now: datetime) -> list[Waiting]:
    """Return meters whose readings were refused or contradicted, with the page of their supply or the meter's own."""
    return [
        Waiting(
            place=wording.service_point_name(one.premise, one.consumer_number)
            or one.serial
            or _("unknown meter"),
            number=one.serial,
            what=wording.exception(one.reason),
            since=_moment(one.last_at, now),
            detail=ngettext("%(count)s reading", "%(count)s readings", one.count) % {"count": one.count},
            href=_page_of_meter(one),
        )
        for one in newest_exceptions(EXCEPTIONS)
    ]


def _page_of_meter(one: MeterExceptions) -> str:
    if one.consumer_number:
        return address_of(one.consumer_number)
    return f"{reverse('console:search')}?{urlencode({'q': one.serial})}" if one.serial else ""


def _owed(planned: Sequence[PlannedCut]) -> str:
    """Return what accounts owe in all, of each commodity."""
    found: dict[str, int] = {}
    for cut in planned:
        found[cut.commodity] = found.get(cut.commodity, 0) + max(-cut.balance_minor, 0)
    return wording.by_commodity({commodity: formats.money(minor) for commodity, minor in found.items()})


def _held_disconnections() -> list[Alarm]:
    """Return an alarm if head ends hold disconnections above their limits."""
    count = sum(one.cuts for one in releases.held_cuts_reports())
    said = ngettext(
        "%(count)s disconnection is held by the head end's limits: see Held disconnections.",
        "%(count)s disconnections are held by the head end's limits: see Held disconnections.",
        count,
    )
    return [Alarm(said % {"count": count}, reverse("console:held-cuts"))] if count else []


def _held_back() -> list[Alarm]:
    """Return an alarm if a step of the pipeline fails for accounts, with the first of them."""
    found = failures()
    said = ngettext(
        "%(count)s account or device is held back, because a step of the pipeline fails for it: %(first)s. See urja status.",
        "%(count)s accounts or devices are held back, because steps of the pipeline fail for them: %(first)s. See urja status.",
        len(found),
    )
    first = ", ".join(str(one.subject_id) for one in found[:ROWS])
    return [Alarm(said % {"count": len(found), "first": first})] if found else []


def _unhealthy() -> list[Alarm]:
    """Return alarms about failing collection, payments or notices, each with its consequence."""
    health = supply.health()
    said = [
        (
            health.collection,
            _(
                "Readings are not arriving as they should: supplies are disconnected for credit in areas alone whose readings arrive."
            )
            if health.well_areas
            else _("Readings are not arriving as they should: no supply is disconnected for credit."),
            "#ages-title",
        ),
        (
            health.payments,
            _(
                "Payments are failing: no supply is disconnected for credit while consumers may be unable to pay."
            ),
            reverse("console:payments"),
        ),
        (
            health.messaging,
            _("Notices are not being delivered: no supply is disconnected for credit without a warning."),
            "",
        ),
    ]
    return [*(Alarm(sentence, href) for well, sentence, href in said if not well), *_ill_areas(health)]


def _ill_areas(health: Health) -> list[Alarm]:
    """Return one alarm about the areas whose readings do not arrive; none where no area is judged to be well."""
    found = supply.ill_areas() if health.ill_areas and (health.well_areas or health.collection) else []
    if not found:
        return []
    named = [
        _("%(name)s (%(young)d of %(meters)d meters)")
        % {
            "name": one.name or f"{wording.level(one.level)} {one.code}",
            "young": one.meters_young,
            "meters": one.meters,
        }
        for one in found[:_AREAS_NAMED]
    ]
    if len(found) > _AREAS_NAMED:
        named.append(_("and %(count)d more") % {"count": len(found) - _AREAS_NAMED})
    return [
        Alarm(
            _("Readings are not arriving here, so no supply is disconnected for credit: %(areas)s")
            % {"areas": ", ".join(named)},
            reverse("console:trees"),
        )
    ]


def _broken_laws(proven: proofs.LawRun | None) -> list[Alarm]:
    if proven is None or proven.holds:
        return []
    return [
        Alarm(
            _("Ledger checks failed on %(day)s: %(laws)s. Run urja verify.")
            % {"day": formats.short_day(proven.day), "laws": ", ".join(proven.broken)},
            "#laws",
        )
    ]


def _overdue_reviews(now: datetime) -> list[Alarm]:
    """Return an alarm if reviews of abnormal charges should have been decided by now."""
    count = charge_reviews.overdue_reviews(now)
    said = ngettext(
        "%(count)s review of an abnormal charge is overdue: see Payments, Charge reviews.",
        "%(count)s reviews of abnormal charges are overdue: see Payments, Charge reviews.",
        count,
    )
    return [Alarm(said % {"count": count}, reverse("console:charge-reviews"))] if count else []


def _laws(proven: proofs.LawRun | None) -> str:
    if proven is None:
        return _("The ledger checks have not run yet.")
    held = sum(proven.laws.values())
    return _("Ledger checks of %(day)s: %(held)s of %(count)s passed.") % {
        "day": formats.short_day(proven.day),
        "held": held,
        "count": len(proven.laws),
    }


def _ages(now: datetime) -> list[Share]:
    ages = fleet_by_age(now)
    parts = [
        ("hour", _("within the hour"), ages.hour),
        ("three", _("within three hours"), ages.three_hours),
        ("day", _("within a day"), ages.day),
        ("older", _("earlier"), ages.older),
        ("never", _("none yet"), ages.without_data),
    ]
    whole, begun, shares = ages.total or 1, 0, []
    for key, label, count in parts:
        shares.append(Share(key, label, count, f"{100 * begun / whole:.2f}", f"{100 * count / whole:.2f}"))
        begun += count
    return shares


def _worst(power: Iterable[TransformerPower]) -> list[TransformerPower]:
    """Return transformers with service points without power or communication, the most affected first."""
    lacking = [one for one in power if one.counts.no_power or one.counts.not_heard_from]
    return sorted(lacking, key=lambda one: (-one.counts.no_power, -one.counts.not_heard_from))


def _unpowered(one: TransformerPower, now: datetime) -> Unpowered:
    return Unpowered(one.transformer, one.feeder, one.counts, _moment(one.since, now) if one.since else "")


def _switched(found: Iterable[Switched], now: datetime) -> list[Switching]:
    return [
        Switching(
            place=wording.service_point_name(one.premise, one.consumer_number),
            number=one.consumer_number,
            time=_moment(one.ordered_at, now),
            reason=wording.past_reason(one.reason),
            state=wording.command_state(one.state),
            good=one.state in {"confirmed", "connected_load_unproven"},
            href=address_of(one.consumer_number),
        )
        for one in list(found)[:ROWS]
    ]


def _moment(at: datetime, now: datetime) -> str:
    return formats.moment(at.astimezone(zone()), now.date())


def _planned_all(cuts: Sequence[PlannedCut], now: datetime) -> list[Planned]:
    currencies = books.currencies(cut.account_id for cut in cuts)
    return [_planned(cut, currencies[cut.account_id], now) for cut in cuts]


def _planned(cut: PlannedCut, currency: str, now: datetime) -> Planned:
    begins, ends = (at.astimezone(zone()) for at in (cut.not_before_at, cut.not_after_at))
    return Planned(
        place=wording.service_point_name(cut.premise, cut.consumer_number),
        number=cut.consumer_number,
        transformer=cut.transformer,
        window=f"{formats.clock_time(begins)}–{formats.clock_time(ends)}",
        balance=formats.money(cut.balance_minor, currency),
        reason=wording.reason(cut.reason, now),
        href=address_of(cut.consumer_number),
    )


def _paid_but_disconnected(one: AwaitingReconnection, now: datetime) -> Waiting:
    if one.awake_at is not None:
        again = _("next awake %(moment)s") % {"moment": _moment(one.again_at or one.awake_at, now)}
    else:
        again = _("next attempt %(moment)s") % {"moment": _moment(one.again_at, now)} if one.again_at else ""
    return Waiting(
        place=wording.service_point_name(one.premise, one.consumer_number),
        number=one.consumer_number,
        what=wording.command_state(one.command_state)
        if one.command_state
        else _("no reconnection order yet"),
        since=_("paid %(moment)s") % {"moment": _moment(one.paid_at, now)},
        detail=" · ".join(filter(None, (one.last_error, again))),
        href=address_of(one.consumer_number),
    )


def _waiting_for_person(now: datetime) -> list[Waiting]:
    """Return flagged meters and transformers, work orders to switch on site, and meters that wait for their button."""
    work = [
        Waiting(
            one.premise,
            one.number,
            wording.work(one.kind),
            _moment(one.opened_at, now),
            _reason_for_order(one.asked),
            reverse("console:work-order", args=[one.id]),
        )
        for one in work_orders.open_orders(ROWS, but_for=[kind.value for kind in flags.BY_ORDER])
    ]
    hands = [
        Waiting(
            wording.service_point_name(one.premise, one.consumer_number),
            one.consumer_number,
            wording.command_state("waiting_for_person"),
            _moment(one.paid_at, now) if one.paid_at else "",
            one.last_error,
            address_of(one.consumer_number),
        )
        for one in supply.waiting_for_person()[:ROWS]
    ]
    return [_flag(flag, now) for flag in flags.flagged(now)[:ROWS]] + work + hands


def _flag(flag: Flag, now: datetime) -> Waiting:
    return Waiting(
        flag.place, flag.subject, wording.flag(flag.kind), _moment(flag.since_at, now), _lost(flag.detail)
    )


def _lost(detail: JsonObject) -> str:
    """Return the loss of a transformer in kWh, in words; empty if there is none."""
    if "lost_wh" not in detail:
        return ""
    return _("%(lost)s of %(supplied)s kWh lost") % {
        "lost": formats.kilowatt_hours(detail["lost_wh"]),
        "supplied": formats.kilowatt_hours(detail["supplied_wh"]),
    }


def unmatched(one: payments.DifferenceRow, now: datetime) -> Unmatched:
    """Return a row for an unmatched payment or settlement."""
    said = payments.notes(one)
    return Unmatched(
        payment=one.payment_id,
        order=str(one.order_id or one.detail.get("provider_order_id") or ""),
        amount=formats.money(one.amount_minor),
        reason=wording.unmatched(one.reason),
        time=_moment(one.seen_at, now),
        note=said[-1]["text"] if said else "",
        href=reverse("console:difference", args=[one.id]),
    )


def revenue(now: datetime, transfers: int, rows: int | None = None) -> Revenue:
    """Return settlements, the last `transfers` of them, and the first `rows` differences (all if None)."""
    unfitting, transit = payments.settlement_differences(), payments.in_transit()
    report = payments.settlement_report()
    return Revenue(
        on_its_way=formats.money(transit.payments_minor - transit.refunds_minor),
        paid_out=[_paid_out(one) for one in payments.settlements(limit=transfers)],
        differences=[unmatched(one, now) for one in unfitting[:rows]],
        difference_count=len(unfitting),
        failing=formats.short_day(report.day) if report is not None and report.last_error else "",
    )


def _paid_out(one: payments.Settlement) -> PaidOut:
    return PaidOut(
        day=formats.short_day(one.day),
        reference=one.utr or one.settlement_id,
        paid=formats.money(one.gross_minor, one.currency),
        refunded=formats.money(one.refunds_minor, one.currency),
        fees=formats.money(one.fees_minor, one.currency),
        net=formats.money(one.net_minor, one.currency),
        fit=one.matched,
        rows=one.rows,
    )


def _reason_for_order(asked: JsonObject) -> str:
    """Return why a work order was opened: the decision's reason, or else the note of the person who opened it."""
    return (
        wording.past_reason(Reason.from_json(asked["reason"])) if "reason" in asked else asked.get("note", "")
    )


def _loss(balance: NodeBalance) -> Loss:
    percent = balance.loss_percent
    known = balance.metered and percent is not None
    return Loss(
        code=balance.code,
        feeder=balance.feeder,
        supplied=formats.kilowatt_hours(balance.supplied_wh) if known else "–",
        consumed=formats.kilowatt_hours(balance.consumed_wh) if known else "–",
        loss=wording.percent(percent) if known and percent is not None else _("not known"),
        over=balance.beyond_limits,
        too_little=known and balance.too_little,
    )
