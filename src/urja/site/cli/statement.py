"""`urja statement`: statements of account, as text and as data."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.apps.statements.queries import Statement


@click.group()
def statement() -> None:
    """Show statements of account."""


@statement.command("list")
@click.argument("account", type=int)
@data_option
def list_(account: int, data: Path) -> None:
    """List the statements of ACCOUNT, the newest period first."""
    _set_up(data)
    from urja.apps.statements.queries import statements_of

    for one in statements_of(account):
        revised = f", revised by {one.revised_by}" if one.revised_by else ""
        final = ", final" if one.final else ""
        click.echo(
            f"{one.number}  {one.period_from} to {one.period_to}  charges {one.total_minor}  balance "
            f"{one.opening_minor} to {one.closing_minor}{revised}{final}"
        )


@statement.command()
@click.argument("account", type=int)
@click.argument("number")
@click.option("--json", "as_json", is_flag=True, help="Print the content as it was frozen.")
@data_option
def show(account: int, number: str, as_json: bool, data: Path) -> None:
    """Show statement NUMBER (such as 7-42) of ACCOUNT, amounts in minor units."""
    _set_up(data)
    from urja.apps.statements.queries import statement as statement_of

    found = statement_of(account, number)
    if found is None:
        raise CommandError(
            Exit.USAGE, f"account {account} has no statement {number}: see urja statement list {account}"
        )
    click.echo(
        json.dumps(json.loads(found.text), ensure_ascii=False, indent=1) if as_json else _as_text(found)
    )


def _set_up(data: Path) -> None:
    from urja.site.admin import Administration

    Administration.of(data).setup_django()


def _as_text(found: "Statement") -> str:
    content = found.content
    lines = [
        f"statement {content.number} of account {content.account_id}, consumer number {content.consumer_number}",
        f"period {content.period_from} to {content.period_to} (the day after the last), {content.currency}",
    ]
    if content.final:
        lines.append("final: what was posted after the agreement's last period")
    if content.revises is not None:
        lines.append(f"revises {content.revises.number}; difference {content.difference_minor}")
    lines += [f"  {line.title}: {line.charged_minor}" for line in content.bill.lines]
    lines += [
        f"total {content.total_minor}",
        *(
            f"  posted {one.day}, {one.title}: {one.charged_minor} ({one.cause or 'calculated again'})"
            for one in content.late
        ),
        f"balance at the beginning {content.opening_minor}",
        *(
            f"  {one.day} {one.title}: {one.amount_minor}"
            for one in (*content.payments, *content.adjustments)
        ),
        *(f"  {one.title} from {one.period_from}: {-one.charged_minor}" for one in content.corrections),
        f"  charges up to the end of the period: {-content.charged_minor}",
        f"balance at the end {content.closing_minor}",
        f"SHA-256 {found.summary.sha256}",
    ]
    return "\n".join(lines)
