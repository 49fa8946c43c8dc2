"""`urja token`: tokens of the API."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from urja.base.untyped_values import JsonObject
from urja.site.cli.options import data_option
from urja.site.cli.staff import done, opened

ACTOR = "urja token"
DEFAULT_DAYS = 90
DEFAULT_PER_MINUTE = 600


@click.group()
def token() -> None:
    """Create, list and revoke tokens of the API."""


@token.command()
@data_option
@click.option("--name", required=True, help="Name of the token: its purpose, as lists show it.")
@click.option("--user", "email", help="For a person's token: the e-mail address of the account.")
@click.option("--role", help="For a program's token: its role, such as auditor.")
@click.option(
    "--area",
    default="",
    help="Area of a program's token: 'section North-2', 'premise NEEM-1'; default: everywhere.",
)
@click.option(
    "--scopes",
    required=True,
    help="Scopes, separated by commas: read:service_point,write:install_meter or read:*,write:*.",
)
@click.option(
    "--expires",
    "days",
    type=click.IntRange(1, 3650),
    default=DEFAULT_DAYS,
    show_default=True,
    help="Validity in days.",
)
@click.option(
    "--per-minute",
    type=click.IntRange(1, 1_000_000),
    default=DEFAULT_PER_MINUTE,
    show_default=True,
    help="Largest average number of requests per minute.",
)
def new(
    data: Path,
    name: str,
    email: str | None,
    role: str | None,
    area: str,
    scopes: str,
    days: int,
    per_minute: int,
) -> None:
    """Create a token and print it. It is not stored and cannot be shown again."""
    box = opened(data)
    from urja.apps.identity.queries.tokens import new_token
    from urja.usecases.operations import IssueToken

    made = new_token()
    expires_at = datetime.now(UTC) + timedelta(days=days)
    issue = IssueToken(
        name=name,
        prefix=made.prefix,
        digest=made.digest,
        scopes=[scope.strip() for scope in scopes.split(",") if scope.strip()],
        expires_at=expires_at.replace(microsecond=0),
        per_minute=per_minute,
        email=email,
        role=role,
        area=area,
    )
    done(box, issue, ACTOR)
    click.echo(made.text)
    expires_on = expires_at.astimezone(ZoneInfo(box.settings.utility.timezone))
    click.echo(f"This is shown once. It expires on {expires_on:%Y-%m-%d}.", err=True)


@token.command()
@data_option
@click.argument("prefix")
def revoke(data: Path, prefix: str) -> None:
    """Revoke a token. PREFIX is the eight characters after urja_, as in `list`."""
    box = opened(data)
    from urja.usecases.operations import RevokeToken

    done(box, RevokeToken(prefix=prefix), ACTOR)
    click.echo(f"{prefix} is revoked")


@token.command("list")
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def list_(data: Path, as_json: bool) -> None:
    """List tokens with owner, scopes and last use."""
    box = opened(data)
    found = _tokens(UTC if as_json else ZoneInfo(box.settings.utility.timezone))
    if as_json:
        click.echo(json.dumps({"tokens": found}, ensure_ascii=False))
        return
    if not found:
        click.echo("There are no tokens.")
    for one in found:
        whose = one["user"] or f"{one['role']} {one['area']}"
        state = "revoked" if one["revoked_at"] else f"expires {one['expires_at'][:10]}"
        used = f"used {one['last_used_at'][:16]}" if one["last_used_at"] else "never used"
        click.echo(
            f"{one['prefix']}  {one['name']:<24} {whose:<32} {','.join(one['scopes'])}  {state}, {used}"
        )


def _tokens(zone: tzinfo) -> list[JsonObject]:
    from urja.apps.identity.queries.tokens import all_tokens

    return [
        {
            name: value.astimezone(zone).isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(one).items()
        }
        for one in all_tokens()
    ]


@token.command()
def scopes() -> None:
    """List the scopes, and the roles that allow each."""
    from urja.apps.identity.queries.roles import TABLE, roles_allowed

    for act, roles in TABLE.items():
        if roles:
            click.echo(f"{act:<28} {', '.join(roles_allowed(act))}")
