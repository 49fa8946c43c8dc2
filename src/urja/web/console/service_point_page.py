"""The page of a service point: each part only for callers who may read it, and the history."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext as _, gettext_lazy

from urja.apps.assets.kinds import DeviceRole
from urja.apps.billing import queries as billing
from urja.apps.billing.kinds import Every
from urja.apps.books import queries as books
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement, Terms
from urja.apps.determinants.queries import calendars_of_meters
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.maintenance.queries import account_beside
from urja.apps.meter_jobs.queries import CalendarAgreement, compare_calendar
from urja.apps.network import queries as network
from urja.apps.network.kinds import Commodity
from urja.apps.notices import queries as notices
from urja.apps.overviews.queries import service_points
from urja.apps.overviews.queries.history import PageStart
from urja.apps.overviews.queries.registry import (
    DevicePeriodRow,
    PersonRow,
    PremiseRow,
    ServicePointRow,
    TermsRow,
)
from urja.apps.overviews.queries.service_points import ConfigurationRow
from urja.apps.readings import queries as readings
from urja.apps.readings.queries import conservation, missing_final_reads
from urja.apps.readings.queries.billing_profiles import BillingProfile, billing_profiles
from urja.apps.readings.queries.channel_values import MeasuredSoFar, measured_so_far
from urja.apps.readings.queries.power import billing_meter_power
from urja.apps.rulebook.errors import UnknownPolicyError, UnknownTariffError
from urja.apps.rulebook.queries import tariffs
from urja.apps.rulebook.queries.policies import name_of, policy_book
from urja.apps.statements.queries import statements_of
from urja.apps.supply import queries as supply
from urja.apps.supply.queries import AccountStanding
from urja.apps.work import queries as work
from urja.core.calendar import local_day, midnight, month_of
from urja.quantities.catalogue import BY_NAME
from urja.usecases.kinds.connections import NewConnection
from urja.usecases.kinds.counter import TakeReceipt
from urja.usecases.kinds.meters import CorrectLastRead
from urja.web.console import wording
from urja.web.console.history_page import History, entry_address, history_of
from urja.web.console.letter_page import may_be_served_on_paper, may_print
from urja.web.console.operation_page import operation_named, operations_with_field
from urja.web.console.time_formats import day_of, moment_of, period_in_words
from urja.web.shared import (
    formats,
    gas_words,
    ledger_words as money_words,
    notice_words,
    power_words as powers,
)
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone
from urja.web.shared.statement_page import StatementItem, statement_item
from urja.web.shared.unit_words import UnitsView, units_view

_REGISTERS: Final[dict[str, Promise]] = {
    "import_wh": gettext_lazy("energy import"),
    "export_wh": gettext_lazy("energy export"),
    "import_vah": gettext_lazy("apparent energy import"),
    "export_vah": gettext_lazy("apparent energy export"),
}
"""Registers that have zones; another has the name of its quantity."""
POSTINGS: Final = 8
STATEMENTS: Final = 12
MESSAGES: Final = 5


@dataclass(frozen=True, slots=True)
class Resident:
    """One present or past agreement at the service point, as shown."""

    name: str
    since: str
    now: bool
    terms: list[str]
    people: list[str]
    """Names with their contact data; empty if the caller may not read consumers."""


@dataclass(frozen=True, slots=True)
class SupplyView:
    state: str
    """State key as in `portal.power.PowerView`; `words` is its label, `power` adds the time of the evidence."""
    words: str
    power: str
    sentence: str
    since: str
    holds: list[str]
    governed: str
    """Which policy applies, and whether it is the agreement's own, its category's or the general one."""


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    desired: str
    actual: str
    differs: bool


@dataclass(frozen=True, slots=True)
class MeterView:
    serial: str
    role: str
    now: bool
    since: str
    facts: list[str]
    unread: str = ""
    """Why the last register read is missing; empty if it is known."""
    correction_href: str = ""
    """Address of the form that corrects it; empty if the caller may not."""
    configuration: list[Item] = field(default_factory=list)
    seals: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Posting:
    title: str
    day: str
    amount: str
    credit: bool
    href: str


@dataclass(frozen=True, slots=True)
class MoneyView:
    amount: str
    as_of: str
    low: bool
    parts: list[tuple[str, str]]
    postings: list[Posting]
    statements: list[tuple[StatementItem, str]]
    """The newest statements of account, each with its address."""
    arrears: list[tuple[str, str]]


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
    current = next((one for one in agreements if _holds(one.valid_from, one.valid_to, now)), None)
    last = current or (agreements[0] if agreements else None)
    may = {act for act in Read if caller.area(act) is not None}
    premise = place.premise
    return ServicePointPage(
        number=place.consumer_number,
        title=wording.service_point_name(premise.name, place.consumer_number),
        address=" ".join(filter(None, (premise.address, premise.pin_code))),
        within=" · ".join(_around(premise)),
        geo=geo_uri(premise),
        remarks=_remarks(place),
        href=reverse("console:connection", args=[place.consumer_number]),
        supply=_supply(current, place, now) if Read.AGREEMENT in may else None,
        residents=_residents(agreements, caller, now) if Read.AGREEMENT in may else None,
        meters=_meters(place, current, caller, now) if Read.DEVICE in may else [],
        money=_money(place, last, now) if last and Read.LEDGER in may else None,
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
        remarks.append(_("permanently disconnected since %(day)s") % {"day": day_of(place.disconnected_at)})
    return remarks


def _holds(valid_from: datetime, valid_to: datetime | None, at: datetime) -> bool:
    return valid_from <= at and (valid_to is None or at < valid_to)


# -- who lives there -----------------------------------------------------------------------------------------


def _residents(agreements: list[Agreement], caller: Caller, now: datetime) -> list[Resident]:
    people = _people(agreements, caller, now)
    return [
        Resident(
            name=people[one.id][0] if people.get(one.id) else _("Agreement %(number)s") % {"number": one.id},
            since=" · ".join(
                [
                    period_in_words(one.valid_from, one.valid_to),
                    *calendar_in_words(one.billing_day, one.bill_from),
                ]
            ),
            now=_holds(one.valid_from, one.valid_to, now),
            terms=[terms_in_words(terms, one.commodity) for terms in reversed(one.all_terms)],
            people=people.get(one.id, [])[1:],
        )
        for one in agreements
    ]


def _people(agreements: list[Agreement], caller: Caller, now: datetime) -> dict[int, list[str]]:
    """Return by agreement the consumer's name and every person with access to its account, with contact data."""
    if caller.area(Read.CONSUMER) is None:
        return {}
    ids = [one.account_id for one in agreements]
    customers = [one.customer_id for one in agreements if one.customer_id is not None]
    found = service_points.people_of(ids, customers)
    # Recorded before the page is rendered: a read that cannot be recorded is not shown.
    record_personal_reads(caller, [person.id for person in found], "console connection", now)
    shown = {}
    for one in agreements:
        own = [
            person
            for person in found
            if person.id == one.customer_id
            or any(seen.account_id == one.account_id for seen in person.accesses.all())
        ]
        holder = next((person for person in own if person.id == one.customer_id), own[0] if own else None)
        name = person_name(holder) if holder else _("no consumer named")
        shown[one.id] = [name, *(_reached(person) for person in own)]
    return shown


