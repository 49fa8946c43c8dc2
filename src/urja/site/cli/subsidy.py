"""`urja subsidy`: what other bodies owe for subsidies, as a claim for each month."""

import json
from datetime import datetime
from pathlib import Path

import click

from urja.site.cli.options import data_option


@click.group()
def subsidy() -> None:
    """Show the claims of subsidies."""


@subsidy.command()
@click.argument("month", metavar="MONTH", type=click.DateTime(["%Y-%m"]))
@click.option("--csv", "as_csv", is_flag=True, help="Print a line for each row as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def claim(month: datetime, as_csv: bool, as_json: bool, data: Path) -> None:
    """Show the claim of MONTH (such as 2026-04) as the ledger has it, amounts in minor units."""
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.local_zone import local_zone
    from urja.apps.overviews.queries import subsidy_claims

    found = subsidy_claims.claim(month.date(), box.clock.now(), local_zone())
    if as_csv:
        click.echo(subsidy_claims.csv_of(found), nl=False)
        return
    if as_json:
        click.echo(json.dumps(subsidy_claims.to_json(found), ensure_ascii=False))
        return
    state = "final since" if found.is_final else "not final before"
    click.echo(f"claim of {found.month:%Y-%m}, {state} {found.final_on}")
    for row in found.rows:
        click.echo(
            f"  {row.body or '-'}, {row.line}, {row.periods_from:%Y-%m}: consumers {row.consumers}, use {row.use}, given "
            f"{row.given_minor}, taken back {row.taken_back_minor}, claimed {row.net_minor} {row.currency} (before "
            f"{row.claimed_before_minor})"
        )
    for one in found.sums:
        click.echo(
            f"{one.body or '-'}: {one.net_minor} {one.currency}, with all earlier claims {one.through_minor}, paid {one.paid_minor}, "
            f"outstanding {one.outstanding_minor}"
        )
    if found.payment_count > len(found.payments):
        click.echo(f"the newest {len(found.payments)} of {found.payment_count} payments:")
    for paid in found.payments:
        click.echo(
            f"  paid {paid.paid_on} by {paid.body}: {paid.amount_minor} {paid.currency}, {paid.reference}"
        )
