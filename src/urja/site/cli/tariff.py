"""`urja tariff`: check, explain and compare tariff documents, calculate a bill, load them.

All but `load` need no database and no Django.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urja.core import desk
from urja.core.calendar import Period
from urja.core.desk.openei import OpenEiError, convert
from urja.core.desk.schema import tariff_schema
from urja.core.rating import (
    Commodity,
    RatedPeriod,
    RatingError,
    RatingTerms,
    Tariff,
    parse_tariff,
    rate_period,
    uses_between,
)
from urja.core.units import exact_text, major_text
from urja.site.cli.bill import Supply, calendar_versions, file_path, supply_options
from urja.site.cli.bill_text import amount_as_text, lines_as_json, lines_as_text
from urja.site.cli.document_check import (
    check_file,
    documents_argument,
    end_check,
    template_argument,
    write_template,
)
from urja.site.cli.options import data_option, read_document
from urja.site.cli.tariff_files import parse_file, tariff_versions
from urja.site.command_errors import CommandError, Exit, database_refusal

if TYPE_CHECKING:
    from urja.apps.billing.repricing import Repriced


@click.group()
def tariff() -> None:
    """Check, explain, compare and load tariff documents; calculate a bill."""


@tariff.command()
@template_argument
def template(file: Path) -> None:
    """Write a tariff to begin with to FILE: slabs of energy and a fixed charge."""
    write_template(file, resources.files("urja.core.desk").joinpath("template.toml").read_text("utf-8"))


@tariff.command()
@documents_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(files: Sequence[Path], as_json: bool) -> None:
    """Check documents and print every fault; exit 2 if there is one."""
    checked = {path: check_file(path, parse_tariff, _with_lines, as_json=as_json) for path in files}
    end_check(checked, as_json=as_json)


def _with_lines(document: Tariff) -> str:
    lines = ", ".join(line.name for line in document.lines)
    return f"{document.code} {document.version} from {document.valid_from} ({lines})"


@tariff.command()
@documents_argument
@click.option("--wh", type=int, help="Energy consumed from the first day to the last, in Wh.")
@click.option("--litres", type=int, help="In place of --wh, for a tariff of gas: volume in litres.")
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
    help="Known energy (Wh) or volume (L) from the first day to the start of DAY; may be repeated.",
)
@click.option("--load-w", type=click.IntRange(0), help="Sanctioned load in W.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def rate(
    files: Sequence[Path],
    wh: int | None,
    litres: int | None,
    first: datetime,
    end: datetime,
    through: datetime | None,
    reads: Sequence[str],
    load_w: int | None,
    as_json: bool,
) -> None:
    """Show the bill of a period with its arithmetic. Several FILES are versions of one tariff."""
    versions = tariff_versions(files)
    used = _used(versions[0], wh, litres)
    if needs := sorted({need for version in versions for need in version.needs}):
        raise CommandError(
            Exit.USAGE,
            f"the bill cannot be calculated: the tariff needs {', '.join(needs)}, and the command is given the billed "
            "quantity alone; give usage of the others to urja bill",
        )
    if load_w is None and any(version.goes_by_kw for version in versions):
        raise CommandError(
            Exit.USAGE,
            "the bill cannot be calculated: the tariff goes by the sanctioned load in kW; give --load-w",
        )
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
        terms = [RatingTerms(billed.first, tuple(versions), load_w or 0)]
        uses = uses_between(passed.first, {**_known_use(reads, passed), passed.end: used})
        result = rate_period(terms, uses, billed=billed, through=passed.end)
    except RatingError as error:
        raise CommandError(Exit.USAGE, f"the bill cannot be calculated: {error}") from None
    except OverflowError:
        raise CommandError(
            Exit.USAGE, f"{billed.end} is too near the end of the calendar: give an earlier --to"
        ) from None
    if as_json:
        click.echo(json.dumps(_as_json(versions[0], result, used), ensure_ascii=False))
    else:
        click.echo(_as_text(versions[0], result, used))


def _used(document: Tariff, wh: int | None, litres: int | None) -> int:
    """Return what is billed, in Wh or litres by the tariff's commodity. Raises `CommandError` for the other option."""
    option, given, other = (
        ("--litres", litres, wh) if document.commodity is Commodity.GAS else ("--wh", wh, litres)
    )
    if given is None or other is not None:
        raise CommandError(
            Exit.USAGE,
            f"{document.code} is a tariff of {document.commodity}: give {option}, and no use in another unit",
        )
    return given


