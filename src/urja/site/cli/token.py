"""`urja token`: keys to the API."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from urja.site.cli.options import data_option
from urja.site.cli.staff import done, opened

ACTOR = "urja token"
DEFAULT_DAYS = 90
DEFAULT_PER_MINUTE = 600


@click.group()
def token() -> None:
    """Make keys to the API, list them, revoke them."""


@token.command()
@data_option
@click.option("--name", required=True, help="What it is for: by this people will know it.")
@click.option("--user", "email", help="Somebody's own key: the e-mail address they sign in with.")
@click.option("--role", help="A program's key: the one role that it has, such as auditor.")
@click.option(
    "--area", default="", help="Where a program's key may: 'section North-2', 'premise NEEM-1'; everywhere."
)
@click.option(
    "--scopes",
    required=True,
    help="What it may at most, by commas: read:service_point,write:install_meter, read:*, write:*.",
)
@click.option(
    "--expires",
    "days",
    type=click.IntRange(1, 3650),
    default=DEFAULT_DAYS,
    show_default=True,
    help="In so many days.",
)
@click.option(
    "--per-minute",
    type=click.IntRange(1, 1_000_000),
    default=DEFAULT_PER_MINUTE,
    show_default=True,
    help="How many requests a minute, over time.",
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
    """Make a key and print it, once: it is kept nowhere."""
    box = opened(data)
    from urja.apps.identity.queries.tokens import new_token
    from urja.usecases.operations import IssueToken

    key = new_token()
    expires_at = datetime.now(UTC) + timedelta(days=days)
    issue = IssueToken(
        name=name,
        prefix=key.prefix,
        digest=key.digest,
        scopes=[scope.strip() for scope in scopes.split(",") if scope.strip()],
        expires_at=expires_at.replace(microsecond=0),
        per_minute=per_minute,
        email=email,
        role=role,
        area=area,
    )
    done(box, issue, ACTOR)
    click.echo(key.text)
    click.echo(f"This is shown once. It expires on {expires_at:%Y-%m-%d}.", err=True)


@token.command()
@data_option
@click.argument("prefix")
def revoke(data: Path, prefix: str) -> None:
    """Let a key open nothing any more. PREFIX are the eight characters after urja_, as `list` shows them."""
    box = opened(data)
    from urja.usecases.operations import RevokeToken

    done(box, RevokeToken(prefix=prefix), ACTOR)
    click.echo(f"{prefix} opens nothing any more")


@token.command("list")
@data_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of sentences.")
def list_(data: Path, as_json: bool) -> None:
    """Every key with what it may, whose it is, and when it was used last."""
    opened(data)
    found = _tokens()
    if as_json:
        click.echo(json.dumps({"tokens": found}, ensure_ascii=False))
        return
    if not found:
        click.echo("There are no keys.")
    for one in found:
        whose = one["user"] or f"{one['role']} {one['area']}"
        state = "revoked" if one["revoked_at"] else f"expires {one['expires_at'][:10]}"
        used = f"used {one['last_used_at'][:16]}" if one["last_used_at"] else "never used"
        click.echo(
            f"{one['prefix']}  {one['name']:<24} {whose:<32} {','.join(one['scopes'])}  {state}, {used}"
        )


def _tokens() -> list[dict[str, Any]]:
    from urja.apps.identity.queries.tokens import all_tokens

    return [
        {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(one).items()
        }
        for one in all_tokens()
    ]


@token.command()
def scopes() -> None:
    """What a key can be given, and which roles may it."""
    from urja.apps.identity.queries.roles import TABLE, roles_allowed

    for act, roles in TABLE.items():
        if roles:
            click.echo(f"{act:<28} {', '.join(roles_allowed(act))}")
