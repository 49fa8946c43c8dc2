"""`urja society`: set up a society with its towers, flats, common areas, bulk supply and generator."""

import re
from collections import Counter
from pathlib import Path

import click

from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit, database_refusal
from urja.usecases.kinds.societies import Tower

ACTOR = "urja society"


@click.command()
@click.argument("name")
@click.option(
    "--tower",
    "towers",
    multiple=True,
    required=True,
    metavar="TOWER=FIRST-LAST",
    help="Tower with its first and last flat, such as A=101-1204: floors 1 to 12 with flats 01 to 04; may be repeated.",
)
@click.option(
    "--common",
    "common",
    multiple=True,
    metavar="NAME",
    help="Common area with a meter of its own; may be repeated.",
)
@click.option("--bulk/--no-bulk", default=True, show_default=True, help="Whether it has a bulk supply.")
@click.option("--dg", is_flag=True, help="It has a diesel generator, which is registered.")
@click.option(
    "--prefix", default="", help="Beginning of the consumer numbers. [default: initials of NAME, with a dash]"
)
@click.option("--code", default="", help="Code of the society. [default: the prefix without its dash]")
@click.option("--address", default="", help="Address of the society.")
@click.option("--pin", "pin_code", default="", help="Postal code.")
@click.option(
    "--section",
    "administration",
    default="",
    metavar="NODE",
    help="Node that administers it, such as 'section North-2'.",
)
@click.option("--grid", default="", metavar="NODE", help="Node that feeds it, such as 'transformer T1'.")
@click.option("--yes", is_flag=True, help="Perform it; without this it is a dry run.")
@data_option
def society(
    name: str,
    towers: tuple[str, ...],
    common: tuple[str, ...],
    bulk: bool,
    dg: bool,
    prefix: str,
    code: str,
    address: str,
    pin_code: str,
    administration: str,
    grid: str,
    yes: bool,
    data: Path,
) -> None:
    """Set up the society NAME: a dry run, or with --yes the operation itself.

    Its residents then come from its spreadsheet: urja sheet check FILE --society NAME.
    """
    from urja.site.admin import Administration

    given = tuple(_tower(text) for text in towers)
    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError

    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import SetUpSociety, dry_run_changes, perform

    now = box.clock.now()
    operation = SetUpSociety(
        name=name,
        towers=given,
        common_areas=common,
        bulk=bulk,
        generator=dg,
        prefix=prefix,
        code=code,
        address=address,
        pin_code=pin_code,
        connected_at=now,
        administration=administration,
        grid=grid,
    )
    try:
        if yes:
            perform(operation, recorded_at=now, actor=ACTOR)
        else:
            dry_run_changes(operation, recorded_at=now, actor=ACTOR)
    except RefusedError as refused:
        raise CommandError(Exit.USAGE, "; ".join(map(str, refused.faults))) from None
    except DatabaseError as error:
        raise database_refusal(error) from error
    places = operation.places()
    for purpose, count in Counter(place.purpose.value for place in places).items():
        numbers = [place.number for place in places if place.purpose == purpose]
        click.echo(f"{purpose}: {count} ({numbers[0]}{f' to {numbers[-1]}' if count > 1 else ''})")
    click.echo(f"{name} is set up" if yes else f"{name} can be set up like this: give --yes")


def _tower(text: str) -> Tower:
    found = re.fullmatch(r"(?P<name>[^=]+)=(?P<first>\d{1,5})-(?P<last>\d{1,5})", text)
    if found is None:
        raise CommandError(
            Exit.USAGE, f"--tower {text} is no tower with its first and last flat, such as A=101-1204"
        )
    return Tower(name=found["name"], first_flat=int(found["first"]), last_flat=int(found["last"]))
