"""`urja work`: work orders for field staff, and their results."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from urja.site.cli.options import data_option
from urja.site.cli.staff import done, opened
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.site.admin import Administration

ACTOR = "urja work"


@click.group()
def work() -> None:
    """List, assign and close work orders."""


@work.command("list")
@data_option
@click.option("--all", "ended", is_flag=True, help="Also closed and withdrawn work orders.")
@click.option("--kind", help="Only work orders of this kind, such as install or weld_or_bypass.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def list_(data: Path, ended: bool, kind: str | None, limit: int, as_json: bool) -> None:
    """List open work orders, oldest first; with --all all of them, newest first."""
    opened(data)
    from urja.apps.overviews.queries import work_orders
    from urja.apps.work.kinds import WorkOrderKind

    if kind is not None and kind not in WorkOrderKind.values:
        raise CommandError(
            Exit.USAGE, f"--kind {kind!r} is unknown: give one of {', '.join(WorkOrderKind.values)}"
        )
    found = [asdict(order) for order in work_orders.everywhere(limit, kind=kind, ended=ended)]
    if as_json:
        click.echo(json.dumps({"work_orders": found}, ensure_ascii=False, default=str))
    elif not found:
        click.echo("There are no open work orders.")
    for one in [] if as_json else found:
        due = f"  due {one['due_at']:%Y-%m-%d}" if one["due_at"] else ""
        who = f"  {one['assignee']}" if one["assignee"] else ""
        click.echo(
            f"{one['id']:>16}  {one['kind']:<18}  {one['state']:<9}  {one['consumer_number']:<16}  "
            f"{one['serial'] or '-':<16}  since {one['opened_at']:%Y-%m-%d %H:%M}{due}{who}"
        )


@work.command()
@data_option
@click.argument("number", type=int)
@click.argument("email")
def assign(data: Path, number: int, email: str) -> None:
    """Assign work order NUMBER to the staff member EMAIL."""
    box = opened(data)
    from urja.usecases.operations import AssignWorkOrder

    done(box, AssignWorkOrder(work_order_id=number, email=email), ACTOR)
    click.echo(f"work order {number} is assigned to {email}")


@work.command()
@data_option
@click.argument("number", type=int)
@click.option("--note", required=True, help="Findings and work done.")
@click.option("--register-wh", type=int, help="Reading of the import register on site, in Wh.")
@click.option("--register-l", type=int, help="Reading of a gas meter on site, in litres.")
@click.option("--seal", "seals", multiple=True, help="Number of an attached seal; may be repeated.")
@click.option("--removed-seal", "removed", multiple=True, help="Number of a removed seal; may be repeated.")
@click.option(
    "--photo",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A JPEG or PNG of at most 2 MB; may be repeated.",
)
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="Local time of the work. [default: now]")
def close(
    data: Path,
    number: int,
    note: str,
    register_wh: int | None,
    register_l: int | None,
    seals: tuple[str, ...],
    removed: tuple[str, ...],
    files: tuple[Path, ...],
    at: Any,
) -> None:
    """Close work order NUMBER with its results."""
    box = opened(data)
    from zoneinfo import ZoneInfo

    from django.db import transaction

    from urja.usecases.operations import CloseWorkOrder

    now = box.clock.now()
    zone = ZoneInfo(box.settings.utility.timezone)
    with transaction.atomic():
        operation = CloseWorkOrder(
            work_order_id=number,
            closed_at=now if at is None else at.replace(tzinfo=zone),
            note=note,
            register_wh=register_wh,
            register_l=register_l,
            seals=seals,
            removed_seals=removed,
            photos=tuple(_photo_id(box, number, file) for file in files),
        )
        done(box, operation, ACTOR)
    click.echo(f"work order {number} is closed")


def _photo_id(box: "Administration", number: int, file: Path) -> int:
    """Store a photograph of the work order and return its id."""
    from urja.apps.work.errors import WorkError
    from urja.apps.work.requests import add_photo

    try:
        return add_photo(number, file.read_bytes(), recorded_at=box.clock.now(), actor=ACTOR).id
    except OSError as error:
        raise CommandError(Exit.USAGE, f"{file} cannot be read: {error.strerror}") from error
    except WorkError as error:
        raise CommandError(Exit.FAILED, f"nothing was done: {file}: {error}") from error
