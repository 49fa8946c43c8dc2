"""`urja import`: load a file of consumers, premises, meters, networks or balances into the registry."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from urja.site.cli.options import data_option, read_document
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.usecases.loading import Map
    from urja.usecases.loading.loader import Report

KIND_NAMES = ("premises", "networks", "consumers", "placements", "devices", "balances")


@click.command(name="import")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--map",
    "map_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="MAP.toml: the field of each column.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Dry run: print the changes and the findings of the registry checks; load nothing.",
)
@click.option(
    "--good-rows",
    is_flag=True,
    help="Load the rows without faults; without it one fault stops the whole file.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the rows with faults to this file, with each fault and its remedy.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option(
    "--example",
    type=click.Choice(KIND_NAMES),
    help="Write an example of a file and its map, and load nothing.",
)
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Directory of the example. [default: the working directory]",
)
@data_option
def import_file(
    file: Path | None,
    map_file: Path | None,
    dry_run: bool,
    good_rows: bool,
    faults: Path | None,
    as_json: bool,
    example: str | None,
    to: Path,
    data: Path,
) -> None:
    """Load FILE (CSV or .xlsx) with the columns of MAP.toml, all rows or none.

    A row that is already registered changes nothing; one with other values changes the fields of the map.
    """
    if example is not None:
        for path in _write_example(example, to):
            click.echo(f"wrote {path}")
        return
    if file is None or map_file is None:
        raise CommandError(
            Exit.USAGE, "give a file and --map MAP.toml; urja import --example consumers writes both"
        )
    if faults is not None and faults.resolve() == file.resolve():
        raise CommandError(Exit.USAGE, "--faults names the file that is loaded: give another file")
    the_map = map_of(map_file)
    from urja.site.admin import Administration

    administration = Administration.of(data)
    administration.setup_django()
    report = _load(administration, file, the_map, dry_run=dry_run, good_rows=good_rows, faults=faults)
    if as_json:
        click.echo(json.dumps(asdict(report), ensure_ascii=False, default=str))
    else:
        for line in _sentences(report, the_map, dry_run=dry_run, good_rows=good_rows, faults=faults):
            click.echo(line)
    if report.faulty and not good_rows:
        raise SystemExit(Exit.FAILED)


def map_of(path: Path) -> "Map":
    """Return the map in a file. Raises `CommandError` with the line of each fault."""
    from urja.usecases.loading import MappingFileError, parse

    try:
        return parse(read_document(path))
    except MappingFileError as bad:
        raise CommandError(Exit.USAGE, "\n  ".join([f"{path} is not a valid map:", *bad.faults])) from None


def _load(administration: Any, file: Path, the_map: "Map", **how: Any) -> "Report":
    from django.db import OperationalError

    from urja.usecases.loading import FileFormatError, MappingFileError, loader

    order = loader.LoadOrder(
        file,
        the_map,
        administration.clock.now(),
        "urja import",
        administration.settings.utility.currency,
        keys=administration.keys,
        bounds=administration.settings.utility.bounds,
        told=lambda line: click.echo(line, err=True),
        **how,
    )
    try:
        return loader.load(order)
    except (FileFormatError, MappingFileError) as bad:
        raise CommandError(Exit.USAGE, f"nothing was loaded: {bad}") from None
    except OperationalError as error:
        raise CommandError(
            Exit.UNAVAILABLE,
            f"nothing was loaded: the connection to the database was lost ({error}); load the file again",
        ) from error


def _sentences(
    report: "Report", the_map: "Map", *, dry_run: bool, good_rows: bool, faults: Path | None
) -> Iterator[str]:
    from urja.usecases.loading.loader import fault_sentences

    if report.unused:
        yield f"not used: {', '.join(report.unused)}"
    yield from fault_sentences(report, the_map)
    if report.faults > len(report.first):
        yield f"... and {report.faults - len(report.first)} more faults"
    if report.faulty:
        yield f"{report.faulty} of {report.rows} rows have faults" + (
            f": {faults}" if faults is not None else ""
        )
    would = "would be " if dry_run else ""
    if report.faulty and not good_rows:
        yield "nothing was loaded: correct the rows, or load the valid ones with --good-rows"
    elif report.written:
        good = report.rows - report.faulty
        yield f"{good} rows {would}loaded" + ("" if dry_run else f" (operation {report.operation_id})")
        for what, count in report.counts.items():
            yield f"  {what}: {count}"
    elif not report.rows:
        yield "the file has no rows below the column names: nothing was loaded"
    else:
        yield f"{report.rows - report.faulty} rows are already registered: nothing {would}changed"
    for found in report.findings:
        yield f"check {found.check}: {found.count} more, such as: {found.first[0].sentence}"


def _write_example(kind_name: str, to: Path) -> Iterator[Path]:
    from urja.usecases import loading
    from urja.usecases.loading.row_files import create_file

    kind = loading.KINDS[kind_name]
    rows, the_map = to / f"{kind_name}.csv", to / f"{kind_name}.toml"
    for path in (rows, the_map):
        if path.exists():
            raise CommandError(Exit.USAGE, f"{path} already exists: give another directory with --to")
    own = loading.canonical(kind, without=frozenset(one.name for one in kind.fields if one.outside))
    with create_file(rows) as out:
        kept = [place for place, one in enumerate(kind.fields) if not one.outside]
        for row in ([one.name for one in kind.fields], *kind.rows_of_example()):
            out.row([row[place] for place in kept])
    the_map.write_text(loading.as_toml(own), "utf-8")
    yield rows
    yield the_map
