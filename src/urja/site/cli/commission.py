"""`urja meter commission`: request commissioning calls to installed meters, and say what has become of them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from urja.site.cli.options import data_option
from urja.site.cli.staff import opened
from urja.site.command_errors import CommandError, Exit


@click.command()
@data_option
@click.argument("serials", nargs=-1)
@click.option(
    "--all",
    "everyone",
    is_flag=True,
    help="All billing meters that have not passed and are not being called.",
)
@click.option(
    "--again", is_flag=True, help="Also meters that have passed, such as after a change of firmware."
)
@click.option(
    "--status",
    "shown",
    is_flag=True,
    help="Call no meter: list the billing meters that have not passed, each with the result of its newest call. "
    "Exit code 1 if one has failed.",
)
def commission(data: Path, serials: tuple[str, ...], everyone: bool, again: bool, shown: bool) -> None:
    """Commission meters: check keys, identity, firmware, register, clock and push settings.

    Pushes of a meter are billed only after it has passed. The pipeline calls a few hundred meters at a time; the
    others are queued.
    """
    if [bool(serials), everyone, shown].count(True) != 1 or (shown and again):
        raise CommandError(Exit.USAGE, "give serial numbers, or --all, or --status")
    box = opened(data)
    if shown:
        _show(ZoneInfo(box.settings.utility.timezone))
        return
    from urja.apps.commissioning import queries
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import Commission, perform

    wanted = list(serials) or [meter.serial for meter in queries.waiting_for_call()]
    refused = []
    for serial in wanted:
        try:
            perform(
                Commission(serial=serial, again=again),
                recorded_at=box.clock.now(),
                actor="urja meter commission",
            )
        except RefusedError as error:
            refused += [f"{serial}: {fault}" for fault in error.faults]
    if refused:
        raise CommandError(
            Exit.FAILED, "\n  ".join([f"{len(wanted) - len(refused)} meters will be called, but:", *refused])
        )
    click.echo(f"{len(wanted)} meters will be called; their results: urja meter commission --status")


def _show(zone: ZoneInfo) -> None:
    from urja.apps.assets.queries import uncommissioned
    from urja.apps.commissioning.queries import newest_calls

    meters = uncommissioned()
    calls = newest_calls(meter.device_period_id for meter in meters)
    if not meters:
        click.echo("every installed billing meter has passed")
    for meter in meters:
        call = calls.get(meter.device_period_id)
        if call is None:
            click.echo(f"{meter.serial}: not called yet")
        elif call.under_way:
            click.echo(f"{meter.serial} at {call.consumer_number}: being called")
        elif call.failed_at is None:
            click.echo(
                f"{meter.serial} at {call.consumer_number}: given up, because it was removed meanwhile"
            )
        else:
            click.echo(
                "\n  ".join(_failed(meter.serial, call.consumer_number, call.failed_at, call.says, zone))
            )
    if any(call.failed_at is not None for call in calls.values()):
        raise SystemExit(Exit.FAILED)


def _failed(
    serial: str, consumer_number: str, failed_at: datetime, says: tuple[str, ...], zone: ZoneInfo
) -> Iterator[str]:
    yield f"{serial} at {consumer_number}: failed on {failed_at.astimezone(zone):%Y-%m-%d at %H:%M}"
    yield from says
