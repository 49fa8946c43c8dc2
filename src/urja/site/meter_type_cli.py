"""`urja meter-type`: check the folder of a meter type.

`check` needs no database and no Django.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from urja.cosem.companion import (
    CompanionError,
    DeviceType,
    build_device_type,
    device_types,
    read_type_folder,
)
from urja.site.exits import Exit

_folders = click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.group("meter-type")
def meter_type() -> None:
    """Check the folders of meter types (docs/meter-types.md)."""


@meter_type.command()
@_folders
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of sentences.")
def check(folders: Sequence[Path], as_json: bool) -> None:
    """Say everything that is wrong in folders; exit 2 if anything is."""
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
            click.echo(f"{folder}: good: {_told(known)}")
    if as_json:
        click.echo(json.dumps({"faults": faults}, ensure_ascii=False))
    if any(faults.values()):
        raise SystemExit(Exit.USAGE)


def _told(known: DeviceType) -> str:
    """One line of what a type is."""
    shipped = (
        " (a shipped type has this name: give yours another to load it)"
        if known.name in device_types()
        else ""
    )
    return (
        f"{known.name} {known.version} from {known.valid_from}, {known.manufacturer} firmware "
        f"{', '.join(known.firmware)}: pushes {', '.join(known.pushes) or 'nothing'}{shipped}"
    )
