"""`urja sheet`: a society's own spreadsheet of flats and residents, checked, marked and loaded."""

import gettext
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import structs

from urja.base.untyped_values import JsonObject
from urja.site.cli.options import data_option, read_document
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import write_private

if TYPE_CHECKING:
    from urja.core.sheets.sheet_map import SheetMap
    from urja.site.admin import Administration
    from urja.usecases.loading.sheet_files import SheetFile
    from urja.usecases.loading.sheet_loading import SheetReport

_SHOWN: Final = 20
"""Faults that are printed; the marked copy has all."""

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
language_option = click.option(
    "--language",
    type=click.Choice(("en", "hi")),
    default="en",
    show_default=True,
    help="Language of the faults.",
)


def _read_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option(
                "--map",
                "map_file",
                type=click.Path(path_type=Path, dir_okay=False, exists=True),
                help="MAP.toml of an earlier check. [default: FILE's name with .map.toml, if it exists]",
            ),
            click.option(
                "--society", default=None, help="Name of the society. [default: the utility's name]"
            ),
            click.option("--tariff", default=None, help="Code of the tariff of rows without one."),
            click.option(
                "--since", default=None, help="First day of the supply of rows without one: 2024-04-01."
            ),
            click.option("--load-kw", type=float, default=None, help="Sanctioned load of rows without one."),
            click.option(
                "--amounts",
                type=click.Choice(("credit", "owed")),
                default=None,
                help="What a balance without Cr or Dr is.",
            ),
            click.option(
                "--dates",
                type=click.Choice(("auto", "day", "month")),
                default=None,
                help="What comes first in 04/05/2024.",
            ),
        )
    ):
        command = option(command)
    return command


@click.group()
def sheet() -> None:
    """Check and load a society's own spreadsheet (.xlsx or CSV) of flats and residents."""


@sheet.command()
@file_argument
@_read_options
@language_option
@data_option
def check(file: Path, map_file: Path | None, language: str, data: Path, **given: str | None) -> None:
    """Show how FILE is read, what loading it would do, and mark its faults in a copy.

    The map is written beside FILE, to be corrected and used again; existing maps stay as they are.
    """
    _run(file, map_file, language, data, given, dry_run=True, good_rows=False)


@sheet.command()
@file_argument
@_read_options
@click.option(
    "--good-rows", is_flag=True, help="Load the rows without faults; without it one fault stops the file."
)
@language_option
@data_option
def load(
    file: Path, map_file: Path | None, language: str, data: Path, good_rows: bool, **given: str | None
) -> None:
    """Load the flats, residents, balances and installed meters of FILE, all rows or none."""
    _run(file, map_file, language, data, given, dry_run=False, good_rows=good_rows)


@sheet.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--language", type=click.Choice(("en", "hi")), default="en", show_default=True, help="Of the headings."
)
def template(file: Path, language: str) -> None:
    """Write an empty workbook with the headings to FILE."""
    from urja.usecases.loading import sheet_files

    if file.suffix.lower() != ".xlsx":
        raise CommandError(Exit.USAGE, f"{file} does not end in .xlsx: give such a name")
    if file.exists():
        raise CommandError(Exit.USAGE, f"{file} already exists: give another name")
    file.write_bytes(sheet_files.template(language))
    click.echo(f"wrote {file}")


def _run(
    file: Path,
    map_file: Path | None,
    language: str,
    data: Path,
    given: JsonObject,
    *,
    dry_run: bool,
    good_rows: bool,
) -> None:
    from urja.core.sheets import sheet_map
    from urja.site.admin import Administration

    beside = file.with_suffix(".map.toml")
    if map_file is None and beside.exists():
        map_file = beside
    the_map = None if map_file is None else _map_of(map_file)
    administration = Administration.of(data)
    administration.setup_django()
    content = file.read_bytes()
    opened = _opened(administration, content, the_map, given)
    for line in _columns(opened):
        click.echo(line)
    report = _load(administration, file, content, opened, dry_run=dry_run, good_rows=good_rows)
    catalogue = catalogue_of(language)
    for line in _faults(report, catalogue):
        click.echo(line)
    if dry_run and map_file is None:
        beside.write_text(sheet_map.dumps(opened.map), "utf-8")
        click.echo(f"wrote {beside}: correct it where a column was guessed wrongly")
    if report.faults:
        copy = file.with_name(f"{file.stem}.marked{file.suffix}")
        _write_marked(copy, content, opened, report, catalogue)
        click.echo(f"wrote {copy}: a copy of the file with its faults marked")
    for line in _result(report, dry_run=dry_run, good_rows=good_rows):
        click.echo(line)
    if report.faulty and not good_rows:
        raise SystemExit(Exit.FAILED)


def _map_of(path: Path) -> "SheetMap":
    from urja.core.sheets import sheet_map

    try:
        return sheet_map.loads(read_document(path))
    except sheet_map.SheetMapError as bad:
        raise CommandError(Exit.USAGE, f"{path} is not a valid map: {bad}") from None


