"""What a consumer's meter has measured beside what the balance shows: demand, export and phases, or the gas and its valve."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _, pgettext

from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.queries import StoredDeterminants, up_to
from urja.apps.network.kinds import Commodity
from urja.apps.readings.queries.channel_values import newest_interval
from urja.core.policy import Facts
from urja.web.shared import formats, gas_words
from urja.web.shared.clock import zone

_RECENT: Final = timedelta(days=2)
"""Voltages of an older interval say nothing of today."""


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """Figures with their names, and sentences below them."""

    figures: list[tuple[str, str]]
    sentences: list[str]


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
    figures = _demand(row, agreement, now) if phases else []
    export_wh = row.value("export_wh") if row else None
    if export_wh:
        figures.append((_("Fed into the grid"), formats.energy(export_wh)))
    sentences = []
    if figures and row:
        sentences.append(
            _("Of the billing period, up to the end of %(day)s.") % {"day": formats.day(row.as_of)}
        )
    if phases:
        local = newest.ended_at.astimezone(zone())
        sentences.append(_("Voltages: %(moment)s.") % {"moment": formats.moment(local, now.date())})
    return MeterFacts([*figures, *phases], sentences) if figures or phases else None


def _of_gas(agreement: Agreement, known: Facts | None, now: datetime) -> MeterFacts | None:
    states = {"on": pgettext("valve", "open"), "off": pgettext("valve", "closed")}
    state = states.get(known.supply, "") if known else ""
    figures = [(_("Gas valve"), state)] if state else []
    sentences = gas_words.of_agreement(agreement.id, now.date())
    return MeterFacts(figures, sentences) if figures or sentences else None


def _demand(row: StoredDeterminants | None, agreement: Agreement, now: datetime) -> list[tuple[str, str]]:
    """Return the highest demand so far with its instant beside the sanctioned load; the meter's kVA where it has them."""
    agreed = _("%(load)s kW") % {"load": formats.kilowatt_hours(agreement.terms_at(now).sanctioned_load_w)}
    load = (_("Sanctioned load"), agreed)
    for name, unit in (("max_import_va", "kVA"), ("max_import_w", "kW")):
        demand = row.value(name) if row else None
        at = row.value(f"{name}_at") if row else None
        if demand is not None and at is not None:
            local = datetime.fromtimestamp(at, UTC).astimezone(zone())
            said = _("%(demand)s %(unit)s (%(moment)s)") % {
                "demand": formats.kilowatt_hours(demand),
                "unit": unit,
                "moment": formats.moment(local, now.date()),
            }
            return [(_("Highest demand so far"), said), load]
    return [load]


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
