"""`urja meter commission`: have meters called that hang somewhere and have not passed, such as those of a file."""

from pathlib import Path

import click

from urja.site.cli.options import data_option
from urja.site.cli.staff import opened
from urja.site.exits import CommandError, Exit


@click.command()
@data_option
@click.argument("serials", nargs=-1)
@click.option(
    "--all", "everyone", is_flag=True, help="Every billing meter that has not passed and is not being called."
)
@click.option(
    "--again", is_flag=True, help="Also meters that have passed, such as after a change of firmware."
)
def commission(data: Path, serials: tuple[str, ...], everyone: bool, again: bool) -> None:
    """Call meters: keys, identity, firmware, register, clock, what they push. The pipeline leads the calls.

    What a meter pushes is billed only once it has passed. A few hundred are called at once, the others wait their turn.
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
            Exit.FAILED, "\n  ".join([f"{len(wanted) - len(refused)} will be called, but:", *refused])
        )
    click.echo(f"{len(wanted)} will be called")
