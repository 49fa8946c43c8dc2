"""`urja calendar`: check, load and show calendars of time of day; propose holidays.

`check` and `holidays` need no database and no Django.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from urja.core.calendars import Calendar, CalendarError, edges_inside_intervals, parse_calendar
from urja.core.calendars.zones import MINUTES, DayTable, clock_text
from urja.core.table_reader import Fault
from urja.site.cli.document_check import check_file, documents_argument, end_check, load_all
from urja.site.cli.options import data_option, read_document
from urja.site.command_errors import CommandError, Exit

_lengths = click.option(
    "--interval-min",
    "lengths_min",
    multiple=True,
    type=click.Choice(["15", "30", "60"]),
    help="Length of the intervals of meters that are billed by it; may be repeated.",
)


@click.group()
def calendar() -> None:
    """Check, load and show calendars of time of day; propose holidays."""


@calendar.command()
@documents_argument
@_lengths
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(files: Sequence[Path], lengths_min: Sequence[str], as_json: bool) -> None:
    """Check documents and print every fault; exit 2 if there is one."""

    def fitting(text: str) -> Calendar:
        document = parse_calendar(text)
        faults = [
            Fault(f"intervals of {length} minutes", str(edge))
            for length in lengths_min
            for edge in edges_inside_intervals(document, int(length) * 60)
        ]
        if faults:
            raise CalendarError(faults)
        return document

    checked = {path: check_file(path, fitting, _with_zones, as_json=as_json) for path in files}
    end_check(checked, as_json=as_json)


def _with_zones(document: Calendar) -> str:
    zones = ", ".join(f"{zone.number} {zone.name}" for zone in document.zones)
    return f"{document.code} {document.version} from {document.valid_from} ({zones})"


@calendar.command()
@documents_argument
@_lengths
@data_option
def load(files: Sequence[Path], lengths_min: Sequence[str], data: Path) -> None:
    """Store documents as versions of their calendars.

    A change of zone inside an interval of an installed electricity meter is refused; with --interval-min only meters with
    these lengths are considered.
    """
    texts = {path: read_document(path) for path in files}
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.rulebook.errors import CalendarConflictError
    from urja.usecases.calendars import UnfitCalendarError, load_calendar

    def store(text: str) -> str:
        stored = load_calendar(
            text,
            zone=ZoneInfo(box.settings.utility.timezone),
            interval_lengths_s=[int(length) * 60 for length in lengths_min],
            recorded_at=box.clock.now(),
            actor="urja calendar load",
        )
        return f"{stored.code} {stored.version} is in force from {stored.valid_from}"

    load_all(texts, store, (CalendarError, CalendarConflictError, UnfitCalendarError))


@calendar.command()
@click.argument("code", required=False)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Show the zones of this local day alone.")
@data_option
def show(code: str | None, day: datetime | None, data: Path) -> None:
    """List the stored versions; of one CODE with seasons, kinds of days and holidays."""
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.rulebook.queries.calendars import all_versions, versions_of

    if code is None:
        for version in all_versions():
            click.echo(f"{version.code} {version.version} from {version.valid_from}: {version.title}")
        return
    versions = versions_of(code)
    if not versions:
        raise CommandError(
            Exit.USAGE, f"no version of calendar {code!r} is stored: urja calendar show lists them"
        )
    if day is not None:
        click.echo(_of_day(versions, day.date()))
        return
    click.echo("\n\n".join(map(_as_text, versions)))


def _of_day(versions: Sequence[Calendar], day: date) -> str:
    from urja.core.calendars.zones import UncoveredDayError, in_force

    try:
        version = in_force(versions, day)
    except UncoveredDayError as error:
        raise CommandError(Exit.USAGE, str(error)) from None
    table = version.table_of(day)
    return f"{day} ({version.code} {version.version}, {table.name}): {_hours(version, table)}"


def _hours(version: Calendar, table: DayTable) -> str:
    names = {zone.number: zone.name for zone in version.zones}
    ends = [minute for minute, _ in table.switches[1:]] + [MINUTES]
    return ", ".join(
        f"{clock_text(begins)}-{clock_text(end)} {names[number]}"
        for (begins, number), end in zip(table.switches, ends, strict=True)
    )


def _as_text(version: Calendar) -> str:
    lines = [f"{version.code} {version.version} from {version.valid_from}: {version.title}"]
    lines += [f"  zone {zone.number}: {zone.name} ({zone.title})" for zone in version.zones]
    lines += [f"  day {table.name}: {_hours(version, table)}" for table in version.days]
    lines += [
        f"  season {one.name} from {one.month:02}-{one.day:02}: {', '.join(one.week)}"
        + (f"; holidays {one.holiday}" if one.holiday else "")
        for one in version.seasons
    ]
    return "\n".join([*lines, *(f"  holiday {one.day} {one.title}".rstrip() for one in version.holidays)])


@calendar.command()
@click.argument("country")
@click.option("--subdivision", help="State or province, such as ON or MH.")
@click.option("--year", "years", type=click.IntRange(2000, 2100), multiple=True, required=True)
def holidays(country: str, subdivision: str | None, years: Sequence[int]) -> None:
    """Print a proposed list of holidays for a calendar: COUNTRY by its code, such as IN or CA.

    It is a proposal of the library `holidays`, which knows public holidays and not the tariff order: a person compares
    the two and decides.
    """
    from importlib.metadata import version

    import holidays as library

    try:
        found = library.country_holidays(country.upper(), subdiv=subdivision, years=list(years))
    except NotImplementedError as error:
        raise CommandError(Exit.USAGE, f"no holidays are known for it: {error}") from None
    click.echo(f"# Proposed by holidays {version('holidays')}: compare with the tariff order, and correct.")
    for day, title in sorted(found.items()):
        click.echo(f"\n[[holiday]]\nday = {day}\ntitle = {json.dumps(title, ensure_ascii=False)}")
