"""`urja bill`: bills from CSV of usage, without a server, a database or Django."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from urja.core.calendars import Calendar, CalendarError, parse_calendar
from urja.core.desk import Bill, BillingError, Contract, StatedDemand, Usage, UsageError, bills, read_usage
from urja.core.rating import Tariff
from urja.core.units import parse_quotient
from urja.site.cli.bill_text import amount_as_text, lines_as_json, lines_as_text
from urja.site.cli.options import read_document
from urja.site.cli.tariff_files import tariff_versions
from urja.site.command_errors import CommandError, Exit

file_path = click.Path(path_type=Path, exists=True, dir_okay=False)
_SHARES = ("flat", "area", "load")
_MOST_FAULTS = 20
"""Of usage that are printed: one wrong format of dates is a fault of each row."""


@dataclass(frozen=True, slots=True)
class Supply:
    """The options of `supply_options`: where and how usage was measured, and what the agreement states."""

    zone: ZoneInfo
    interval_min: int | None
    demand_min: int
    contract: Contract

    def usage(self, files: Sequence[Path]) -> Usage:
        """Return the usage of CSV files. Raises `CommandError` with every fault."""
        try:
            return read_usage(
                [(str(path), read_document(path)) for path in files], self.zone, self.interval_min
            )
        except UsageError as error:
            more = len(error.faults) - _MOST_FAULTS
            shown = [*error.faults[:_MOST_FAULTS], *([f"and {more} faults more"] if more > 0 else [])]
            raise CommandError(Exit.USAGE, "\n  ".join(["the usage cannot be billed:", *shown])) from None


_SUPPLY_OPTIONS = (
    click.option(
        "--timezone",
        default="Asia/Kolkata",
        show_default=True,
        help="Zone of the local days and of times without an offset.",
    ),
    click.option(
        "--interval-min",
        type=click.IntRange(1, 1440),
        help="Length of intervals without length_min, in minutes.",
    ),
    click.option(
        "--demand-min",
        default="30",
        show_default=True,
        type=click.Choice(["15", "30", "60"]),
        help="Length of the demand period, in minutes.",
    ),
    click.option("--load-w", type=click.IntRange(0), help="Sanctioned load in W."),
    click.option("--load-va", type=click.IntRange(0), help="Sanctioned load in VA."),
    click.option("--contracted-w", type=click.IntRange(0), help="Contracted load in W."),
    click.option("--contracted-va", type=click.IntRange(0), help="Contracted load in VA."),
    click.option(
        "--share",
        "shares",
        multiple=True,
        metavar="KIND=SHARE",
        help="Share of common quantities, such as flat=1/200; may be repeated.",
    ),
    click.option(
        "--ratio",
        default="1/1",
        show_default=True,
        metavar="PRIMARY/SECONDARY",
        help="Transformer ratio that the usage does not have yet.",
    ),
    click.option(
        "--bank",
        "banks",
        multiple=True,
        metavar="[ZONE=]WH",
        help="Units of net metering before the first bill, by the number of the zone; may be repeated.",
    ),
    click.option(
        "--past-demand",
        "past_demands",
        multiple=True,
        metavar="PERIOD[/ZONE]=DEMAND",
        help="Maximum demand of a period before the first bill, for a ratchet, such as 2026-03=412.5kVA; may be repeated.",
    ),
)


def supply_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options of a supply, which it is given as `supply`."""

    def run(
        *args: Any,
        timezone: str,
        interval_min: int | None,
        demand_min: str,
        load_w: int | None,
        load_va: int | None,
        contracted_w: int | None,
        contracted_va: int | None,
        shares: Sequence[str],
        ratio: str,
        banks: Sequence[str],
        past_demands: Sequence[str],
        **options: Any,
    ) -> None:
        contract = Contract(
            load_w,
            load_va,
            contracted_w,
            contracted_va,
            _shares(shares),
            _ratio(ratio),
            _banks(banks),
            tuple(map(_past_demand, past_demands)),
        )
        supply = Supply(_zone(timezone), interval_min, int(demand_min), contract)
        command(*args, supply=supply, **options)

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    run.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]  # where click keeps them
    for option in reversed(_SUPPLY_OPTIONS):
        run = option(run)
    return run


