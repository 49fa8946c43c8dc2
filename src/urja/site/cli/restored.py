"""`urja restored`: record a restore of the database or the broker's store, which the data directory does not show."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from urja.base.clock import read_anchor
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory
from urja.site.supervisor import business_time, restored_data


@click.command()
@data_option
@click.option(
    "--since",
    required=True,
    help="Time of the copy, with its offset from UTC: 2026-03-02T09:00+05:30. If unsure, give the earlier time.",
)
def restored(data: Path, since: str) -> None:
    """Record that the database or broker store was restored from a copy. Run it while Urja is stopped.

    The next start treats all data as those of that time. A restored data directory is noticed without this command.
    """
    directory = DataDirectory(data)
    if not directory.clock.exists():
        raise CommandError(Exit.USAGE, f"no Urja has run on {data}: give its data directory with --data")
    directory.claim()
    try:
        anchor = read_anchor(directory.clock)
        now_s = time.time()
        if not business_time.follows_wall_clock(anchor):
            now_s = business_time.stopped_at(anchor, directory.heartbeat, now_s)
        now = datetime.fromtimestamp(now_s, UTC)
        noted = restored_data.note(
            directory.restored, "an operator reported a restore", _instant(since, now), now
        )
    finally:
        directory.release()
    click.echo(f"The next start treats the data as those of {noted.since_at.isoformat(timespec='seconds')}.")


def _instant(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandError(
            Exit.USAGE,
            f"--since {text!r} is not a time with its offset from UTC, such as 2026-03-02T09:00+05:30",
        )
    if at > now:
        raise CommandError(Exit.USAGE, f"--since {text} is in the future: give the time of the copy")
    return at.astimezone(UTC)