def _opened(
    administration: "Administration", content: bytes, the_map: "SheetMap | None", given: JsonObject
) -> "SheetFile":
    from dataclasses import replace
    from zoneinfo import ZoneInfo

    from urja.core.calendar import local_day
    from urja.core.sheets.sheet_map import SheetMapError, checked, initials
    from urja.usecases.loading import sheet_files
    from urja.usecases.loading.sheet_loading import remembered
    from urja.usecases.loading.sheet_process import UnreadableSheetError

    utility = administration.settings.utility
    society = given["society"] or utility.name
    try:
        file = sheet_files.open_file(
            content,
            the_map,
            society=society,
            today=local_day(administration.clock.now(), ZoneInfo(utility.timezone)),
            remembered=remembered,
        )
        said: JsonObject = {
            name: given[name] for name in ("tariff", "since", "amounts", "dates") if given[name] is not None
        }
        if given["society"] is not None:
            said |= {"society": society, "prefix": file.map.prefix or initials(society)}
        if given["load_kw"] is not None:
            said["load_w"] = round(given["load_kw"] * 1000)
        return replace(file, map=checked(structs.replace(file.map, **said)))
    except (UnreadableSheetError, SheetMapError) as bad:
        raise CommandError(Exit.USAGE, f"nothing was loaded: {bad}") from None


def _load(
    administration: "Administration",
    file: Path,
    content: bytes,
    opened: "SheetFile",
    *,
    dry_run: bool,
    good_rows: bool,
) -> "SheetReport":
    from urja.core.sheets.sheet_map import SheetMapError
    from urja.usecases.loading.sheet_loading import SheetOrder, load_sheet

    try:
        order = SheetOrder(
            file.name,
            hashlib.sha256(content).hexdigest(),
            opened.read(),
            opened.map,
            administration.clock.now(),
            "urja sheet",
            administration.settings.utility.currency,
            dry_run=dry_run,
            good_rows=good_rows,
            layout=opened.layout,
        )
    except SheetMapError as bad:
        raise CommandError(Exit.USAGE, f"nothing was loaded: {bad}") from None
    return load_sheet(order)


def _columns(file: "SheetFile") -> Iterator[str]:
    from urja.usecases.loading.sheet_files import shown_columns

    rows = sorted({file.headings.first, file.headings.last})
    yield f"sheet {file.grid.name!r}, columns named in row {' and '.join(map(str, rows))}"
    for column in shown_columns(file):
        what = "keys: not read (urja stock receive)" if column.keys else column.field or "not used"
        samples = f"  e.g. {', '.join(column.samples)}" if column.samples else ""
        yield f"  {column.letter:>2} {column.heading!r} -> {what}{samples}"


def _faults(report: "SheetReport", catalogue: Callable[[str], str]) -> Iterator[str]:
    from urja.core.sheets.grid import column_letters
    from urja.usecases.loading.sheet_files import sentence_of

    for fault in report.faults[:_SHOWN]:
        where = f"row {fault.row}" if fault.column is None else f"{column_letters(fault.column)}{fault.row}"
        yield f"{where}{'' if fault.blocking else ' (note)'}: {sentence_of(fault, catalogue)}"
    if len(report.faults) > _SHOWN:
        yield f"... and {len(report.faults) - _SHOWN} more"


def _write_marked(
    copy: Path, content: bytes, opened: "SheetFile", report: "SheetReport", catalogue: Callable[[str], str]
) -> None:
    from urja.usecases.loading import sheet_files
    from urja.usecases.loading.sheet_process import UnreadableSheetError

    try:
        # It names residents: its owner alone can read it.
        write_private(copy, sheet_files.marked(content, opened, report.faults, catalogue))
    except UnreadableSheetError as bad:
        raise CommandError(Exit.USAGE, f"no copy was marked: {bad}") from None


def _result(report: "SheetReport", *, dry_run: bool, good_rows: bool) -> Iterator[str]:
    would = "would be " if dry_run or (report.faulty and not good_rows) else ""
    yield (
        f"{report.rows} rows: {report.new} new, {report.changed} {would}changed, {report.unchanged} unchanged, "
        f"{report.faulty} with faults"
    )
    if report.faulty and not good_rows:
        yield "nothing was loaded: correct the rows, or load the others with --good-rows"
    elif report.operations:
        yield f"loaded (operations {', '.join(map(str, report.operations))})"
    elif not dry_run:
        yield "nothing was changed"
    for what, count in report.counts.items():
        yield f"  {what}: {count}"


def catalogue_of(language: str) -> Callable[[str], str]:
    """Return the translation of sentences into a language."""
    if language == "en":
        return str
    import urja.web.console

    folder = Path(urja.web.console.__file__).parent / "locale"
    return gettext.translation("django", folder, [language]).gettext
