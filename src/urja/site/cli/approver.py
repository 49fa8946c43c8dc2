"""`urja approver`: the passkeys that release cuts which the head ends hold. The owner's command, at the box.

A passkey is copied from the database into a file beside the head end's secrets, once its owner has compared the
fingerprint: from then on the database is not asked.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from urja.base.approvers import APPROVERS_FILE, Approver, ApproversError, encode_approvers, read_approvers
from urja.base.passkey import fingerprint, host_of
from urja.site.cli.options import data_option
from urja.site.cli.staff import opened
from urja.site.data_directory import DataDirectory, write_private
from urja.site.exits import CommandError, Exit


@click.group()
def approver() -> None:
    """Install, list and remove the passkeys that release held cuts."""


@approver.command()
@data_option
@click.argument("email")
@click.option("--yes", is_flag=True, help="Install without asking whether the fingerprints are right.")
def install(data: Path, email: str, yes: bool) -> None:
    """Copy the passkeys of the staff member EMAIL to the head end.

    Compare each fingerprint with the one that its owner sees on the page of their passkeys.
    """
    box = opened(data)
    file, known = _installed(data)
    found = _passkeys(email, box.settings.web.public_origin, box.clock.now())
    if not found:
        raise CommandError(
            Exit.USAGE,
            f"{email} has no passkey: give them a code with urja passkey invite {email}, then again",
        )
    for one in found:
        click.echo(f"{one.person}  fingerprint {one.fingerprint}  for {one.origin}")
    if not yes:
        click.confirm("Has the owner confirmed each fingerprint, in person or by telephone?", abort=True)
    others = [one for one in known if one.person != found[0].person]
    write_private(file, encode_approvers([*others, *found]))
    persons = {one.person for one in [*others, *found]}
    click.echo(f"{found[0].person} is installed; {_sentence(len(persons))}")


@approver.command("list")
@data_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of sentences.")
def list_(data: Path, as_json: bool) -> None:
    """The passkeys that release held cuts."""
    _, known = _installed(data)
    if as_json:
        click.echo(json.dumps({"approvers": [_plain(one) for one in known]}, ensure_ascii=False))
        return
    for one in known:
        click.echo(f"{one.person}  fingerprint {one.fingerprint}  since {one.installed_at.isoformat()}")
    click.echo(_sentence(len({one.person for one in known})))


@approver.command()
@data_option
@click.argument("email")
def remove(data: Path, email: str) -> None:
    """Take the passkeys of EMAIL out; a release that is not approved yet does not count by them any more."""
    file, known = _installed(data)
    left = [one for one in known if one.person != email.strip().lower()]
    if len(left) == len(known):
        raise CommandError(Exit.USAGE, f"{email} is not installed: see urja approver list")
    write_private(file, encode_approvers(left))
    click.echo(f"{email} is removed; {_sentence(len({one.person for one in left}))}")


def _installed(data: Path) -> tuple[Path, list[Approver]]:
    file = DataDirectory(data).secrets / APPROVERS_FILE
    if not file.parent.is_dir():
        raise CommandError(Exit.USAGE, f"{data} is no data directory of Urja's: give it by --data")
    try:
        return file, read_approvers(file)
    except ApproversError as error:
        raise CommandError(Exit.FAILED, str(error)) from None


def _passkeys(email: str, origin: str, now: datetime) -> list[Approver]:
    from urja.apps.approvals.queries import all_passkeys

    return [
        Approver(
            person=one.email.lower(),
            credential_id=one.credential_id,
            public_key=one.public_key,
            origin=origin,
            rp_id=host_of(origin),
            installed_at=now,
        )
        for one in all_passkeys()
        if one.revoked_at is None and one.email.lower() == email.strip().lower()
    ]


def _plain(one: Approver) -> dict[str, Any]:
    return {
        "person": one.person,
        "fingerprint": fingerprint(one.public_key),
        "origin": one.origin,
        "installed_at": one.installed_at.isoformat(),
    }


def _sentence(persons: int) -> str:
    if persons == 0:
        return "no release is possible: what is above the ceilings expires"
    if persons == 1:
        return "one person is installed: a release counts after headend.release_delay_s (12 hours)"
    return f"{persons} persons are installed: any two of them release held cuts"
