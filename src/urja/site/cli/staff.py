"""`urja staff`: staff members with their roles and areas."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit, database_refusal

if TYPE_CHECKING:
    from urja.apps.journal.queries import AuditRow
    from urja.site.admin import Administration
    from urja.usecases.operations import UseCase

ACTOR = "urja staff"

_role = click.option("--role", required=True, help="Role, such as clerk or field_engineer.")
_area = click.option(
    "--area",
    default="",
    help="Area: a level and code of the network ('section North-2'), or a society ('society Green Acres', 'premise GA'); "
    "default: everywhere.",
)


@click.group()
def staff() -> None:
    """Add, change, list and remove staff and their roles."""


@staff.command()
@data_option
@click.argument("email")
@click.option("--name", required=True, help="Name of the person.")
@_role
@_area
def add(data: Path, email: str, name: str, role: str, area: str) -> None:
    """Give the person with EMAIL a role; sign-in codes are sent to EMAIL."""
    box = opened(data)
    from urja.usecases.operations import Employ

    done(box, Employ(email=email, name=name, role=role, area=area), ACTOR)
    click.echo(f"{email} is employed as {role} {area or 'everywhere'}")


@staff.command()
@data_option
@click.argument("email")
@_role
@_area
def end(data: Path, email: str, role: str, area: str) -> None:
    """End a role of the staff member EMAIL, from now."""
    box = opened(data)
    from urja.usecases.operations import Dismiss

    done(box, Dismiss(email=email, role=role, area=area), ACTOR)
    click.echo(f"{email} is no longer employed as {role} {area or 'everywhere'}")


@staff.command()
@data_option
@click.argument("email")
@click.option("--email", "new_email", default="", help="New e-mail address for sign-in.")
@click.option("--name", "new_name", default="", help="New name.")
def change(data: Path, email: str, new_email: str, new_name: str) -> None:
    """Change the name or e-mail address of the staff member EMAIL.

    Both mailboxes, old and new, have to confirm a new address. Where the old one is lost, end the roles and add the
    person again with the new address.
    """
    box = opened(data)
    from urja.usecases.operations import Readdress

    done(box, Readdress(email=email, new_email=new_email, new_name=new_name), ACTOR)
    if new_name:
        click.echo(f"the name of {email} is now {new_name.strip()}")
    if new_email:
        click.echo(
            f"{email} and {new_email} get a link to confirm the change; until both have done so, {email} signs in"
        )


@staff.command("forget-factors")
@data_option
@click.argument("email")
def forget_factors(data: Path, email: str) -> None:
    """Remove the second factors of the staff member EMAIL, who sets up new ones at the next sign-in."""
    opened(data)
    from allauth.mfa.models import Authenticator

    from urja.apps.identity.kinds import SignInKind
    from urja.apps.identity.queries.identities import user_of
    from urja.apps.identity.requests import record_sign_in
    from urja.base.clock import WallClock

    user = user_of(email)
    if user is None:
        raise CommandError(Exit.FAILED, f"no account has the address {email}: see urja staff list")
    removed, _ = Authenticator.objects.filter(user_id=user.pk).delete()
    record_sign_in(
        SignInKind.FACTOR_REMOVED,
        at=WallClock().now(),
        user_id=user.pk,
        address_digest=bytes(
            32
        ),  # the web's key, under which client addresses are stored, is not available here
        ip=None,
        network="the machine itself",
        device_digest=None,
    )
    click.echo(f"{email} has no second factor any more ({removed} removed)")


@staff.command("list")
@data_option
@click.option("--all", "everybody", is_flag=True, help="Also former staff.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def list_(data: Path, everybody: bool, as_json: bool) -> None:
    """List staff members with their roles."""
    box = opened(data)
    found = _employments(box.clock.now(), everybody=everybody)
    if as_json:
        click.echo(json.dumps({"staff": found}, ensure_ascii=False))
    elif not found:
        click.echo("There are no staff members.")
    for one in [] if as_json else found:
        until = f" to {one['to']}" if one["to"] else ""
        click.echo(f"{one['email']:<32} {one['role']:<16} {one['area']:<24} since {one['from']}{until}")


def _employments(now: datetime, *, everybody: bool) -> list[dict[str, object]]:
    from urja.apps.identity.queries.staff import staff_at

    return [
        {
            "email": one.email,
            "name": one.name,
            "role": one.role,
            "area": one.area,
            "from": one.valid_from.isoformat(),
            "to": one.valid_to.isoformat() if one.valid_to else None,
        }
        for one in staff_at(None if everybody else now)
    ]


def opened(data: Path) -> "Administration":
    """Return the access to the running installation, with Django set up as the owner of the tables."""
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    return box


def done(box: "Administration", operation: "UseCase", actor: str) -> "AuditRow":
    """Perform an operation as the owner and return its journal entry. Raises `CommandError` with every fault."""
    from django.db import DatabaseError

    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import perform

    try:
        return perform(operation, recorded_at=box.clock.now(), actor=actor)
    except RefusedError as error:
        raise CommandError(Exit.FAILED, "\n  ".join(["nothing was done:", *error.faults])) from None
    except DatabaseError as error:
        raise database_refusal(error) from error
