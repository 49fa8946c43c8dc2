"""`urja mode-change`: order, list, show and stop changes of the payment mode of many supplies.

An order at the installation, with the owner's role, needs no passkey; the console asks for those above the thresholds.
"""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from urja.base.untyped_values import JsonMapping, JsonObject
from urja.site.cli.options import data_option, read_document
from urja.site.command_errors import CommandError, Exit, database_refusal

ACTOR = "urja mode-change"


@click.group(name="mode-change")
def mode_change() -> None:
    """Make many supplies prepaid or postpaid from a day on."""


@mode_change.command()
@click.option(
    "--to", "mode", type=click.Choice(["prepaid", "postpaid"]), required=True, help="The new payment mode."
)
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day of the new mode."
)
@click.option(
    "--under", default="", metavar="NODE", help="All supplies under a node, such as 'section North-2'."
)
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Instead of a node: a file with a consumer number on each line.",
)
@click.option("--good-rows-only", is_flag=True, help="Go ahead where others cannot be converted.")
@click.option(
    "--tariff", default=None, metavar="CODE", help="Tariff of that mode. [default: each keeps its own]"
)
@click.option(
    "--instalments", default=0, metavar="N", help="Monthly instalments of dues where no plan is in force."
)
@click.option(
    "--first-due-on", type=click.DateTime(["%Y-%m-%d"]), help="First instalment. [default: a month later]"
)
@click.option(
    "--deposit",
    type=click.Choice(["arrears", "balance", "keep"]),
    default="arrears",
    show_default=True,
    help="To prepaid: use of deposits that are held.",
)
@click.option(
    "--deposit-minor",
    default=0,
    metavar="N",
    help="To postpaid: deposit that becomes due from each, in minor units.",
)
@click.option(
    "--deposit-due-on",
    "deposit_due",
    type=click.DateTime(["%Y-%m-%d"]),
    help="When it is due, or its first instalment. [default: a month later]",
)
@click.option(
    "--deposit-instalments", default=1, show_default=True, metavar="N", help="Monthly instalments of it."
)
@click.option(
    "--no-disconnection-from",
    "spared",
    type=click.DateTime(["%Y-%m-%d"]),
    help="To postpaid: no balance disconnects them from that day. [default: the day of the change]",
)
@click.option("--reason", required=True, help="Why; it stays in the audit.")
@click.option("--yes", is_flag=True, help="Order it; without this it is a dry run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def order(data: Path, yes: bool, as_json: bool, file: Path | None, **given: Any) -> None:
    """Order a change, or show what it would do (a dry run)."""
    numbers = (
        ()
        if file is None
        else tuple(line.strip() for line in read_document(file).splitlines() if line.strip())
    )
    now = _opened(data)
    from urja.usecases.operations import ChangeModes

    operation = ChangeModes(
        payment_mode=given["mode"],
        effective_on=given["day"].date(),
        consumer_numbers=numbers,
        under=given["under"],
        good_rows_only=given["good_rows_only"],
        tariff_code=given["tariff"],
        instalments=given["instalments"],
        first_due_on=_day(given["first_due_on"]),
        deposit=given["deposit"],
        deposit_minor=given["deposit_minor"],
        deposit_due_on=_day(given["deposit_due"]),
        deposit_instalments=given["deposit_instalments"],
        no_disconnection_from=_day(given["spared"]),
        reason=given["reason"],
    )
    found = _perform(operation, now, dry_run=not yes)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    _show_summary(found["mode_change"])
    click.echo(
        f"mode change {found['mode_change_id']} is ordered" if yes else "this is a dry run: give --yes"
    )


@mode_change.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; it stays in the audit.")
@data_option
def stop(number: int, reason: str, data: Path) -> None:
    """Stop a change: what is converted stays so, the rest keeps its mode."""
    now = _opened(data)
    from urja.usecases.operations import StopModeChange

    found = _perform(StopModeChange(mode_change_id=number, reason=reason), now, dry_run=False)
    click.echo(f"mode change {number} is stopped: {found['left']} supplies keep their mode")


@mode_change.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def list_(as_json: bool, data: Path) -> None:
    """List the changes, newest first."""
    _opened(data)
    from urja.apps.overviews.queries import mode_changes as seen

    found = [_order(one) for one in seen.newest(100)]
    if as_json:
        click.echo(json.dumps({"mode_changes": found}, ensure_ascii=False))
        return
    for one in found:
        click.echo(
            f"{one['id']}  to {one['payment_mode']} on {one['effective_on']}  {_states(one['states'])}"
        )
    if not found:
        click.echo("No change was ordered.")


@mode_change.command()
@click.argument("number", type=int)
@click.option("--csv", "as_csv", is_flag=True, help="Print each supply as CSV, amounts in minor units.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def show(number: int, as_csv: bool, as_json: bool, data: Path) -> None:
    """Show how far a change is, and what it came to."""
    _opened(data)
    from urja.apps.overviews.queries import mode_changes as seen

    found = seen.numbered(number)
    if found is None:
        raise CommandError(Exit.USAGE, f"there is no mode change {number}: urja mode-change list")
    if as_csv:
        for line in seen.csv_of(seen.rows_of(found)):
            click.echo(line, nl=False)
        return
    one = _order(found)
    if as_json:
        click.echo(json.dumps(one, ensure_ascii=False))
        return
    click.echo(
        f"mode change {number}: to {one['payment_mode']} on {one['effective_on']}: {_states(one['states'])}"
    )
    for name, amount in one["converted"].items():
        click.echo(f"  {name}: {amount}")
    for position, named, why in seen.refusals(found, 20):
        click.echo(f"  row {position}, {named}: {why}")


def _opened(data: Path) -> datetime:
    """Configure Django for this installation; return business time."""
    from urja.site.cli.staff import opened

    return opened(data).clock.now()


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.date()


def _perform(operation: Any, now: datetime, *, dry_run: bool) -> JsonObject:
    from django.db import DatabaseError, transaction

    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import perform

    try:
        with transaction.atomic():
            outcome: JsonObject = perform(operation, recorded_at=now, actor=ACTOR).outcome
            transaction.set_rollback(dry_run)
    except RefusedError as refused:
        raise CommandError(Exit.USAGE, "; ".join(map(str, refused.faults))) from None
    except DatabaseError as error:
        raise database_refusal(error) from error
    return outcome


def _order(order: Any) -> JsonObject:
    from urja.apps.overviews.queries import mode_changes as seen

    rows = seen.rows_of(order)
    found = seen.sums(rows)
    return {
        "id": order.id,
        "payment_mode": order.payment_mode,
        "effective_on": order.effective_on.isoformat(),
        "reason": order.reason,
        "actor": order.actor,
        "stopped_at": None if order.stopped_at is None else order.stopped_at.isoformat(),
        "ended_at": None if order.ended_at is None else order.ended_at.isoformat(),
        "states": seen.progress(rows),
        "converted": {**found.amounts, "plans_kept": found.plans_kept, "plans_new": found.plans_new},
    }


def _states(states: JsonMapping) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items() if count)


def _show_summary(found: JsonMapping) -> None:
    from urja.base.sentences import from_plain

    click.echo(f"{found['agreements']} supplies become {found['payment_mode']}")
    for name in (
        "credit_minor",
        "owed_minor",
        "dues_minor",
        "set_apart_minor",
        "deposits_minor",
        "deposits_due_minor",
        "plans_kept",
        "plans_new",
        "refused",
    ):
        if found[name]:
            click.echo(f"  {name}: {found[name]}")
    for one in found["refusals"]:
        click.echo(f"  row {one['row']}, {one['named']}: {from_plain(one['why'])}")