def _known_use(reads: Sequence[str], passed: Period) -> dict[date, int]:
    """Return the use in Wh or litres up to the start of each day, from the `--read` options. Raises `CommandError`."""
    known: dict[date, int] = {}
    for read in reads:
        day, _, wh = read.partition("=")
        try:
            known[date.fromisoformat(day)] = int(wh)
        except ValueError:
            raise CommandError(
                Exit.USAGE, f"--read {read} is not a day with Wh or litres, such as 2026-04-04=100000"
            ) from None
    for from_day in known:
        if not passed.first < from_day < passed.end:
            raise CommandError(
                Exit.USAGE,
                f"--read {from_day} is not inside the period: give a day after {passed.first} and before {passed.end}",
            )
    return known


def _as_json(document: Tariff, result: RatedPeriod, used: int) -> dict[str, object]:
    return {
        "code": document.code,
        "versions": [version.version for version in result.versions],
        "currency": document.currency,
        "from": result.billed.first.isoformat(),
        "to": result.billed.end.isoformat(),
        "through": result.through.isoformat(),
        "volume_l" if document.commodity is Commodity.GAS else "energy_wh": used,
        "lines": lines_as_json(result.lines),
        "notes": list(result.notes),
        "total_minor": result.total_minor,
    }


def _as_text(document: Tariff, result: RatedPeriod, used: int) -> str:
    quantity = f"{exact_text(Fraction(used, 1000))} {document.commodity.unit}"
    out = [
        f"{document.title} ({document.code} {', '.join(version.version for version in result.versions)})",
        f"{result.billed.first} to {result.billed.end} ({result.billed.days} days), {quantity}",
        "",
        *lines_as_text(result.lines, document.exponent),
        amount_as_text(f"Total {document.currency}", result.total_minor, document.exponent),
    ]
    out += ["", *(f"- {note}" for note in result.notes)] if result.notes else []
    return "\n".join(out)


@tariff.command()
@click.argument("file", type=file_path)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def explain(file: Path, as_json: bool) -> None:
    """Show a document in sentences: what each line prices, by what, when it is charged, how it is rounded."""
    document = parse_file(file, read_document(file))
    whole, lines = desk.explain(document)
    if as_json:
        told = [
            {"name": line.name, "title": line.title, "settles": line.settles, "sentences": lines[line.name]}
            for line in document.lines
        ]
        click.echo(json.dumps({"document": whole, "lines": told}, ensure_ascii=False))
        return
    click.echo("\n".join(whole))
    for line in document.lines:
        click.echo(f"\n{line.title} ({line.name})")
        for sentence in lines[line.name]:
            click.echo(f"    {sentence}")


@tariff.command()
@click.argument("before", type=file_path)
@click.argument("after", type=file_path)
@click.option(
    "--sample",
    "samples",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="CSV of one consumer's usage, or a folder of them; may be repeated.",
)
@click.option(
    "--calendar", "calendars", multiple=True, type=file_path, help="Calendar of a tariff; may be repeated."
)
@supply_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def diff(
    before: Path,
    after: Path,
    samples: Sequence[Path],
    calendars: Sequence[Path],
    supply: Supply,
    as_json: bool,
) -> None:
    """Compare two tariffs over samples of usage: who pays how much more by AFTER, by line and in total.

    Files of one sample have one name up to the first dot. Options of the supply hold for all samples.
    """
    old, new = (parse_file(path, read_document(path)) for path in (before, after))
    usages = {name: supply.usage(files) for name, files in _samples(samples).items()}
    try:
        found = desk.compare(
            old,
            new,
            calendar_versions(calendars),
            usages,
            supply.contract,
            demand_s=60 * supply.demand_min,
        )
    except desk.BillingError as error:
        raise CommandError(Exit.USAGE, str(error)) from None
    told = _difference(old.currency, found)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else _difference_as_text(old, found, told))


