"""`urja meter commission`: request commissioning calls to installed meters."""

from pathlib import Path

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
def commission(data: Path, serials: tuple[str, ...], everyone: bool, again: bool) -> None:
    """Commission meters: check keys, identity, firmware, register, clock and push settings.

    Pushes of a meter are billed only after it has passed. The pipeline calls a few hundred meters at a time; the
    others are queued.
    """
    if bool(serials) == everyone:
        raise CommandError(Exit.USAGE, "give serial numbers, or --all")
    box = opened(data)
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
    click.echo(f"{len(wanted)} meters will be called")