@click.command()
@click.option(
    "--tariff",
    "tariffs",
    multiple=True,
    required=True,
    type=file_path,
    help="Version of the tariff; may be repeated.",
)
@click.option(
    "--usage", "usages", multiple=True, required=True, type=file_path, help="CSV of usage; may be repeated."
)
@click.option(
    "--calendar",
    "calendars",
    multiple=True,
    type=file_path,
    help="Version of the tariff's calendar; may be repeated.",
)
@click.option(
    "--from",
    "first",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day. [default: the first whole day of the usage]",
)
@click.option(
    "--to",
    "end",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day after the last. [default: the end of the last whole day of the usage]",
)
@click.option("--as-one", is_flag=True, help="Bill all days as one period, whatever periods the tariff has.")
@supply_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def bill(
    tariffs: Sequence[Path],
    usages: Sequence[Path],
    calendars: Sequence[Path],
    first: datetime | None,
    end: datetime | None,
    as_one: bool,
    supply: Supply,
    as_json: bool,
) -> None:
    """Calculate bills from CSV of usage: one for each billing period, each line with its arithmetic.

    Several files of --tariff are versions of one tariff. The CSV is described in docs/bill.md.
    """
    versions = tariff_versions(tariffs)
    found = calculated(
        versions,
        calendar_versions(calendars),
        supply.usage(usages),
        supply,
        first=first.date() if first else None,
        end=end.date() if end else None,
        as_one=as_one,
    )
    document = versions[0]
    if as_json:
        click.echo(json.dumps(_as_json(document, found), ensure_ascii=False))
        return
    click.echo("\n\n".join(_as_text(document, each) for each in found))
    if len(found) > 1:
        total = sum(each.result.total_minor for each in found)
        click.echo("\n" + amount_as_text(f"{len(found)} bills {document.currency}", total, document.exponent))


def calendar_versions(files: Sequence[Path]) -> list[Calendar]:
    """Return calendars from their files. Raises `CommandError` with every fault of one."""
    found = []
    for path in files:
        try:
            found.append(parse_calendar(read_document(path)))
        except CalendarError as error:
            lines = "\n  ".join(str(fault) for fault in error.faults)
            raise CommandError(Exit.USAGE, f"{path} is not a calendar:\n  {lines}") from None
    return found


def calculated(
    versions: Sequence[Tariff],
    calendars: Sequence[Calendar],
    usage: Usage,
    supply: Supply,
    *,
    first: date | None = None,
    end: date | None = None,
    as_one: bool = False,
) -> list[Bill]:
    """Return the bills of a usage. Raises `CommandError` where they cannot be calculated."""
    try:
        return bills(
            versions,
            calendars,
            usage,
            supply.contract,
            first=first,
            end=end,
            as_one=as_one,
            demand_s=60 * supply.demand_min,
        )
    except BillingError as error:
        raise CommandError(Exit.USAGE, str(error)) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CommandError(
            Exit.USAGE, f"--timezone {name} is no zone of the IANA database: give one such as Asia/Kolkata"
        ) from None


def _shares(given: Sequence[str]) -> dict[str, Fraction]:
    found = {}
    for share in given:
        kind, _, text = share.partition("=")
        value = parse_quotient(text)
        if kind not in _SHARES or value is None or not 0 <= value <= 1:
            raise CommandError(
                Exit.USAGE,
                f"--share {share} is no share by {', '.join(_SHARES)}: give one such as flat=1/200",
            )
        if kind in found:
            raise CommandError(
                Exit.USAGE, f"--share {share} is of a kind that is stated before: keep one of them"
            )
        found[kind] = value
    return found


def _ratio(text: str) -> tuple[int, int]:
    primary, _, secondary = text.partition("/")
    if not (primary.isdecimal() and secondary.isdecimal() and int(primary) and int(secondary)):
        raise CommandError(Exit.USAGE, f"--ratio {text} is no transformer ratio: give one such as 200/5")
    return int(primary), int(secondary)


