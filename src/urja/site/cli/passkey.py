"""`urja passkey`: invite staff to enrol passkeys, list and revoke passkeys."""

import json
from datetime import timedelta
from pathlib import Path

import click

from urja.base.untyped_values import JsonObject
from urja.site.cli.options import data_option
from urja.site.cli.staff import opened
from urja.site.command_errors import CommandError, Exit


@click.group()
def passkey() -> None:
    """Invite people to enrol passkeys, list and revoke them."""


@passkey.command()
@data_option
@click.argument("email")
@click.option(
    "--hours",
    type=click.IntRange(1, 24 * 14),
    default=24,
    show_default=True,
    help="Validity of the code, in hours.",
)
def invite(data: Path, email: str, hours: int) -> None:
    """Print a one-time code with which the staff member EMAIL enrols a passkey."""
    box = opened(data)
    from urja.apps.approvals import passkeys
    from urja.apps.identity.queries.access import is_employed
    from urja.apps.identity.queries.identities import user_of

    now = box.clock.now()
    user = user_of(email)
    if user is None or not is_employed(user.pk, now):
        raise CommandError(
            Exit.FAILED, f"{email} is not a staff member: run urja staff add {email} --role ... first"
        )
    click.echo(passkeys.invite(user, now=now, lasts=timedelta(hours=hours), actor="urja passkey invite"))
    click.echo(
        f"Shown once, good for one passkey within {hours} hours. {email} signs in at "
        f"{box.settings.web.public_origin}/console/passkeys/ and enters it there. Then compare the fingerprint on that "
        "page with urja passkey list.",
        err=True,
    )


@passkey.command("list")
@data_option
@click.option("--all", "everything", is_flag=True, help="Also revoked passkeys.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def list_(data: Path, everything: bool, as_json: bool) -> None:
    """List passkeys with owner and fingerprint.

    Compare each fingerprint with the one on the owner's own passkey page.
    """
    opened(data)
    found = _passkeys(everything=everything)
    if as_json:
        click.echo(json.dumps({"passkeys": found}, ensure_ascii=False))
        return
    if not found:
        click.echo(
            "There are no passkeys, so operations above the thresholds are refused. Start with urja passkey invite EMAIL."
        )
    for one in found:
        state = (
            f"revoked {one['revoked_at'][:10]}" if one["revoked_at"] else f"since {one['enrolled_at'][:10]}"
        )
        click.echo(f"{one['id']:>4}  {one['fingerprint']}  {one['email']:<32} {one['name']:<24} {state}")


def _passkeys(*, everything: bool) -> list[JsonObject]:
    from urja.apps.approvals.queries import all_passkeys
    from urja.base.passkey import fingerprint

    return [
        {
            "id": one.number,
            "email": one.email,
            "name": one.name,
            "fingerprint": fingerprint(one.public_key),
            "enrolled_at": one.enrolled_at.isoformat(),
            "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
        }
        for one in all_passkeys()
        if everything or one.revoked_at is None
    ]


@passkey.command()
@data_option
@click.argument("number", type=int)
def revoke(data: Path, number: int) -> None:
    """Revoke passkey NUMBER of `list`."""
    box = opened(data)
    from urja.apps.approvals import passkeys

    try:
        found = passkeys.revoke(number, now=box.clock.now())
    except passkeys.PasskeyRefusedError as error:
        raise CommandError(Exit.FAILED, str(error)) from None
    click.echo(f"passkey {number} of {found.user.email} is revoked")
