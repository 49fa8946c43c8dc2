"""`urja stock`: meters in stock, from delivery with the manufacturer's key file to scrapping."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urja.site.cli.import_file import map_of
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.site.admin import Administration
    from urja.usecases.keyfiles import EnvelopeKey
    from urja.usecases.operations import UseCase

_file = click.Path(path_type=Path, dir_okay=False, exists=True)
_serials = click.argument("serials", nargs=-1, required=True)


@click.group()
def stock() -> None:
    """Receive, list, test, issue, return and scrap meters."""


@stock.command()
@click.argument("file", type=_file)
@click.option("--delivery", required=True, help="Number of the delivery note.")
@click.option("--store", required=True, help="Store that receives the meters.")
@click.option(
    "--map",
    "map_file",
    type=_file,
    help="MAP.toml of the kind devices. [default: columns are named as the fields]",
)
@click.option(
    "--certificate", type=_file, help="Certificate of the utility (PEM) for which the file is encrypted."
)
@click.option("--private-key", type=_file, help="Private key of the certificate (PEM).")
@click.option("--passphrase-file", type=_file, help="File with the passphrase of the private key.")
@data_option
def receive(
    file: Path,
    delivery: str,
    store: str,
    map_file: Path | None,
    certificate: Path | None,
    private_key: Path | None,
    passphrase_file: Path | None,
    data: Path,
) -> None:
    """Receive a delivery with the manufacturer's key file.

    FILE is CSV, or CSV in a PKCS#7 envelope (DER or PEM). Keys are wrapped at once; the decrypted content is never
    written to a file.
    """
    if (certificate is None) != (private_key is None):
        raise CommandError(Exit.USAGE, "an envelope needs both --certificate and --private-key")
    box = _box(data)
    from urja.apps.meter_types.queries import known_types
    from urja.usecases import keyfiles
    from urja.usecases.loading import KINDS, canonical
    from urja.usecases.operations import ReceiveDevices

    try:
        opener = _opener(certificate, private_key, passphrase_file)
        content = keyfiles.decrypted(_bytes(file), opener)
        if map_file is not None:
            the_map = map_of(map_file)
        else:
            heading = keyfiles.column_names(content)
            fields = {one.name for one in KINDS["devices"].fields}
            the_map = canonical(KINDS["devices"], without=frozenset(fields - set(heading)))
        devices = keyfiles.delivered_meters(content, the_map, box.keys, known_types())
    except keyfiles.KeyFileError as bad:
        raise CommandError(Exit.USAGE, "\n  ".join([f"{file}: nothing was received:", *bad.faults])) from None
    _perform(box, ReceiveDevices(delivery=delivery, store=store, devices=tuple(devices)))
    click.echo(f"{_meters(len(devices))} received into {store}")


def _opener(
    certificate: Path | None, private_key: Path | None, passphrase_file: Path | None
) -> "EnvelopeKey | None":
    if certificate is None or private_key is None:
        return None
    from urja.usecases.keyfiles import EnvelopeKey

    passphrase = None if passphrase_file is None else _bytes(passphrase_file).strip(b"\r\n")
    return EnvelopeKey.of(_bytes(certificate), _bytes(private_key), passphrase)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(Exit.USAGE, f"{path} cannot be read: {error.strerror}") from error


@stock.command(name="list")
@click.option("--state", type=click.Choice(["delivered", "tested", "issued", "installed", "removed", "scrapped"]),
              help="Only meters in this state.")  # fmt: skip
@click.option("--held-by", help="Only meters at this store or fitter.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="Largest number of meters to list.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def list_(state: str | None, held_by: str | None, limit: int, as_json: bool, data: Path) -> None:
    """Count meters by state, and list them."""
    _box(data)
    from urja.apps.assets import queries

    counts = queries.stock_counts()
    devices = queries.stock(state=state, held_by=held_by, limit=limit)
    if as_json:
        click.echo(json.dumps({"counts": counts, "devices": devices}, ensure_ascii=False))
        return
    click.echo(", ".join(f"{count} {name}" for name, count in counts.items()) or "There are no meters.")
    for device in devices:
        where = device["consumer_number"] or device["held_by"] or "place unknown"
        click.echo(f"{device['serial']}  {device['device_type']}  {device['stock']}  {where}")


@stock.command()
@_serials
@click.option("--passed/--failed", required=True, help="Result of the test.")
@click.option("--note", default="", help="Number of the test report, or the reason of the failure.")
@data_option
def test(serials: tuple[str, ...], passed: bool, note: str, data: Path) -> None:
    """Record the test result of meters."""
    box = _box(data)
    from urja.usecases.operations import TestDevice

    now = box.clock.now()
    _each(
        box,
        f"tested: {'passed' if passed else 'failed'}",
        [TestDevice(serial=one, tested_at=now, passed=passed, note=note) for one in serials],
    )


@stock.command()
@_serials
@click.option("--fitter", required=True, help="Fitter who takes the meters.")
@data_option
def issue(serials: tuple[str, ...], fitter: str, data: Path) -> None:
    """Issue tested meters to a fitter."""
    box = _box(data)
    from urja.usecases.operations import IssueDevice

    _each(box, f"issued to {fitter}", [IssueDevice(serial=one, fitter=fitter) for one in serials])


@stock.command(name="return")
@_serials
@click.option("--store", required=True, help="Store that receives the meters.")
@data_option
def return_(serials: tuple[str, ...], store: str, data: Path) -> None:
    """Return meters from a fitter to a store: unused or removed meters."""
    box = _box(data)
    from urja.usecases.operations import ReturnDevice

    _each(box, f"returned to {store}", [ReturnDevice(serial=one, store=store) for one in serials])


@stock.command()
@_serials
@click.option("--reason", required=True, help="Reason for the record.")
@data_option
def scrap(serials: tuple[str, ...], reason: str, data: Path) -> None:
    """Scrap meters that are not installed."""
    box = _box(data)
    from urja.usecases.operations import ScrapDevice

    _each(box, "scrapped", [ScrapDevice(serial=one, reason=reason) for one in serials])


def _box(data: Path) -> "Administration":
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    return box


def _each(box: "Administration", done: str, operations: Sequence["UseCase"]) -> None:
    """Perform all operations or none, in one transaction, and say that they are `done`."""
    from django.db import transaction

    with transaction.atomic():
        for operation in operations:
            _perform(box, operation)
    click.echo(f"{_meters(len(operations))} {done}")


def _meters(count: int) -> str:
    return f"{count} meter{'' if count == 1 else 's'}"


def _perform(box: "Administration", operation: "UseCase") -> None:
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import perform

    try:
        perform(operation, recorded_at=box.clock.now(), actor="urja stock")
    except RefusedError as refused:
        raise CommandError(Exit.FAILED, "\n  ".join(["nothing was done:", *refused.faults])) from None