def _banks(given: Sequence[str]) -> dict[int, int]:
    found = {}
    for bank in given:
        zone, _, wh = bank.rpartition("=")
        if not wh.isdecimal() or (zone and not zone.isdecimal()):
            raise CommandError(
                Exit.USAGE, f"--bank {bank} is no bank of units: give Wh, or ZONE=WH such as 1=40000"
            )
        if int(zone or 0) in found:
            raise CommandError(
                Exit.USAGE, f"--bank {bank} is of a bank that is stated before: keep one of them"
            )
        found[int(zone or 0)] = int(wh)
    return found


def _past_demand(given: str) -> StatedDemand:
    """Return the demand of an earlier period: of the one that begins in a month, or of the one with a day."""
    matched = re.fullmatch(
        r"(\d{4}-\d\d)(-\d\d)?(?:/([^=/]+))?=(\d{1,9}(?:\.\d{1,3})?) ?(k?)(W|VA)", given, re.ASCII
    )
    month, day, zone, number, thousands, unit = matched.groups() if matched else ("", "", "", "0", "", "")
    power = Fraction(number) * (1000 if thousands else 1)
    try:
        of_day = date.fromisoformat(month + (day or "-01"))
    except ValueError:
        of_day = None
    if of_day is None or power.denominator != 1:
        raise CommandError(
            Exit.USAGE,
            f"--past-demand {given} is no demand of a period: give one such as 2026-03=412.5kVA, 2026-03-16=412500VA (the "
            "period with that day) or 2026-03/peak=380kW, with at most three decimals",
        )
    return StatedDemand(given, of_day, day is None, zone or "", unit == "VA", int(power))


def _as_json(document: Tariff, found: Sequence[Bill]) -> dict[str, object]:
    return {
        "code": document.code,
        "title": document.title,
        "currency": document.currency,
        "decimals": document.exponent,
        "bills": [
            {
                "versions": [version.version for version in each.result.versions],
                "from": each.result.billed.first.isoformat(),
                "to": each.result.billed.end.isoformat(),
                "through": each.result.through.isoformat(),
                "complete": each.complete,
                "determinants": dict(sorted(each.determinants.items())),
                "lines": lines_as_json(each.result.lines),
                "total_minor": each.result.total_minor,
                "reserve": lines_as_json(each.reserve),
                "claims_minor": each.result.claims,
                "bank": [
                    {
                        "zone": row.zone,
                        "opening_wh": row.opening_wh,
                        "imported_wh": row.imported_wh,
                        "exported_wh": row.exported_wh,
                        "used_wh": row.used_wh,
                        "settled_wh": row.settled_wh,
                        "closing_wh": row.closing_wh,
                    }
                    for row in each.result.bank
                ],
                "past_demands": [
                    {
                        "from": past.period.first.isoformat(),
                        "to": past.period.end.isoformat(),
                        "determinant": past.name,
                        "value": past.power,
                    }
                    for past in each.past_demands
                ],
                "notes": list(each.notes),
            }
            for each in found
        ],
        "total_minor": sum(each.result.total_minor for each in found),
    }


def _as_text(document: Tariff, each: Bill) -> str:
    result, exponent = each.result, document.exponent
    so_far = "" if each.complete else f", so far through the day before {result.through}"
    out = [
        f"{document.title} ({document.code} {', '.join(version.version for version in result.versions)})",
        f"{result.billed.first} to {result.billed.end} ({result.billed.days} days){so_far}",
        "",
        *lines_as_text(result.lines, exponent),
        amount_as_text(f"Total {document.currency}", result.total_minor, exponent),
    ]
    if each.reserve:
        out += ["", "Reserve, charged once the period is over:", *lines_as_text(each.reserve, exponent)]
        out.append(amount_as_text("Reserve", sum(line.amount_minor for line in each.reserve), exponent))
    for row in result.bank:
        zone = f" of zone {row.zone}" if row.zone else ""
        given = f"opening {row.opening_wh} + exported {row.exported_wh}"
        taken = f"used {row.used_wh} + settled {row.settled_wh} + closing {row.closing_wh}"
        out += ["", f"Units{zone}, Wh: {given} = {taken}"]
    out += ["", *(f"- {note}" for note in each.notes)] if each.notes else []
    return "\n".join(out)
