"""`urja approver`: the passkeys that release disconnections held by the head ends. Run by the owner on the server.

A passkey is copied from the database into a file beside the head end's secrets after its owner has compared the
fingerprint. The head end reads that file only, so that a changed database cannot release a disconnection.
"""

import json
from datetime import datetime
from pathlib import Path

import click

from urja.base.approvers import APPROVERS_FILE, Approver, ApproversError, encode_approvers, read_approvers
from urja.base.passkey import fingerprint, host_of
from urja.site.cli.options import data_option
from urja.site.cli.staff import opened
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory, write_private


@click.group()
def approver() -> None:
    """Install, list and remove the passkeys that release held disconnections."""


@approver.command()
@data_option
@click.argument("email")
@click.option("--yes", is_flag=True, help="Install without asking to confirm the fingerprints.")
def install(data: Path, email: str, yes: bool) -> None:
    """Copy the passkeys of the staff member EMAIL to the head end.

    Compare each fingerprint with the one on the owner's own passkey page.
    """
    box = opened(data)
    file, known = _installed(data)
    found = _passkeys(email, box.settings.web.public_origin, box.clock.now())
    if not found:
        raise CommandError(
            Exit.USAGE,
            f"{email} has no passkey: print a code with urja passkey invite {email}, and run this again once it is enrolled",
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def list_(data: Path, as_json: bool) -> None:
    """List the passkeys that release held disconnections."""
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
    """Remove the passkeys of EMAIL; pending releases no longer count them."""
    file, known = _installed(data)
    left = [one for one in known if one.person != email.strip().lower()]
    if len(left) == len(known):
        raise CommandError(Exit.USAGE, f"{email} is not installed: see urja approver list")
    write_private(file, encode_approvers(left))
    click.echo(f"{email} is removed; {_sentence(len({one.person for one in left}))}")


def _installed(data: Path) -> tuple[Path, list[Approver]]:
    file = DataDirectory(data).secrets / APPROVERS_FILE
    if not file.parent.is_dir():
        raise CommandError(Exit.USAGE, f"{data} is not a data directory of Urja: give one with --data")
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


def _plain(one: Approver) -> dict[str, object]:
    return {
        "person": one.person,
        "fingerprint": fingerprint(one.public_key),
        "origin": one.origin,
        "installed_at": one.installed_at.isoformat(),
    }


def _sentence(persons: int) -> str:
    if persons == 0:
        return "no release is possible: disconnections above the limits expire"
    if persons == 1:
        return "one person is installed: a release counts after headend.release_delay_s (12 hours)"
    return f"{persons} persons are installed: any two of them release held disconnections"