def person_name(person: PersonRow) -> str:
    return person.name or _("Person %(number)s, anonymised") % {"number": person.id}


def _reached(person: PersonRow) -> str:
    return " · ".join(filter(None, (person_name(person), person.phone, person.email, person.address)))


def calendar_in_words(billing_day: int | None, bill_from: date | None) -> list[str]:
    """Return the agreement's own billing day and the day of its first fixed charges in words, where it has them."""
    return [
        *([_("billing day %(day)s") % {"day": billing_day}] if billing_day is not None else []),
        *(
            [_("fixed charges from %(day)s") % {"day": formats.day(bill_from)}]
            if bill_from is not None
            else []
        ),
    ]


def terms_in_words(terms: Terms | TermsRow, commodity: str) -> str:
    parts = [
        terms.tariff_code,
        # Gas has no load in kW, whatever the terms hold.
        ""
        if commodity == Commodity.GAS
        else _("%(load)s kW") % {"load": formats.kilowatt_hours(terms.sanctioned_load_w)},
        *_other_terms(terms),
        wording.configuration(terms.payment_mode),
        "" if terms.metering_mode == "forward" else wording.configuration(terms.metering_mode),
        terms.category,
        _("own policy %(code)s") % {"code": terms.policy} if terms.policy else "",
        period_in_words(terms.valid_from, terms.valid_to),
    ]
    return " · ".join(filter(None, parts))


