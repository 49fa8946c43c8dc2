"""`urja approvals`: thresholds above which operations need passkeys, and requests that wait for approval.

`check` needs no database and no Django.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from urja.base.untyped_values import JsonObject
from urja.core.approvals import ThresholdsError, parse_thresholds
from urja.site.cli.options import data_option, read_document
from urja.site.command_errors import CommandError, Exit, database_refusal

_document = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def approvals() -> None:
    """Check, load and show thresholds; list requests that wait for approval."""


@approvals.command()
@click.argument("files", nargs=-1, required=True, type=_document)
def check(files: Sequence[Path]) -> None:
    """Check documents and print every fault; exit 2 if there is one."""
    wrong = False
    for path in files:
        try:
            found = parse_thresholds(read_document(path))
        except ThresholdsError as error:
            wrong = True
            for fault in error.faults:
                click.echo(f"{path}: {fault.where}: {fault.sentence}")
        else:
            click.echo(f"{path}: valid: {found.version} from {found.valid_from}")
    if wrong:
        raise SystemExit(Exit.USAGE)


@approvals.command()
@click.argument("file", type=_document)
@data_option
def load(file: Path, data: Path) -> None:
    """Store a document. It is in force from its valid_from until a later document takes its place."""
    text = read_document(file)
    from urja.site.cli.staff import opened

    box = opened(data)
    from django.db import DatabaseError

    from urja.apps.approvals import thresholds

    try:
        found = thresholds.load(text, recorded_at=box.clock.now(), actor="urja approvals load")
    except ThresholdsError as error:
        lines = "\n  ".join(str(fault) for fault in error.faults)
        raise CommandError(Exit.USAGE, f"{file} is none of thresholds:\n  {lines}") from None
    except thresholds.ThresholdsConflictError as error:
        raise CommandError(Exit.USAGE, f"{error}: give the document another version") from None
    except DatabaseError as error:
        raise database_refusal(error) from error
    click.echo(f"{found.version} is in force from {found.valid_from}")


@approvals.command()
@data_option
def show(data: Path) -> None:
    """Print the document that is in force today."""
    from urja.site.cli.staff import opened

    box = opened(data)
    from urja.apps.approvals import thresholds

    today = box.clock.now().astimezone(ZoneInfo(box.settings.utility.timezone)).date()
    click.echo(thresholds.text_in_force(today), nl=False)


@approvals.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def waiting(data: Path, as_json: bool) -> None:
    """List requests that wait for approval, as stored in the database.

    Compare the list with the console's page before approving.
    """
    from urja.site.cli.staff import opened

    box = opened(data)
    found = _waiting(ZoneInfo(box.settings.utility.timezone))
    if as_json:
        click.echo(json.dumps({"waiting": found}, ensure_ascii=False))
        return
    if not found:
        click.echo("No request waits for approval.")
    for one in found:
        until = f"done {one['due_at']}" if one["due_at"] else f"until {one['expires_at']}"
        click.echo(f"{one['request']}  {one['kind']}  by {one['actor']}  {one['state']}, {until}")
        click.echo(f"    {json.dumps(one['content'], ensure_ascii=False)}")
        for sentence in one["why"]:
            click.echo(f"    {sentence}")


def _waiting(zone: ZoneInfo) -> list[JsonObject]:
    from urja.apps.approvals.queries import open_approvals
    from urja.base.sentences import in_english

    def local(at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(zone).isoformat(timespec="minutes")

    return [
        {
            "request": one.request.id,
            "kind": one.request.kind,
            "actor": one.request.actor,
            "content": one.request.content,
            "state": one.state,
            "why": in_english(one.why),
            "expires_at": local(one.expires_at),
            "due_at": local(one.due_at),
        }
        for one in open_approvals()
    ]
