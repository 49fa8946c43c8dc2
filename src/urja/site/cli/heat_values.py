"""`urja heat-values`: check, load and show the heat values and base conditions of a gas utility.

`check` needs no database and no Django.
"""

import getpass
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from urja.core.gas import conditions_text
from urja.core.heat_values import HeatValues, HeatValuesError, HeatZone, in_force, parse_heat_values
from urja.site.cli.document_check import check_file, documents_argument, end_check, load_all
from urja.site.cli.options import data_option, read_document
from urja.site.command_errors import CommandError, Exit


@click.group("heat-values")
def heat_values() -> None:
    """Check, load and show heat values of gas with their base conditions."""


@heat_values.command()
@documents_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(files: Sequence[Path], as_json: bool) -> None:
    """Check documents and print every fault; exit 2 if there is one."""
    checked = {path: check_file(path, parse_heat_values, _title, as_json=as_json) for path in files}
    end_check(checked, as_json=as_json)


@heat_values.command()
@documents_argument
@data_option
def load(files: Sequence[Path], data: Path) -> None:
    """Store documents as versions of the utility's heat values.

    Of several that cover a day the one loaded last decides; determinants of past days get their next version.
    """
    texts = {path: read_document(path) for path in files}
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.rulebook.errors import HeatValuesConflictError
    from urja.usecases.heat_values import UnknownAreaError, load_heat_values

    def store(text: str) -> str:
        actor = f"urja heat-values load ({getpass.getuser()})"[:100]
        return f"{_title(load_heat_values(text, recorded_at=box.clock.now(), actor=actor))} is loaded"

    load_all(texts, store, (HeatValuesError, HeatValuesConflictError, UnknownAreaError))


@heat_values.command()
@click.argument("version", required=False)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Show what decides on this local day.")
@click.option("--area", default="", help='With --day: for this area, such as "section North-2".')
@data_option
def show(version: str | None, day: datetime | None, area: str, data: Path) -> None:
    """List the stored versions in the order of loading; one VERSION in full; or what decides on a day."""
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.rulebook.queries.heat_values import all_versions

    versions = all_versions()
    if day is not None:
        found = in_force(versions, day.date(), [area])
        if found is None:
            raise CommandError(
                Exit.USAGE,
                f"no heat value is stored of {day.date()} for {area or 'the whole utility'}: load it (urja heat-values load)",
            )
        document, zone = found
        value = zone.on(day.date()).joules_per_m3
        click.echo(
            f"{day.date()}, {_zone(zone)}: {_heat(value)} {document.basis} ({document.code} {document.version})"
        )
        return
    if version is None:
        for one in versions:
            click.echo(_title(one))
        return
    found_version = next((one for one in versions if one.version == version), None)
    if found_version is None:
        raise CommandError(
            Exit.USAGE, f"no version {version!r} of heat values is stored: urja heat-values show lists them"
        )
    click.echo(_as_text(found_version))


def _title(document: HeatValues) -> str:
    until = f"to {document.valid_to}" if document.valid_to else "until further notice"
    base = conditions_text(document.base.temperature_dc, document.base.pressure_pa)
    return f"{document.code} {document.version} from {document.valid_from} {until}, {document.basis}, for one m³ at {base}"


def _as_text(document: HeatValues) -> str:
    lines = [_title(document), f"  {document.title}", f"  SHA-256 {document.sha256}"]
    for zone in document.zones:
        supply = conditions_text(zone.supply.temperature_dc, zone.supply.pressure_pa)
        lines.append(f"  {_zone(zone)}: gas at {supply or 'conditions that are not stated'}")
        lines += [f"    from {first}: {_heat(value.joules_per_m3)}" for first, value in zone.values]
    return "\n".join(lines)


def _zone(zone: HeatZone) -> str:
    return zone.area or "everywhere else"


def _heat(joules_per_m3: int) -> str:
    return f"{joules_per_m3 / 1e6:.10g} MJ/m³ ({joules_per_m3 / 3.6e6:.4f} kWh/m³)"
