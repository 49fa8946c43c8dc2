"""`urja meter-type`: check and load folders of meter types, and list the loaded versions.

`check` needs no database and no Django.
"""

import json
import os
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from urja.cosem.companion import (
    Column,
    CompanionError,
    DeviceType,
    TypeFiles,
    build_device_type,
    device_types,
    read_type_folder,
)
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit, database_refusal

_folders = click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.group("meter-type")
def meter_type() -> None:
    """Check, load and list meter types (docs/meter-types.md)."""


@meter_type.command()
@_folders
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(folders: Sequence[Path], as_json: bool) -> None:
    """Check folders and print every fault; exit 2 if there is one."""
    faults: dict[str, list[str]] = {}
    for folder in folders:
        found: list[str] = []
        try:
            known = build_device_type(read_type_folder(folder))
        except CompanionError as error:
            found = list(error.problems)
        faults[str(folder)] = found
        if as_json:
            continue
        for fault in found:
            click.echo(f"{folder}: {fault}")
        if not found:
            click.echo(f"{folder}: valid: {_told(known)}")
    if as_json:
        click.echo(json.dumps({"faults": faults}, ensure_ascii=False))
    if any(faults.values()):
        raise SystemExit(Exit.USAGE)


def _told(known: DeviceType) -> str:
    """Return one line that describes a type."""
    shipped = (
        " (a shipped type has this name: give yours another to load it)"
        if known.name in device_types()
        else ""
    )
    return (
        f"{known.name} {known.version} from {known.valid_from}, {known.manufacturer} firmware "
        f"{', '.join(known.firmware)}: pushes {', '.join(known.pushes) or 'nothing'}{shipped}"
    )


@meter_type.command()
@_folders
@click.option("--yes", is_flag=True, help="Load them also where they change how installed meters are read.")
@data_option
def load(folders: Sequence[Path], yes: bool, data: Path) -> None:
    """Store folders as versions of their types; a version is never changed.

    From its valid_from on the head ends read the meters of that type with it. Where such meters exist, the differences
    are shown, and --yes is needed.
    """
    sources = {folder: _read(folder) for folder in folders}
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError, transaction

    from urja.apps.meter_types.errors import MeterTypeError
    from urja.apps.meter_types.queries import is_loaded
    from urja.usecases.meter_types import load_types

    try:
        with transaction.atomic():
            fresh = [source for source in sources.values() if not is_loaded(source.sha256)]
            effects = [line for source in fresh for line in _effects(build_device_type(source))]
            for line in effects:
                click.echo(line)
            if effects and not yes:
                raise CommandError(
                    Exit.FAILED,
                    "nothing was loaded: existing meters would be read with it; give --yes to load it",
                )
            stored = load_types(sources.values(), loaded_at=box.clock.now(), actor=_actor())
    except MeterTypeError as error:
        raise CommandError(Exit.USAGE, f"{error}; nothing was loaded") from None
    except DatabaseError as error:
        raise database_refusal(error) from error
    for version in stored:
        is_new = any(source.sha256 == version.sha256 for source in fresh)
        again = "" if is_new else f", loaded {version.loaded_at:%Y-%m-%d} by {version.actor}"
        click.echo(
            f"{version.name} {version.version} is in force from {version.valid_from} (sha256 {version.sha256[:12]}{again})"
        )


@meter_type.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def list_types(as_json: bool, data: Path) -> None:
    """List the shipped types, and each loaded version with the user who loaded it."""
    from urja.site.admin import Administration

    Administration.of(data).setup_django()
    from django.db import DatabaseError

    from urja.apps.meter_types.queries import versions

    try:
        loaded = versions()
    except DatabaseError as error:
        raise database_refusal(error) from error
    if as_json:
        click.echo(json.dumps({"shipped": device_types(), "loaded": loaded}, default=str))
        return
    click.echo(f"shipped: {', '.join(device_types())}")
    for one in loaded:
        click.echo(
            f"{one['name']} {one['version']} from {one['valid_from']}, firmware {' '.join(one['firmware'])}, sha256 {one['sha256'][:12]}, "
            f"loaded {one['loaded_at']:%Y-%m-%d %H:%M} UTC by {one['actor']}"
        )


def _read(folder: Path) -> TypeFiles:
    try:
        source = read_type_folder(folder)
        build_device_type(source)
    except CompanionError as error:
        lines = "\n  ".join(error.problems)
        raise CommandError(Exit.USAGE, f"{folder} is not a meter type:\n  {lines}") from None
    return source


def _actor() -> str:
    """Return the command's name with the user who ran it on this machine."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    return f"urja meter-type load ({name})"[:100]


def _effects(fresh: DeviceType) -> Iterator[str]:
    """Yield the changes for existing meters; nothing where the type has no meters."""
    from urja.apps.assets.queries import firmware_of_type
    from urja.apps.meter_types.errors import UnknownMeterTypeError
    from urja.apps.meter_types.queries import firmware_named, known_type

    named = firmware_named(fresh.name)
    count = sum(
        meters
        for firmware, meters in firmware_of_type(fresh.name).items()
        if firmware in fresh.firmware or firmware not in named
    )
    if not count:
        return
    try:
        known = known_type(fresh.name, fresh.firmware[0])
    except UnknownMeterTypeError:
        known = None
    meters = f"{count} meter{'' if count == 1 else 's'}"
    yield f"{meters} of type {fresh.name} will be read by version {fresh.version} from {fresh.valid_from}:"
    changes = ["is the first usable version"] if known is None else list(_changes(known, fresh))
    yield from (f"  {change}" for change in changes or ["no column, code or bit changes"])


def _changes(before: DeviceType, after: DeviceType) -> Iterator[str]:
    """Yield one line for each difference between two versions."""
    for what in ("profiles", "pushes"):
        old, new = getattr(before, what), getattr(after, what)
        for key in sorted(set(old) | set(new)):
            if key not in old or key not in new:
                yield f"{what}.{key} {'is added' if key in new else 'is removed'}"
            elif old[key].columns != new[key].columns:
                yield f"{what}.{key}: {_columns(old[key].columns)} becomes {_columns(new[key].columns)}"
            elif old[key] != new[key]:
                yield f"{what}.{key}: {old[key].obis} becomes {new[key].obis}"
    for what in ("events", "esw"):
        if getattr(before.companion, what) != getattr(after.companion, what):
            yield f"{what} change"
    for name in (
        "written",
        "associations",
        "deviation_sign",
        "default_deviation_min",
        "outage_rows",
        "overload",
    ):
        if getattr(before, name) != getattr(after, name):
            yield f"{name.replace('_', ' ')} changes"


def _columns(columns: Sequence[Column]) -> str:
    return " ".join(f"{column.key}*10^{column.scaler}" if column.scaler else column.key for column in columns)
