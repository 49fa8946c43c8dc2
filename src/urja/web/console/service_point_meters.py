"""The meters of a service point: what each is, what it has measured, and what contradicts itself."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypedDict
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from urja.apps.assets.kinds import DeviceRole
from urja.apps.billing import queries as billing
from urja.apps.commissioning.queries import NewestCall, newest_calls
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.queries import calendars_of_meters
from urja.apps.identity.queries.access import Caller
from urja.apps.meter_jobs.queries import CalendarAgreement, compare_calendar
from urja.apps.network.kinds import Commodity
from urja.apps.overviews.queries import service_points
from urja.apps.overviews.queries.registry import DevicePeriodRow, ServicePointRow
from urja.apps.overviews.queries.service_points import ConfigurationRow
from urja.apps.readings import queries as readings
from urja.apps.readings.queries import conservation, missing_final_reads
from urja.apps.readings.queries.billing_profiles import BillingProfile, billing_profiles
from urja.apps.readings.queries.channel_values import MeasuredSoFar, measured_so_far
from urja.apps.rulebook.errors import UnknownTariffError
from urja.core.calendar import local_day, midnight, month_of
from urja.quantities.catalogue import BY_NAME
from urja.usecases.kinds.meters import Commission, CorrectLastRead
from urja.web.console import wording
from urja.web.console.operation_page import operation_named
from urja.web.console.time_formats import moment_of, period_in_words
from urja.web.shared import formats, gas_words
from urja.web.shared.clock import zone

_REGISTERS: Final[dict[str, Promise]] = {
    "import_wh": gettext_lazy("energy import"),
    "export_wh": gettext_lazy("energy export"),
    "import_vah": gettext_lazy("apparent energy import"),
    "export_vah": gettext_lazy("apparent energy export"),
}
"""Registers that have zones; another has the name of its quantity."""


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
    call: str = ""
    """What has become of its commissioning; empty once it has passed, and before it is called."""
    failed_checks: tuple[str, ...] = ()
    """Sentences, in English."""
    commission_href: str = ""
    """Address of the form that calls it again; empty if the caller may not."""
    configuration: list[Item] = field(default_factory=list)
    seals: list[str] = field(default_factory=list)


def meters_of(
    place: ServicePointRow, current: Agreement | None, caller: Caller, now: datetime
) -> list[MeterView]:
    """Return the meters that are or were installed at a service point, with what each has measured in this billing period."""
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
    calls = newest_calls(
        period.id for period in periods if period.valid_to is None and period.commissioned_at is None
    )
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
            **_call(period.device.serial, calls.get(period.id), caller, now),
            configuration=[
                _item(item)
                for item in items
                if item.device_id == period.device_id and period.valid_to is None
            ],
            seals=[
                _("%(number)s (%(place)s) since %(day)s")
                % {"number": seal.number, "place": seal.place or "–", "day": formats.day_of(seal.applied_at)}
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
            % {"volume": formats.billed(found.billed, commodity), "day": formats.day_of(begun)}
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
            % {"energy": formats.energy(found.export_wh), "day": formats.day_of(begun)}
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
            words["day"] = formats.day_of(midnight(found.first_day, zone()))
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


def _call(serial: str, call: NewestCall | None, caller: Caller, now: datetime) -> "_Call":
    """Return what has become of a meter's commissioning, and the form that calls it again."""
    if call is None:
        return {}
    if call.under_way:
        return {"call": _("It is being called: its keys, clock, register and pushes are checked.")}
    if call.failed_at is None:
        return {}
    said = _("Commissioning failed %(moment)s:") % {"moment": moment_of(call.failed_at, now)}
    found = _Call(call=said, failed_checks=call.says)
    kind = Commission.kind()
    if operation_named(kind, caller) is not None:
        query = urlencode({"serial": serial})
        found["commission_href"] = f"{reverse('console:operation', args=[kind])}?{query}"
    return found


class _Call(TypedDict, total=False):
    call: str
    failed_checks: tuple[str, ...]
    commission_href: str


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
