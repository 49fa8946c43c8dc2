"""`urja tariff`: check tariff documents, calculate a bill, load them.

`check` and `rate` need no database and no Django.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urja.core.calendar import Period
from urja.core.rating import (
    ROUNDING,
    RatedPeriod,
    RatingError,
    RatingTerms,
    Tariff,
    TariffError,
    parse_tariff,
    rate_period,
    uses_between,
)
from urja.core.units import exact_text, major_text
from urja.site.cli.options import data_option, read_document
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.apps.billing.repricing import Repriced

_documents = click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)


@click.group()
def tariff() -> None:
    """Check and load tariff documents; calculate a bill."""


@tariff.command()
@_documents
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(files: Sequence[Path], as_json: bool) -> None:
    """Check documents and print every fault; exit 2 if there is one."""
    faults: dict[str, list[dict[str, str]]] = {}
    for path in files:
        found = []
        try:
            document = parse_tariff(read_document(path))
        except TariffError as error:
            found = [{"where": fault.where, "sentence": fault.sentence} for fault in error.faults]
        except CommandError as unread:
            found = [{"where": "document", "sentence": str(unread).removeprefix(f"{path} ")}]
        faults[str(path)] = found
        if not as_json:
            for fault in found:
                click.echo(f"{path}: {fault['where']}: {fault['sentence']}")
            if not found:
                lines = ", ".join(line.name for line in document.lines)
                click.echo(
                    f"{path}: valid: {document.code} {document.version} from {document.valid_from} ({lines})"
                )
    if as_json:
        click.echo(json.dumps({"faults": faults}, ensure_ascii=False))
    if any(faults.values()):
        raise SystemExit(Exit.USAGE)


@tariff.command()
@_documents
@click.option("--wh", required=True, type=int, help="Energy consumed from the first day to the last, in Wh.")
@click.option("--from", "first", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First billed day.")
@click.option(
    "--to", "end", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Day after the last billed day."
)
@click.option(
    "--through",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day after the last day so far, for a bill within the period. [default: the whole period]",
)
@click.option(
    "--read",
    "reads",
    multiple=True,
    metavar="DAY=WH",
    help="Known energy from the first day to the start of DAY, in Wh; may be repeated.",
)
@click.option("--load-w", default=0, show_default=True, type=click.IntRange(0), help="Sanctioned load in W.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def rate(
    files: Sequence[Path],
    wh: int,
    first: datetime,
    end: datetime,
    through: datetime | None,
    reads: Sequence[str],
    load_w: int,
    as_json: bool,
) -> None:
    """Show the bill of a period with its arithmetic. Several FILES are versions of one tariff."""
    versions = _versions(files)
    billed = Period(first.date(), end.date())
    if not billed.days:
        raise CommandError(
            Exit.USAGE,
            f"the period from {billed.first} to {billed.end} has no day: --to is the day after the last",
        )
    passed = Period(billed.first, through.date() if through else billed.end)
    if not billed.first <= passed.end <= billed.end:
        raise CommandError(
            Exit.USAGE, f"--through {passed.end} is outside the period: give {billed.first} to {billed.end}"
        )
    try:
        terms = [RatingTerms(billed.first, tuple(versions), load_w)]
        uses = uses_between(passed.first, {**_known_wh(reads, passed), passed.end: wh})
        result = rate_period(terms, uses, billed=billed, through=passed.end)
    except RatingError as error:
        raise CommandError(Exit.USAGE, f"the bill cannot be calculated: {error}") from None
    except OverflowError:
        raise CommandError(
            Exit.USAGE, f"{billed.end} is too near the end of the calendar: give an earlier --to"
        ) from None
    if as_json:
        click.echo(json.dumps(_as_json(versions[0], result, wh), ensure_ascii=False))
    else:
        click.echo(_as_text(versions[0], result, wh))


def _known_wh(reads: Sequence[str], passed: Period) -> dict[date, int]:
    """Return the energy in Wh up to the start of each day, from the `--read` options. Raises `CommandError`."""
    known: dict[date, int] = {}
    for read in reads:
        day, _, wh = read.partition("=")
        try:
            known[date.fromisoformat(day)] = int(wh)
        except ValueError:
            raise CommandError(
                Exit.USAGE, f"--read {read} is not a day with Wh, such as 2026-04-04=100000"
            ) from None
    for from_day in known:
        if not passed.first < from_day < passed.end:
            raise CommandError(
                Exit.USAGE,
                f"--read {from_day} is not inside the period: give a day after {passed.first} and before {passed.end}",
            )
    return known


def _parse(path: Path, text: str) -> Tariff:
    try:
        return parse_tariff(text)
    except TariffError as error:
        lines = "\n  ".join(str(fault) for fault in error.faults)
        raise CommandError(Exit.USAGE, f"{path} is not a tariff:\n  {lines}") from None


def _versions(files: Sequence[Path]) -> list[Tariff]:
    versions = [_parse(path, read_document(path)) for path in files]
    codes = sorted({version.code for version in versions})
    if len(codes) > 1:
        raise CommandError(Exit.USAGE, f"these are documents of different tariffs: {', '.join(codes)}")
    for version in versions[1:]:
        if why := version.conflict_with(versions[0]):
            raise CommandError(
                Exit.USAGE,
                f"version {version.version} cannot follow the earlier one: {why}; give it its own code",
            )
    return versions


def _as_json(document: Tariff, result: RatedPeriod, wh: int) -> dict[str, object]:
    return {
        "code": document.code,
        "versions": [version.version for version in result.versions],
        "currency": document.currency,
        "from": result.billed.first.isoformat(),
        "to": result.billed.end.isoformat(),
        "through": result.through.isoformat(),
        "energy_wh": wh,
        "lines": [
            {
                "name": line.name,
                "title": line.title,
                "amount_minor": line.amount_minor,
                "rows": [
                    {
                        "key": part.key,
                        "label": part.label,
                        "quantity": exact_text(part.quantity),
                        "unit": part.unit,
                        "rate_minor": exact_text(part.rate),
                        "amount_minor": exact_text(part.amount),
                    }
                    for part in line.parts
                ],
            }
            for line in result.lines
        ],
        "notes": list(result.notes),
        "total_minor": result.total_minor,
    }


def _as_text(document: Tariff, result: RatedPeriod, wh: int) -> str:
    def money(amount: int) -> str:
        return major_text(amount, document.exponent)

    out = [
        f"{document.title} ({document.code} {', '.join(version.version for version in result.versions)})",
        f"{result.billed.first} to {result.billed.end} ({result.billed.days} days), {_kwh(wh)} kWh",
        "",
    ]
    for line in result.lines:
        out.append(f"{line.title:<56} {money(line.amount_minor):>14}")
        for part in line.parts:
            product = _product(part.quantity, part.unit, part.rate, document.exponent)
            out.append(f"    {part.label}: {product} = {exact_text(part.amount / 10**document.exponent)}")
    out.append(f"{'Total ' + document.currency:<56} {money(result.total_minor):>14}")
    out += ["", *(f"- {note}" for note in result.notes)] if result.notes else []
    return "\n".join(out)


def _product(quantity: Fraction, unit: str, rate: Fraction, exponent: int) -> str:
    scale = 10**exponent
    if unit == ROUNDING:
        return exact_text(quantity / scale)
    if unit == "minor":
        return f"{exact_text(quantity / scale)} x {exact_text(rate * 100)} %"
    return f"{exact_text(quantity)} {unit} x {exact_text(rate / scale)}"


def _kwh(wh: int) -> str:
    """Return Wh as kWh without trailing zeros."""
    return exact_text(Fraction(wh, 1000))


@tariff.command()
@_documents
@click.option("--yes", is_flag=True, help="Load them also where they charge past days again.")
@data_option
def load(files: Sequence[Path], yes: bool, data: Path) -> None:
    """Store documents as versions of their tariffs.

    Where they charge past days again, the amounts are shown first, and --yes is needed; the next close of a day posts
    them.
    """
    texts = {path: read_document(path) for path in files}
    documents = [_parse(path, text) for path, text in texts.items()]
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError, transaction

    from urja.apps.rulebook.errors import TariffConflictError, UnlikeVersionError
    from urja.usecases.tariffs import load_tariffs

    try:
        with transaction.atomic():
            stored, found = load_tariffs(list(texts.values()), box.clock.now())
            for currency, each in found.items():
                click.echo(_told(each, currency, documents))
            if found and not yes:
                raise CommandError(
                    Exit.FAILED,
                    "nothing was loaded: past days would be charged again, as shown; "
                    "give --yes to load them, or a later valid_from",
                )
    except (TariffConflictError, UnlikeVersionError) as error:
        raise CommandError(Exit.USAGE, f"{error}; nothing was loaded") from None
    except DatabaseError as error:
        raise CommandError(Exit.UNAVAILABLE, f"the database refused: {error}") from error
    for version in stored:
        click.echo(f"{version.code} {version.version} is in force from {version.valid_from}")


def _told(found: "Repriced", currency: str, documents: Sequence[Tariff]) -> str:
    """Return a sentence with the changes of past charges in one currency."""
    exponent = next((document.exponent for document in documents if document.currency == currency), 2)

    def largest(each: tuple[int, int] | None) -> str:
        return f"{major_text(abs(each[1]), exponent)} (account {each[0]})" if each else "none"

    return (
        f"{found.accounts} {'account' if found.accounts == 1 else 'accounts'} charged again for past days, by "
        f"{major_text(found.sum_minor, exponent)} {currency} in total; "
        f"largest debit {largest(found.largest_debit)}, largest credit {largest(found.largest_credit)}"
    )