def _other_terms(terms: Terms | TermsRow) -> list[str]:
    """Return what terms state besides the sanctioned load in kW, in words."""
    said = {
        "sanctioned_load_va": _("%(load)s kVA"),
        "contracted_load_w": _("%(load)s kW contracted"),
        "contracted_load_va": _("%(load)s kVA contracted"),
    }
    stated = {name: getattr(terms, name) for name in said}
    words = [said[name] % {"load": formats.kilowatt_hours(load)} for name, load in stated.items() if load]
    if terms.carpet_area_dm2:
        words.append(_("%(area)s m²") % {"area": formats.ratio(Fraction(terms.carpet_area_dm2, 100))})
    return words


# -- supply --------------------------------------------------------------------------------------------------


def _supply(current: Agreement | None, place: ServicePointRow, now: datetime) -> SupplyView:
    standing = supply.standing(current.account_id) if current else None
    state, words, power = _power(standing, place, now)
    if current is None:
        waits, holds = _vacant(place.id, now)
        sentence = _("No agreement in force: nothing is charged.")
        return SupplyView(state, words, power, sentence, waits, holds, "")
    if standing is None:
        sentence = _("This service point has not been evaluated yet.")
        return SupplyView(state, words, power, sentence, "", [], _governed(current, now))
    return SupplyView(
        state=state,
        words=words,
        power=power,
        sentence=standing.sentence(now, get_language() or "en"),
        since=_("%(standing)s since %(moment)s")
        % {"standing": wording.account_state(standing.standing), "moment": moment_of(standing.since_at, now)},
        holds=[wording.hold(reason) for reason in standing.holds],
        governed=_governed(current, now),
    )


def _vacant(service_point_id: int, now: datetime) -> tuple[str, list[str]]:
    """For a service point without an agreement: until when a disconnection waits, and its supply holds."""
    found = supply.vacancy(service_point_id, now)
    holds = [wording.hold(reason) for reason in found.holds]
    if found.waits_until is None:
        return "", holds
    moment = moment_of(found.waits_until, now)
    return _(
        "The supply will be disconnected at %(moment)s or later; the hours until then are protected."
    ) % {"moment": moment}, holds


def _power(standing: AccountStanding | None, place: ServicePointRow, now: datetime) -> tuple[str, str, str]:
    """Return state, label and sentence of the power at a service point."""
    meter = billing_meter_power(place.id, now)
    if meter is None:
        return "unknown", _("no meter"), ""
    view = powers.shown(powers.with_relay(meter, powers.opened_when_decided(standing)), now, place.commodity)
    return view.state, wording.power(view.state, place.commodity), view.text


def _governed(current: Agreement | None, now: datetime) -> str:
    policies = policy_book()
    if current is None or not policies:
        return ""
    terms = current.terms_at(now)
    try:
        policy = name_of(policies.governs(terms.policy, terms.category, local_day(now, zone())))
    except UnknownPolicyError:
        return _("No policy in force applies: the supply is neither warned, disconnected nor reconnected.")
    if terms.policy:
        return _("Own policy: %(policy)s") % {"policy": policy}
    if terms.category and terms.category in policies.assigned:
        return _("Policy of the category: %(policy)s") % {"policy": policy}
    return _("General policy: %(policy)s") % {"policy": policy}


# -- meters --------------------------------------------------------------------------------------------------


def _meters(
    place: ServicePointRow, current: Agreement | None, caller: Caller, now: datetime
) -> list[MeterView]:
    periods = service_points.installations(place.id)
    missing: dict[tuple[int, datetime | None], missing_final_reads.MissingFinalRead] = {
        (one.device_id, one.removed_at): one for one in missing_final_reads.at_service_point(place.id)
    }
    installed = [period.device_id for period in periods if period.valid_to is None]
    heard = readings.last_interval_ends(place.id, installed)
    told = readings.unconfirmed_until(installed)
    begun = _period_begun_at(current, now)
    measured = measured_so_far(place.id, installed, begun, now)
    by_phase = any("mean_voltage_cv_l1" in found.newest for found in measured.values())
    contradictions = _contradictions(place.id, begun, now, by_phase=by_phase)
    converted = (
        gas_words.of_agreement(current.id, local_day(now, zone()))
        if current and place.commodity == Commodity.GAS
        else []
    )
    own = _own_totals(place, installed, current, now) if current else {}
    items = service_points.configuration(installed)
    seals = service_points.seals(installed)
    return [
        MeterView(
            serial=period.device.serial,
            role=wording.device_role(period.role),
            now=period.valid_to is None,
            since=period_in_words(period.valid_from, period.valid_to),
            facts=_facts(period, heard.get(period.device_id), told.get(period.device_id), now)
            + (
                _measured(measured[period.device_id], place.commodity, begun, now)
                + contradictions.get(period.device_id, [])
                if period.device_id in measured
                else []
            )
            + (own.get(period.device_id, []) if period.valid_to is None else [])
            + (converted if period.valid_to is None and period.role == DeviceRole.BILLING else []),
            **_unread(missing.get((period.device_id, period.valid_to)), caller, now),
            configuration=[
                _item(item)
                for item in items
                if item.device_id == period.device_id and period.valid_to is None
            ],
            seals=[
                _("%(number)s (%(place)s) since %(day)s")
                % {"number": seal.number, "place": seal.place or "–", "day": day_of(seal.applied_at)}
                for seal in seals
                if seal.device_id == period.device_id and period.valid_to is None
            ],
        )
        for period in periods
    ]