def _samples(given: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the files of each sample by its name. Raises `CommandError` for a folder without CSV."""
    found: dict[str, list[Path]] = {}
    for path in given:
        files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        if not files:
            raise CommandError(
                Exit.USAGE, f"{path} has no file that ends in .csv: give the folder of the samples"
            )
        for file in files:
            found.setdefault(str(file.parent / file.name.partition(".")[0]), []).append(file)
    return found


def _difference(currency: str, found: Sequence[desk.Compared]) -> dict[str, object]:
    lines: dict[str, int] = {}
    for one in found:
        for name, more in one.more_by_line.items():
            lines[name] = lines.get(name, 0) + more
    return {
        "currency": currency,
        "samples": [
            {
                "sample": one.sample,
                "before_minor": one.totals[0],
                "after_minor": one.totals[1],
                "more_minor": one.more,
                "more_by_line_minor": one.more_by_line,
                "notes": one.notes,
            }
            for one in found
        ],
        "pay_more": sum(one.more > 0 for one in found),
        "pay_less": sum(one.more < 0 for one in found),
        "pay_the_same": sum(one.more == 0 for one in found),
        "more_by_line_minor": lines,
        "more_minor": sum(one.more for one in found),
    }


def _difference_as_text(document: Tariff, found: Sequence[desk.Compared], told: dict[str, object]) -> str:
    def money(amount: int) -> str:
        return major_text(amount, document.exponent)

    width = max(len(one.sample) for one in found)
    out = [f"{'sample':<{width}} {'before':>14} {'after':>14} {'more ' + document.currency:>14}"]
    for one in found:
        amounts = " ".join(f"{money(amount):>14}" for amount in (*one.totals, one.more))
        out.append(f"{one.sample:<{width}} {amounts}")
        out += [f"    {name}: {money(more)}" for name, more in one.more_by_line.items()]
        out += [f"    - {note}" for note in one.notes]
    counts = f"{told['pay_more']} pay more, {told['pay_less']} less, {told['pay_the_same']} the same"
    return "\n".join(
        [*out, "", f"{counts}; in total {money(sum(one.more for one in found))} {document.currency}"]
    )


@tariff.command()
def schema() -> None:
    """Print the JSON Schema of tariff documents, for editors."""
    click.echo(json.dumps(tariff_schema(), ensure_ascii=False, indent=2))


@tariff.command(name="from-openei")
@click.argument("file", type=file_path)
@click.option(
    "--out",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="Folder of the documents. [default: the working directory]",
)
@click.option("--currency", default="USD", show_default=True, help="Currency of the rate.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def from_openei(file: Path, out: Path, currency: str, as_json: bool) -> None:
    """Write the tariff and calendar of a rate of the U.S. Utility Rate Database; list what they do not express."""
    try:
        found = convert(read_document(file), currency)
    except OpenEiError as error:
        raise CommandError(Exit.USAGE, f"{file} {error}") from None
    parse_file(file, found.tariff)
    texts = {f"{found.code}.toml": found.tariff, f"{found.code}-calendar.toml": found.calendar}
    written = {out / name: text for name, text in texts.items() if text}
    for path in written:
        if path.exists():
            raise CommandError(
                Exit.USAGE, f"{path} exists already: move it, or give another folder with --out"
            )
    for path, text in written.items():
        path.write_text(text, "utf-8")
    if as_json:
        told = {"written": [str(path) for path in written], "not_expressed": list(found.not_expressed)}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for path in written:
        click.echo(f"written: {path}")
    for sentence in found.not_expressed:
        click.echo(f"not expressed: {sentence}")


@tariff.command()
@documents_argument
@click.option("--yes", is_flag=True, help="Load them also where they charge past days again.")
@data_option
def load(files: Sequence[Path], yes: bool, data: Path) -> None:
    """Store documents as versions of their tariffs.

    Where they charge past days again, the amounts are shown first, and --yes is needed; the next close of a day posts
    them.
    """
    texts = {path: read_document(path) for path in files}
    documents = [parse_file(path, text) for path, text in texts.items()]
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError, transaction

    from urja.apps.rulebook.errors import (
        ReceivableError,
        TariffConflictError,
        UnknownCalendarError,
        UnlikeVersionError,
        UnratedTariffError,
    )
    from urja.usecases.errors import OtherCommodityError, UnsharedTariffError
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
    except (
        OtherCommodityError,
        ReceivableError,
        TariffConflictError,
        UnknownCalendarError,
        UnlikeVersionError,
        UnratedTariffError,
        UnsharedTariffError,
    ) as error:
        raise CommandError(Exit.USAGE, f"{error}; nothing was loaded") from None
    except DatabaseError as error:
        raise database_refusal(error) from error
    for version in stored:
        click.echo(f"{version.code} {version.version} is in force from {version.valid_from}")


def _told(found: "Repriced", currency: str, documents: Sequence[Tariff]) -> str:
    """Return a sentence with the changes of past charges in one currency."""
    exponent = next((document.exponent for document in documents if document.currency == currency), 2)

    def largest(each: tuple[int, int] | None) -> str:
        return f"{major_text(abs(each[1]), exponent)} (account {each[0]})" if each else "none"

    refused = (
        f"; {major_text(found.refused_minor, exponent)} more is older than the look-back limit and is not charged"
        if found.refused_minor
        else ""
    )

    def accounts(number: int) -> str:
        return "1 account" if number == 1 else f"{number} accounts"

    held = (
        f"; {accounts(found.held)} held back: their terms of past days do not state a load that the tariff needs (change_load)"
        if found.held
        else ""
    )
    return (
        f"{accounts(found.accounts)} charged again for past days, by "
        f"{major_text(found.sum_minor, exponent)} {currency} in total; "
        f"largest debit {largest(found.largest_debit)}, largest credit {largest(found.largest_credit)}{refused}{held}"
    )
