"""`urja registry`: contradictions in the registry, and opening balances that wait for their sign-off."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit


@click.group()
def registry() -> None:
    """Find contradictions in the registry; list opening balances."""


@registry.command()
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="Findings to show for each check.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def check(limit: int, as_json: bool, data: Path) -> None:
    """Find duplicate people, coordinates in the sea, transformers without meters, wrong phases ...

    Exits with 1 if there is a finding. Changes nothing.
    """
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError

    from urja.usecases import registry_checks

    try:
        results = registry_checks.run_checks(box.clock.now(), bounds=box.settings.utility.bounds, limit=limit)
    except DatabaseError as error:
        raise CommandError(Exit.UNAVAILABLE, f"the database cannot be read: {error}") from error
    found = sum(result.count for result in results)
    if as_json:
        click.echo(
            json.dumps({"found": found, "checks": [asdict(one) for one in results]}, ensure_ascii=False)
        )
    else:
        for result in results:
            click.echo(f"{result.check}: {result.count or 'nothing'}")
            for finding in result.first:
                click.echo(f"  {finding.sentence}: {finding.remedy}")
            if result.count > len(result.first):
                click.echo(f"  ... and {result.count - len(result.first)} more")
    if found:
        raise SystemExit(Exit.FAILED)


@registry.command("opening-balances")
@data_option
def list_opening_balances(data: Path) -> None:
    """Print the opening balances that wait for their sign-off, as CSV in major units; the totals go to standard error.

    They are signed off on the console, under Payments.
    """
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError

    from urja.apps.billing import opening_balances

    try:
        listed = opening_balances.unsigned_list(box.clock.now())
    except DatabaseError as error:
        raise CommandError(Exit.UNAVAILABLE, f"the database cannot be read: {error}") from error
    click.echo(opening_balances.csv_of(listed), nl=False)
    click.echo(
        f"{len(listed.rows)} supplies to sign off, {listed.uncharged} of them in service and not charged",
        err=True,
    )
    click.echo(f"SHA-256 of the list: {listed.sha256}", err=True)