def _period_begun_at(current: Agreement | None, now: datetime) -> datetime:
    """Return the instant (UTC) at which the present billing period began; without an agreement, the month."""
    today = local_day(now, zone())
    try:
        period = billing.current_period(current, now) if current else month_of(today)
    except UnknownTariffError:
        period = month_of(today)
    return midnight(period.first, zone())


def _measured(found: MeasuredSoFar, commodity: str, begun: datetime, now: datetime) -> list[str]:
    """Return what a meter has measured in the billing period: phases of the newest interval, demand and export; or gas.

    Values are as the meter counts them: a transformer ratio is stated beside them, and not applied.
    """
    if commodity == Commodity.GAS:
        return [
            _("%(volume)s since %(day)s")
            % {"volume": formats.billed(found.billed, commodity), "day": day_of(begun)}
        ]
    said = [
        _("%(phase)s: %(voltage)s V, %(current)s A")
        % {
            "phase": phase.upper(),
            "voltage": _hundredths(found.newest.get(f"mean_voltage_cv_{phase}")),
            "current": _hundredths(found.newest.get(f"mean_current_ca_{phase}")),
        }
        for phase in ("l1", "l2", "l3")
        if f"mean_voltage_cv_{phase}" in found.newest or f"mean_current_ca_{phase}" in found.newest
    ]
    # A single-phase meter's demand bills nothing.
    if said and found.demand is not None and found.demand_at is not None:
        said.append(
            _("demand so far %(demand)s k%(unit)s (%(moment)s)")
            % {
                "demand": formats.kilowatt_hours(found.demand),
                "unit": found.demand_unit,
                "moment": moment_of(found.demand_at, now),
            }
        )
    if found.export_wh:
        said.append(
            _("export since %(day)s %(energy)s")
            % {"energy": formats.energy(found.export_wh), "day": day_of(begun)}
        )
    return said


def _contradictions(
    service_point_id: int, begun: datetime, now: datetime, *, by_phase: bool
) -> dict[int, list[str]]:
    """Return by device what the quantities of its reads in the billing period say of each other, in sentences.

    Of zones the newest read counts, as registers only grow; of phases, where the meter sees them, every interval.
    """
    zones: dict[tuple[int, str], conservation.ZoneResidual] = {}
    for one in conservation.zone_residuals_of(service_point_id, begun, now):
        known = zones.get((one.device_id, one.quantity))
        if known is None or one.read_at >= known.read_at:
            zones[one.device_id, one.quantity] = one
    said: dict[int, list[str]] = defaultdict(list)
    for (device_id, _quantity), residual in zones.items():
        said[device_id].append(_zones_in_words(residual, now))
    excesses: dict[int, list[int]] = defaultdict(list)
    for excess in conservation.phase_excesses(service_point_id, begun, now) if by_phase else ():
        excesses[excess.device_id].append(excess.excess_vah)
    for device_id, found in excesses.items():
        said[device_id].append(
            _(
                "intervals with more apparent energy than the phases carried: %(count)s, by up to %(most)s kVAh"
            )
            % {"count": len(found), "most": formats.kilowatt_hours(max(found))}
        )
    return said


