"""What a consumer's meter has measured beside what the balance shows: demand, export and phases, or the gas and its valve."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _, pgettext

from urja.apps.billing.queries import current_period, read_so_far
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.queries import StoredDeterminants, up_to
from urja.apps.network.kinds import Commodity
from urja.apps.readings.queries.channel_values import newest_interval
from urja.apps.rulebook.errors import UnknownTariffError
from urja.core.calendar import ONE_DAY, Period, month_of
from urja.core.policy import Facts
from urja.web.shared import formats, gas_words
from urja.web.shared.clock import zone

_RECENT: Final = timedelta(days=2)
"""Voltages of an older interval say nothing of today."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A share as a bar, with the sentence that says the same."""

    width: str
    text: str
    above: bool


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """Figures with their names, and sentences below them."""

    figures: list[tuple[str, str]]
    sentences: list[str]
    gauge: Gauge | None = None
    """The demand so far against the sanctioned load."""


def meter_facts(agreement: Agreement | None, known: Facts | None, now: datetime) -> MeterFacts | None:
    """Return what is shown of a meter; None where it counts what the balance and the charts say already."""
    if agreement is None:
        return None
    if agreement.commodity == Commodity.GAS:
        return _of_gas(agreement, known, now)
    newest = newest_interval(agreement.service_point_id, now - _RECENT)
    if newest is None:
        return None
    phases = _phases(newest.values)
    if not phases and "interval_export_wh" not in newest.values:
        return None
    row = up_to(agreement.id, now.date())
    since = row.as_of + ONE_DAY if row else _period(agreement, now).first
    so_far = read_so_far(agreement, Period(since, now.date() + ONE_DAY))
    demand = _demand(row, so_far, agreement, now) if phases else None
    figures = demand.figures if demand else []
    export_wh = (row.value("export_wh") or 0 if row else 0) + so_far.get("export_wh", 0)
    if export_wh:
        figures.append((_("Fed into the grid"), formats.energy(export_wh)))
    sentences = []
    if so_far or row:
        sentences.append(_("Of the billing period, up to the last reading."))
    if phases:
        local = newest.ended_at.astimezone(zone())
        sentences.append(_("Voltages: %(moment)s.") % {"moment": formats.moment(local, now.date())})
    if not figures and not phases:
        return None
    return MeterFacts([*figures, *phases], sentences, demand.gauge if demand else None)


def _period(agreement: Agreement, now: datetime) -> Period:
    """Return the current billing period; the month where no version of the tariff is in force."""
    try:
        return current_period(agreement, now)
    except UnknownTariffError:
        return month_of(now.date())


def _of_gas(agreement: Agreement, known: Facts | None, now: datetime) -> MeterFacts | None:
    states = {"on": pgettext("valve", "open"), "off": pgettext("valve", "closed")}
    state = states.get(known.supply, "") if known else ""
    figures = [(_("Gas valve"), state)] if state else []
    sentences = gas_words.of_agreement(agreement.id, now.date())
    return MeterFacts(figures, sentences) if figures or sentences else None


@dataclass(frozen=True, slots=True)
class _Demand:
    figures: list[tuple[str, str]]
    gauge: Gauge | None


def _demand(
    row: StoredDeterminants | None, so_far: Mapping[str, int], agreement: Agreement, now: datetime
) -> _Demand:
    """Return the highest demand so far with its instant beside the sanctioned load; the meter's kVA where it has them."""
    load_w = agreement.terms_at(now).sanctioned_load_w
    load = (_("Sanctioned load"), _("%(load)s kW") % {"load": formats.kilowatt_hours(load_w)})
    for name, unit in (("max_import_va", "kVA"), ("max_import_w", "kW")):
        demand, at = _highest(row, so_far, name)
        if demand is not None and at is not None:
            local = datetime.fromtimestamp(at, UTC).astimezone(zone())
            said = _("%(demand)s %(unit)s (%(moment)s)") % {
                "demand": formats.kilowatt_hours(demand),
                "unit": unit,
                "moment": formats.moment(local, now.date()),
            }
            power_w, _at = _highest(row, so_far, "max_import_w")
            gauge = _gauge(demand, unit, load_w) if power_w is None else _gauge(power_w, "kW", load_w)
            return _Demand([(_("Highest demand so far"), said), load], gauge)
    return _Demand([load], None)


def _highest(
    row: StoredDeterminants | None, so_far: Mapping[str, int], name: str
) -> tuple[int | None, int | None]:
    """Return a maximum of the period (W or VA) with its instant, whether its day is closed or not."""
    known = [
        (value, at)
        for value, at in (
            (row.value(name) if row else None, row.value(f"{name}_at") if row else None),
            (so_far.get(name), so_far.get(f"{name}_at")),
        )
        if value is not None
    ]
    # Of equal demands the first stands, as in a meter's own register of its maximum.
    return max(known, key=lambda one: one[0], default=(None, None))


def _gauge(demand: int, unit: str, load_w: int) -> Gauge | None:
    """Return the demand (W or VA, by its unit) as a share of the load. The figure above it may be the meter's kVA, so the
    sentence names the one that it divides.
    """
    if not load_w:
        return None
    percent = demand * 100 // load_w
    said = (
        _("Your demand so far, %(demand)s %(unit)s, is %(percent)s %% of your sanctioned load: above it.")
        if demand > load_w
        else _("Your demand so far, %(demand)s %(unit)s, is %(percent)s %% of your sanctioned load.")
    )
    words = {"demand": formats.kilowatt_hours(demand), "unit": unit, "percent": formats.number(percent)}
    return Gauge(f"{min(percent, 100)}%", said % words, above=demand > load_w)


def _phases(values: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return the voltage of each phase in an interval; none of a single-phase meter."""
    return [
        (
            _("Voltage of phase %(phase)s") % {"phase": phase.upper()},
            _("%(voltage)s V") % {"voltage": formats.number(round(Decimal(voltage_cv).scaleb(-2)))},
        )
        for phase in ("l1", "l2", "l3")
        if (voltage_cv := values.get(f"mean_voltage_cv_{phase}")) is not None
    ]
