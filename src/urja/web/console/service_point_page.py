"""The page of a service point: each part only for callers who may read it, and the history."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.maintenance.queries import account_beside
from urja.apps.network import queries as network
from urja.apps.notices import queries as notices
from urja.apps.overviews.queries import service_points
from urja.apps.overviews.queries.history import PageStart
from urja.apps.overviews.queries.registry import PremiseRow, ServicePointRow
from urja.apps.rulebook.queries import tariffs
from urja.apps.work import queries as work
from urja.core.calendar import local_day
from urja.usecases.kinds.connections import NewConnection
from urja.usecases.kinds.counter import TakeReceipt
from urja.web.console import wording
from urja.web.console.history_page import History, history_of
from urja.web.console.letter_page import may_be_served_on_paper, may_print
from urja.web.console.operation_page import operations_with_field
from urja.web.console.service_point_meters import MeterView, meters_of
from urja.web.console.service_point_money import MoneyView, money_view
from urja.web.console.service_point_residents import Resident, in_force, residents_of
from urja.web.console.service_point_supply import SupplyView, supply_view
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats, notice_words
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone
from urja.web.shared.unit_words import UnitsView, units_view

MESSAGES: Final = 5


@dataclass(frozen=True, slots=True)
class ServicePointPage:
    number: str
    title: str
    address: str
    within: str
    geo: str
    remarks: list[str]
    href: str
    supply: SupplyView | None
    residents: list[Resident] | None
    meters: list[MeterView]
    readings: str
    """Address of its readings by day; empty for who may not read them, and without a meter."""
    money: MoneyView | None
    units: UnitsView | None
    """What net metering has banked; None where it has nothing, or the caller may not read it."""
    notices: list[notice_words.MessageView] | None
    letter: str
    """Address of the letter to print; empty where nothing waits to be served on paper."""
    work: list[tuple[str, str, str]]
    history: History
    actions: list[tuple[str, str]]
    """Operations that the caller may request here, as pairs of title and address of the form."""


def service_point_of(number: str, caller: Caller, act: Read, now: datetime) -> ServicePointRow | None:
    """Return a service point by consumer number, or None if the caller may not make this read there."""
    area = caller.area(act)
    if area is None:
        return None
    return service_points.service_point(number, area, now)


@tariffs.cached_versions()
def service_point_page(
    place: ServicePointRow, caller: Caller, now: datetime, kind: str, before: PageStart | None
) -> ServicePointPage:
    """Return the page, and record the read of the personal data it shows."""
    agreements = contracts.of_service_point(place.id)
    current = next((one for one in agreements if in_force(one.valid_from, one.valid_to, now)), None)
    last = current or (agreements[0] if agreements else None)
    may = {act for act in Read if caller.area(act) is not None}
    premise = place.premise
    meters = meters_of(place, current, caller, now) if Read.DEVICE in may else []
    return ServicePointPage(
        number=place.consumer_number,
        title=wording.service_point_name(premise.name, place.consumer_number),
        address=" ".join(filter(None, (premise.address, premise.pin_code))),
        within=" · ".join(_around(premise)),
        geo=geo_uri(premise),
        remarks=_remarks(place),
        href=reverse("console:connection", args=[place.consumer_number]),
        supply=supply_view(current, place, now) if Read.AGREEMENT in may else None,
        residents=residents_of(agreements, caller, now) if Read.AGREEMENT in may else None,
        meters=meters,
        readings=_readings(place) if meters and Read.LOAD_CURVE in may else "",
        money=money_view(place, last, now) if last and Read.LEDGER in may else None,
        units=units_view(last, local_day(now, zone())) if Read.LEDGER in may else None,
        notices=_messages(last, now) if last and Read.CONSUMER in may and Read.AGREEMENT in may else None,
        letter=_letter(place, current) if current and may_print(caller) else "",
        work=_work(place, now) if Read.WORK_ORDERS in may else [],
        history=history_of(place, caller, may, now, kind, before),
        actions=_actions(place, caller),
    )


def _actions(place: ServicePointRow, caller: Caller) -> list[tuple[str, str]]:
    # A payment is taken on the cashier's own page, without a dry run before it.
    at_counter = {TakeReceipt.kind(): reverse("console:counter")}
    return sorted(
        (
            wording.operation(kind),
            f"{at_counter.get(kind) or reverse('console:operation', args=[kind])}?{urlencode({name: number})}",
        )
        for name, number in (("consumer_number", place.consumer_number), ("meters", place.consumer_number))
        for kind in operations_with_field(name, caller)
        if kind != NewConnection.kind()
    )


def geo_uri(premise: PremiseRow) -> str:
    """Return a premise's `geo:` URI (RFC 5870), or an empty string without coordinates."""
    if premise.latitude is None or premise.longitude is None:
        return ""
    return f"geo:{premise.latitude},{premise.longitude}?q={premise.latitude},{premise.longitude}"


def _around(premise: PremiseRow) -> Iterable[str]:
    around = premise.parent
    while around is not None:
        yield around.name
        around = around.parent


def _remarks(place: ServicePointRow) -> list[str]:
    remarks = []
    if place.purpose != "consumer":
        remarks.append(wording.purpose(place.purpose))
    fed_by = network.transformers_of([place.id]).get(place.id)
    if fed_by:
        remarks.append(_("fed by %(transformer)s") % {"transformer": fed_by})
    if place.disconnected_at is not None:
        remarks.append(
            _("permanently disconnected since %(day)s") % {"day": formats.day_of(place.disconnected_at)}
        )
    return remarks


def account_card(place: ServicePointRow, account_id: int) -> AccountCard:
    """Return the account for the page of an entry, with a link back to the service point."""
    return AccountCard(
        id=account_id,
        title=" · ".join(filter(None, (place.premise.name, place.consumer_number))),
        number=place.consumer_number,
        href=reverse("console:connection", args=[place.consumer_number]),
        agreement=None,
        mark=0,
        ordered=False,
        commodity=place.commodity,
    )


def _messages(agreement: Agreement, now: datetime) -> list[notice_words.MessageView]:
    beside = account_beside(agreement.account_id)
    accounts = [agreement.account_id, *([] if beside is None else [beside])]
    return notice_words.views(notices.notices_of(accounts, MESSAGES), now, agreement.commodity)


def _readings(place: ServicePointRow) -> str:
    return reverse("console:readings", args=[place.consumer_number])


def _letter(place: ServicePointRow, agreement: Agreement) -> str:
    served_on_paper = may_be_served_on_paper(agreement)
    return reverse("console:letter", args=[place.consumer_number]) if served_on_paper else ""


def _work(place: ServicePointRow, now: datetime) -> list[tuple[str, str, str]]:
    return [
        (
            wording.work(order.kind),
            _("since %(moment)s") % {"moment": moment_of(order.opened_at, now)},
            wording.work_state(order.state),
        )
        for order in work.open_at(place.id)
    ]