def _own_totals(
    place: ServicePointRow, installed: Sequence[int], current: Agreement, now: datetime
) -> dict[int, list[str]]:
    """Return by meter what its newest stored billing profile says, and whether its calendar is the tariff's.

    Values are as the meter counts them, as in `_measured`. Nothing is shown from before the present agreement.
    """
    said: dict[int, list[str]] = {}
    for profile in billing_profiles(place.id, installed, current.valid_from, now, zone()):
        if profile.device_id not in said:
            said[profile.device_id] = _profile(profile, now)
    for device_id, of_meter in calendars_of_meters(installed).items():
        newest = of_meter[-1]
        found = compare_calendar(place.id, newest.tables, now)
        words = {"moment": moment_of(newest.held_at, now), "code": found.code}
        if found.first_day is not None:
            words["day"] = day_of(midnight(found.first_day, zone()))
        said.setdefault(device_id, []).append(_CALENDARS[found.result] % words)
    return said


_CALENDARS: Final = {
    CalendarAgreement.AGREES: gettext_lazy("calendar as of %(moment)s: as the tariff's"),
    CalendarAgreement.DIFFERS: gettext_lazy(
        "calendar as of %(moment)s: not %(code)s of the tariff, from %(day)s on"
    ),
    CalendarAgreement.NO_ZONES: gettext_lazy(
        "calendar as of %(moment)s: the tariff has no zones, so that none is needed"
    ),
    CalendarAgreement.NOT_IN_FORCE: gettext_lazy(
        "calendar as of %(moment)s: not compared, as no version of %(code)s is in force"
    ),
}


def _zones_in_words(residual: conservation.ZoneResidual, now: datetime) -> str:
    unit = "k" + BY_NAME[residual.quantity].unit
    if residual.residual == 0:
        said = _("%(register)s: the zones add up to the total (%(moment)s)")
    elif residual.residual > 0:
        said = _("%(register)s: the total is %(amount)s %(unit)s above its zones (%(moment)s)")
    else:
        said = _("%(register)s: the total is %(amount)s %(unit)s below its zones (%(moment)s)")
    return said % {
        "register": _REGISTERS.get(residual.quantity, residual.quantity),
        "amount": formats.kilowatt_hours(abs(residual.residual)),
        "unit": unit,
        "moment": moment_of(residual.read_at, now),
    }


def _profile(profile: BillingProfile, now: datetime) -> list[str]:
    """Return the registers and the maximum demand of a billing profile in words."""
    values = profile.values
    zones = [
        _("zone %(number)s %(energy)s") % {"number": number, "energy": formats.energy(energy)}
        for number in range(1, 9)
        if (energy := values.get(f"import_wh_z{number}"))
    ]
    totals = [
        formats.billed(values[name], commodity)
        for name, commodity in (("import_wh", "electricity"), ("volume_l", "gas"))
        if name in values
    ]
    registers = ", ".join([*totals, *zones])
    found = [
        _("own registers of %(moment)s: %(registers)s")
        % {"moment": moment_of(profile.ended_at, now), "registers": registers}
    ]
    for name, unit in (("max_import_va", "VA"), ("max_import_w", "W")):
        if name in values and f"{name}_at" in values:
            at = datetime.fromtimestamp(values[f"{name}_at"], UTC)
            found.append(
                _("own maximum demand %(demand)s k%(unit)s (%(moment)s)")
                % {
                    "demand": formats.kilowatt_hours(values[name]),
                    "unit": unit,
                    "moment": moment_of(at, now),
                }
            )
    return found


def _hundredths(value: int | None) -> str:
    return "–" if value is None else formats.number(Decimal(value).scaleb(-2), "##")


def _unread(
    waits: missing_final_reads.MissingFinalRead | None, caller: Caller, now: datetime
) -> dict[str, str]:
    """Return why a meter's last register read is missing, and the form that corrects it."""
    if waits is None:
        return {}
    said = _(
        "Removed without a register read. Consumption after %(moment)s is not charged, and the account is not settled until the last register read is known: read the register, or have it estimated if it can no longer be read."
    ) % {"moment": moment_of(waits.known_to or waits.removed_at, now)}
    kind = CorrectLastRead.kind()
    if operation_named(kind, caller) is None:
        return {"unread": said}
    query = urlencode({"serial": waits.serial})
    return {"unread": said, "correction_href": f"{reverse('console:operation', args=[kind])}?{query}"}


