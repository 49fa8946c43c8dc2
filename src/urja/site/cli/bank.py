"""`urja bank`: the society's bank accounts and their statements."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from urja.core.money_trail import MoneyTrail
from urja.core.statements import StatementError, parse
from urja.core.units import major_text
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit

ACTOR = "urja bank"


@click.group()
def bank() -> None:
    """Register the society's bank accounts, check statements."""


@bank.group()
def account() -> None:
    """Add, list and close the society's bank accounts."""


@account.command()
@data_option
@click.argument("name")
@click.option("--holder", required=True, help="Holder, as the bank knows it.")
@click.option("--number", required=True, help="Account number or IBAN.")
@click.option("--ifsc", default="", help="IFSC of the branch.")
@click.option("--vpa", default="", help="UPI address, such as neem-society@okbank.")
def add(data: Path, name: str, holder: str, number: str, ifsc: str, vpa: str) -> None:
    """Add the account that staff call NAME; consumers are shown where to pay."""
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.bank import accounts
    from urja.apps.bank.errors import BankError

    try:
        accounts.open_account(
            name=name,
            holder=holder,
            number=number,
            ifsc=ifsc,
            vpa=vpa,
            currency=box.settings.utility.currency,
            now=box.clock.now(),
            actor=ACTOR,
        )
    except BankError as error:
        raise CommandError(Exit.USAGE, str(error)) from None
    click.echo(f"{name} is added: consumers are shown where to pay")


@account.command("list")
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def list_accounts(data: Path, *, as_json: bool) -> None:
    """List the open accounts."""
    from urja.site.admin import Administration

    Administration.of(data).setup_django()
    from urja.apps.bank import queries

    found = queries.society_accounts()
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one.name}: {one.holder}, {one.number} {one.ifsc} {one.vpa}".rstrip())
    if not found:
        click.echo("There is no account: urja bank account add")


@account.command()
@data_option
@click.argument("name")
def close(data: Path, name: str) -> None:
    """Stop showing the account NAME to consumers; statements of it are still loaded."""
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.bank import accounts
    from urja.apps.bank.errors import BankError

    try:
        accounts.close_account(name, now=box.clock.now())
    except BankError as error:
        raise CommandError(Exit.USAGE, str(error)) from None
    click.echo(f"{name} is closed: consumers are no longer shown it")


@bank.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def reconcile(data: Path, *, as_json: bool) -> None:
    """Compare takings, deposits and payouts, and statements to the paisa.

    Exits with 1 where something does not fit.
    """
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from urja.apps.bank.queries.reconciliation import reconciled

    found = reconciled(ZoneInfo(box.settings.utility.timezone))
    if as_json:
        click.echo(json.dumps(to_json(found), ensure_ascii=False))
    else:
        click.echo("\n".join(sentences(found)))
    if found.breaks:
        raise SystemExit(1)


def to_json(found: MoneyTrail) -> dict[str, object]:
    """Return a comparison as JSON values, in minor units."""
    return {
        "taken_minor": found.taken_minor,
        "totals_minor": {bucket.value: minor for bucket, minor in found.totals().items()},
        "days": [
            {"day": str(day), **{bucket.value: minor for bucket, minor in row.items()}}
            for day, row in found.by_day().items()
        ],
        "unclaimed_minor": found.unclaimed_minor,
        "breaks": [
            {
                "reason": one.reason.value,
                "subject": one.subject,
                "day": str(one.on),
                "amount_minor": one.amount_minor,
            }
            for one in found.breaks
        ],
    }


def sentences(found: MoneyTrail) -> list[str]:
    """Return a comparison as lines of text."""
    lines = [f"taken: {_money(found.taken_minor)}"]
    lines += [f"  {bucket.value}: {_money(minor)}" for bucket, minor in found.totals().items()]
    lines += [
        f"{one.on}  {one.reason.value}  {one.subject}  {_money(one.amount_minor)}" for one in found.breaks
    ]
    return [*lines, "everything fits" if not found.breaks else f"{len(found.breaks)} breaks"]


@bank.group()
def statement() -> None:
    """Check statements of the bank."""


@statement.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(file: Path, *, as_json: bool) -> None:
    """Read FILE (CSV, MT940 or camt.053) and show what it says; nothing is stored."""
    body = file.read_bytes()
    try:
        found = parse(body)
    except StatementError as error:
        raise CommandError(Exit.USAGE, f"{file.name}: {error}") from None
    sha256 = hashlib.sha256(body).hexdigest()
    if as_json:
        entries = [
            {**asdict(one), "booked_on": str(one.booked_on), "value_on": str(one.value_on)}
            for one in found.entries
        ]
        said = {**asdict(found), "from_on": str(found.from_on), "through_on": str(found.through_on)}
        click.echo(json.dumps({**said, "entries": entries, "sha256": sha256}, ensure_ascii=False))
        return
    click.echo(
        f"{found.format} of account {found.account or '(not named)'}, {found.from_on} to {found.through_on}: "
        f"{_money(found.opening_minor)} + {len(found.entries)} entries = {_money(found.closing_minor)} {found.currency}".rstrip()
    )
    for one in found.entries:
        reversal = "reversal  " if one.reversal else ""
        click.echo(
            f"{one.booked_on}  {_money(one.amount_minor):>16}  {one.utr or '-':<22}  {reversal}{one.narration[:60]}"
        )
    click.echo(f"SHA-256 {sha256}")


def _money(minor: int) -> str:
    return major_text(minor, 2)
