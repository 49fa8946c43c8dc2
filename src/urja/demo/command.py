"""`urja demo`: a town of simulated meters beside the whole system, at many times real time.

The meters speak real DLMS over real sockets, the system is the one that `urja up` runs. With `--for` the
demonstration stops by itself: the meters stop at the end of an interval, everything under way is awaited, the laws
compare the ledger with the meters' own truth file, and a report is written.
"""

import asyncio
import contextlib
import errno
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, time as day_time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
import msgspec

from urja.base import log
from urja.base.ports import free_port
from urja.base.settings import Settings
from urja.demo.town_run import Plan, TownRun
from urja.site.cli.options import FiniteRange, load_settings
from urja.site.command_errors import Exit, refusal_for
from urja.site.supervisor.port_checks import is_free

MORNING: Final = day_time(9)
"""Local time at which a demonstration begins, on a business day."""

_STANDSTILL: Final = 1e-6
"""Business time all but stands still until the meters are installed."""
_WEB_PORT: Final = 8000


@click.command()
@click.option(
    "--meters", default=50, show_default=True, type=click.IntRange(1, 100_000), help="Number of households."
)
@click.option(
    "--speed",
    default=60.0,
    show_default=True,
    type=FiniteRange(0.1, 10_000),
    help="Business seconds per real second.",
)
@click.option(
    "--for",
    "seconds",
    type=FiniteRange(min=0.0, min_open=True),
    help="Stop after this number of real seconds, check the laws, exit with 0 or 1. [default: run until stopped]",
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of the town.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory, continued in the next run. [default: a temporary one, removed at the end]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write figures and results of the laws to FILE as JSON.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the portal. [default: 8000, or a free port]"
)
@click.option(
    "--clerks", is_flag=True, help="Add events that clerks record: a move, a burnt meter, a raised load."
)
def demo(
    *,
    meters: int,
    speed: float,
    seconds: float | None,
    seed: int,
    data: Path | None,
    report: Path | None,
    port: int | None,
    clerks: bool,
) -> None:
    """Run a town of simulated meters beside the whole system; Ctrl-C stops it."""
    if report is not None and not report.parent.is_dir():
        # Checked now: at the end it would cost the report of the whole run.
        raise refusal_for(FileNotFoundError(errno.ENOENT, "No such file or directory"), report)
    plan = Plan(meters, speed, seconds, seed, report, clerks)
    settings = demo_settings(port)
    log.configure("demo", "warning", json=not sys.stderr.isatty())
    with _data_directory(data) as directory:
        passed = asyncio.run(TownRun(plan, settings, directory).live())
    if not passed:
        sys.exit(Exit.FAILED)


@contextlib.contextmanager
def _data_directory(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    folder = Path(tempfile.mkdtemp(prefix="urja-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def demo_settings(port: int | None) -> Settings:
    """Return the configured settings with loopback addresses and free ports."""
    settings = load_settings(None).settings
    zone = ZoneInfo(settings.utility.timezone)
    web_port = port or (_WEB_PORT if is_free(settings.web.host, _WEB_PORT) else free_port())
    replace = msgspec.structs.replace
    return replace(
        settings,
        clock=replace(
            settings.clock, start=business_morning(datetime.now(zone).date(), zone), speed=_STANDSTILL
        ),
        broker=replace(settings.broker, port=0, monitor_port=0),
        headend=replace(settings.headend, hosts=("127.0.0.1", "::1"), port=0, status_port=0),
        pipeline=replace(
            settings.pipeline,
            status_port=0,
            closing_status_ports=(),
            interval_s=min(settings.pipeline.interval_s, 0.25),
        ),
        # Sign-in codes are public in the outbox: a second factor would protect nothing here.
        web=replace(settings.web, port=web_port, staff_second_factor=False),
    )


def business_morning(today: date, zone: ZoneInfo) -> datetime:
    """Return 09:00 local time on a day, or on the Monday after a weekend."""
    day = today + timedelta(days={5: 2, 6: 1}.get(today.weekday(), 0))
    return datetime.combine(day, MORNING, tzinfo=zone)