def _facts(
    period: DevicePeriodRow, heard_at: datetime | None, told_at: datetime | None, now: datetime
) -> list[str]:
    device = period.device
    facts = [device.device_type]
    if device.firmware:
        facts.append(_("firmware %(version)s") % {"version": device.firmware})
    if period.ratio_primary != period.ratio_secondary:
        facts.append(
            _("transformer ratio %(primary)s/%(secondary)s")
            % {"primary": period.ratio_primary, "secondary": period.ratio_secondary}
        )
    if not device.load_switch:
        facts.append(_("no relay"))
    if period.valid_to is None:
        facts += wording.service(period.commissioned_at, period.taken_over_at)
        facts.append(
            _("last interval ended %(moment)s") % {"moment": moment_of(heard_at, now)}
            if heard_at
            else _("no reads yet")
        )
        if told_at is not None and (heard_at is None or told_at > heard_at):
            facts.append(
                _("intervals to %(moment)s received, not yet confirmed") % {"moment": moment_of(told_at, now)}
            )
    return facts


def _item(item: ConfigurationRow) -> Item:
    desired, actual = (wording.configuration(value or "") or "–" for value in (item.desired, item.actual))
    return Item(
        name=wording.configuration(item.item),
        desired=desired,
        actual=actual,
        differs=item.desired is not None and item.desired != item.actual,
    )


# -- money ---------------------------------------------------------------------------------------------------


def _money(place: ServicePointRow, agreement: Agreement, now: datetime) -> MoneyView:
    reckoned = _calculated(agreement, now)
    currency = books.currencies([agreement.account_id])[agreement.account_id]
    return MoneyView(
        amount=reckoned.amount,
        low=reckoned.low,
        as_of=reckoned.as_of,
        parts=reckoned.parts,
        postings=[
            Posting(
                title=money_words.title(entry.title),
                day=formats.short_day(entry.service_date),
                amount=formats.money(entry.amount_minor, entry.currency, signed=True),
                credit=entry.amount_minor > 0,
                href=entry_address(place.consumer_number, entry.account_id, entry.seq),
            )
            for entry in billing.entries(agreement.account_id, POSTINGS)
        ],
        statements=[
            (
                statement_item(one, currency),
                reverse(
                    "console:statement",
                    args=[one.account_id, *one.number.split("-"), place.consumer_number],
                ),
            )
            for one in statements_of(agreement.account_id, STATEMENTS)
        ],
        arrears=[
            (
                _("Bill %(bill)s, due %(day)s") % {"bill": one.bill, "day": formats.day(one.due_on)},
                _("%(principal)s and %(surcharge)s surcharge")
                % {
                    "principal": formats.money(one.principal_minor, currency),
                    "surcharge": formats.money(one.surcharge_minor, currency),
                },
            )
            for one in billing.dues(agreement.account_id)
        ]
        + [
            (_("Instalments"), _plan(one, currency))
            for one in billing.unended_plans(agreement.account_id, now)
        ],
    )


def _plan(plan: billing.PlanRow, currency: str) -> str:
    words = (
        _("%(amount)s daily, first instalment on %(day)s")
        if plan.every == Every.DAY
        else _("%(amount)s monthly, first instalment on %(day)s")
    )
    return words % {"amount": formats.money(plan.amount_minor, currency), "day": day_of(plan.valid_from)}


@dataclass(frozen=True, slots=True)
class _BalanceParts:
    """The balance and its parts, in words."""

    amount: str
    low: bool
    as_of: str
    parts: list[tuple[str, str]]


def _calculated(agreement: Agreement, now: datetime) -> _BalanceParts:
    try:
        balance = billing.fresh_balance(agreement.account_id, now, agreement)
    except UnknownTariffError:
        code = agreement.terms_at(now).tariff_code
        held_back = _(
            "On hold: no version of tariff %(code)s is in force. Load the tariff or correct the terms of the agreement; until then nothing is charged or decided here."
        )
        return _BalanceParts("–", low=True, as_of=held_back % {"code": code}, parts=[])
    return _BalanceParts(
        amount=formats.money(balance.balance_minor, balance.currency),
        low=balance.balance_minor < 0,
        as_of=_("As of %(moment)s") % {"moment": moment_of(balance.as_of, now)}
        if balance.as_of
        else _("No reading received yet"),
        parts=[
            (_("Posted balance"), formats.money(balance.ledger_minor, balance.currency)),
            (_("Used since then, not posted"), formats.money(-balance.pending_minor, balance.currency)),
            (_("Credit pending"), formats.money(balance.credits_minor, balance.currency)),
        ],
    )


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
