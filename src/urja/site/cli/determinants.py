"""`urja determinants`: what an agreement's bills are calculated from, with its derivation."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from urja.core.gas import conditions_text
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.apps.determinants.queries import Determinant, HeatSpan, StoredDeterminants


@click.command()
@click.argument("agreement", type=int)
@click.argument("period", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--all", "all_versions", is_flag=True, help="Show every day and version, not the newest alone.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def determinants(agreement: int, period: datetime, all_versions: bool, as_json: bool, data: Path) -> None:
    """Show the determinants of AGREEMENT in the billing period with the local day PERIOD, with their derivation."""
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.determinants.queries import of_period

    rows = of_period(agreement, period.date())
    if not rows:
        raise CommandError(
            Exit.USAGE,
            f"agreement {agreement} has no determinants in the period with {period.date()}: they are stored after the "
            "close of its first day; check the number and the day",
        )
    shown = rows if all_versions else rows[-1:]
    if as_json:
        click.echo(json.dumps([_as_json(row) for row in shown], ensure_ascii=False))
    else:
        zone = ZoneInfo(box.settings.utility.timezone)
        click.echo("\n\n".join(_as_text(row, zone) for row in shown))


def _as_json(row: "StoredDeterminants") -> dict[str, object]:
    return {
        "agreement_id": row.agreement_id,
        "period_from": row.period.first.isoformat(),
        "period_to": row.period.end.isoformat(),
        "as_of": row.as_of.isoformat(),
        "version": row.version,
        "determinants": [
            {
                "name": one.name,
                "unit": one.unit,
                "value": one.value,
                "origin": one.origin.name.lower(),
                "estimated": one.estimated,
                "change": one.change,
            }
            for one in row.determinants
        ],
        "load_factor_permille": row.load_factor_permille,
        "known_from": row.known_from_at.isoformat(),
        "known_to": row.known_to_at.isoformat() if row.known_to_at else None,
        "reads": json.loads(row.reads),
        "intervals": row.intervals,
        "intervals_hash": row.intervals_hash,
        "rules": row.rules,
        "notes": row.notes,
        "sha256": row.sha256,
        "calculated_at": row.calculated_at.isoformat(),
    }


def _as_text(row: "StoredDeterminants", zone: ZoneInfo) -> str:
    known_to = row.known_to_at.astimezone(zone).isoformat(" ", "minutes") if row.known_to_at else "nothing"
    lines = [
        f"agreement {row.agreement_id}, {row.period.first} up to {row.as_of}, version {row.version}; known up to {known_to}",
        *(f"  {one.name:<26} {_value(one, zone):>24}  {_origin(one)}" for one in row.determinants),
    ]
    if row.load_factor_permille is not None:
        lines.append(f"  {'load_factor_permille':<26} {row.load_factor_permille:>24}  derived")
    return "\n".join(
        [
            *lines,
            *(f"  not known: {note}" for note in row.not_known),
            *(f"  note: {sentence}" for sentence in row.of_own_totals),
            *_gas_text(row),
            f"  from {len(json.loads(row.reads))} register reads and {row.intervals} intervals ({row.intervals_hash[:16]})",
            f"  by {row.rules}",
            f"  SHA-256 {row.sha256}",
        ]
    )


def _gas_text(row: "StoredDeterminants") -> list[str]:
    """Return how the volume of gas became standard volume and energy, with the factors of its whole time."""
    from urja.apps.determinants.queries import gas_conversion

    found = gas_conversion(row)
    if found is None or found.standard_l is None:
        return []
    factor = f" (× {float(found.factor):.5f})" if found.factor is not None else ""
    text = (
        f"  gas: {found.volume_l / 1000:.3f} m³ as metered, {found.standard_l / 1000:.3f} standard m³{factor}"
    )
    if found.energy_wh is not None:
        heat = f" (× {found.joules_per_m3 / 3.6e6:.4f} kWh/m³)" if found.joules_per_m3 is not None else ""
        text += f", {found.energy_wh / 1000:.3f} kWh{heat}"
    return [text, *filter(None, map(_span_text, found.spans))]


def _span_text(span: "HeatSpan") -> str:
    if span.document is None or span.zone is None:
        return ""
    document, supply = span.document, span.zone.supply
    of_supply = conditions_text(supply.temperature_dc, supply.pressure_pa) or "conditions that are not stated"
    values = ", ".join(f"{first} {value.joules_per_m3 / 1e6:.10g}" for first, value in span.values)
    return (
        f"  heat values {document.code} {document.version}, {span.zone.area or 'everywhere else'}: gas at {of_supply} to "
        f"{conditions_text(document.base.temperature_dc, document.base.pressure_pa)}; {document.basis}, MJ/m³: {values}"
    )


def _value(one: "Determinant", zone: ZoneInfo) -> str:
    if one.unit == "s":
        return datetime.fromtimestamp(one.value, zone).isoformat(" ", "minutes")
    return f"{one.value} {one.unit}"


def _origin(one: "Determinant") -> str:
    """Return where a value comes from, how much of it is estimated, and what the version before did not have."""
    estimated = f", {one.estimated} estimated" if one.estimated else ""
    change = f", {one.change:+} since the version before" if one.change else ""
    return f"{one.origin.name.lower()}{estimated}{change}"
