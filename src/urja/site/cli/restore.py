"""`urja restore`: a backup put back onto an empty directory, or a drill that proves that it can be."""

import asyncio
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click
import msgspec

from urja.base import log
from urja.base.configuration import SettingsError, variables_beyond
from urja.base.settings import Settings
from urja.site.backup import recovery_key
from urja.site.backup.restore import LogReplay
from urja.site.backup.sealed_file import BackupError, Header, RecoveryKey
from urja.site.cli.options import DEFAULT_CONFIG, DEFAULT_DATA, read_document
from urja.site.command_errors import CommandError, Exit, refusal_for
from urja.site.data_directory import DataDirectory
from urja.site.supervisor import sandbox_gateway


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the recovery key that `urja backup key` printed.",
)
@click.option(
    "--secrets",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the secrets of the same backup.  [default: FILE.secrets]",
)
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="New data directory; it must be empty."
)
@click.option(
    "--until",
    callback=lambda _ctx, _option, value: _moment(value),
    help="Bring the database on by its archived log: to this time (2026-03-02T15:04:05+05:30), or to its end (end).",
)
@click.option(
    "--wal",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --until: directory of the archived log.  [default: backup.wal_directory of the installation]",
)
@click.option(
    "--drill",
    is_flag=True,
    help="Restore to a temporary directory without any network, check the laws there, and remove it.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, path_type=Path),
    help="With --drill: signed heads stored elsewhere; those that the backup lacks are named.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="URJA_DATA",
    default=DEFAULT_DATA,
    show_default=True,
    help="With --drill: data directory of the installation, which notes that the copy of its key was proven.",
)
@click.pass_context
def restore(
    ctx: click.Context,
    file: Path,
    key_file: Path,
    secrets: Path | None,
    data: Path | None,
    until: datetime | Literal["end"] | None,
    wal: Path | None,
    *,
    drill: bool,
    against: Path | None,
    record: Path,
) -> None:
    """Restore a backup onto an empty data directory; with --drill only prove that it can be restored.

    The next `urja up` treats the data as those of the backup's time: it gives no number, counter or order a second time.
    """
    if drill == (data is not None):
        raise CommandError(Exit.USAGE, "give either --data with a new directory, or --drill")
    if wal is not None and until is None:
        raise CommandError(Exit.USAGE, "--wal is for --until: give the time too, or --until end")
    replay = None if until is None else LogReplay(None if until == "end" else until, key_file, wal)
    if drill:
        # What holds is printed; what the box of the drill says of itself only where it fails.
        recovery_key.check_outside(key_file, DataDirectory(record))
        log.configure("drill", "warning", json=not sys.stderr.isatty())
        scratch = Path(tempfile.mkdtemp(prefix="urja-drill-"))
        try:
            header, settings = _restored(file, secrets, key_file, scratch / "data", replay)
            broken = asyncio.run(_laws(ctx, scratch / "data", settings, against))
        finally:
            shutil.rmtree(scratch)
        click.echo(
            f"Restored the data as of {header.taken_at.isoformat(timespec='seconds')}, and removed them."
        )
        if broken:
            raise SystemExit(Exit.FAILED)
        _note_drill(DataDirectory(record), header)
        return
    assert data is not None
    header, settings = _restored(file, secrets, key_file, data, replay)
    click.echo(f"Restored to {data}: data as of {header.taken_at.isoformat(timespec='seconds')}.")
    for line in _how_to_start(data, settings):
        click.echo(line)


def _how_to_start(data: Path, settings: Settings) -> Iterator[str]:
    """Yield the command that starts restored data, and what its environment needs."""
    configuration = data / DEFAULT_CONFIG
    stored = configuration if configuration.exists() else None
    sandbox = sandbox_gateway.NAME in settings.payments.gateways
    command = [
        *("urja", "up", "--data", str(data)),
        *(() if stored is None else ("--config", str(stored))),
        *(("--sandbox-gateway",) if sandbox else ()),
    ]
    yield (
        f"Start it with {shlex.join(command)}; then urja verify --data {data} --against HEADS names what is lost, "
        "by signed heads stored elsewhere."
    )
    if sandbox:
        yield "It was a trial: the sandbox gateway's book is in no backup, and payments under way there stay unpaid."
    try:
        variables = [*variables_beyond(stored, sandbox_gateway.without_sandbox(settings))]
    except SettingsError as error:
        raise CommandError(
            Exit.USAGE, f"the data are restored; correct {configuration} before: {error}"
        ) from None
    if variables:
        yield "It was started with variables of the environment; set them again: " + shlex.join(variables)


def _note_drill(directory: DataDirectory, header: Header) -> None:
    now = datetime.now(UTC)
    if recovery_key.note_drill(directory, header.recipient, now):
        click.echo(
            f"Noted in {directory.path}: on {now:%Y-%m-%d} the copy of the recovery key opened a backup."
        )
    else:
        click.echo(
            f"Not noted for urja doctor: {directory.path} is not the installation of this key (--record names it)."
        )


def _moment(value: str | None) -> datetime | Literal["end"] | None:
    if value is None:
        return None
    if value == "end":
        return "end"
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandError(
            Exit.USAGE,
            f"--until {value}: give a date and time with its offset, such as 2026-03-02T15:04:05+05:30, or end",
        )
    return at


def _restored(
    file: Path, secrets: Path | None, key_file: Path, data: Path, replay: LogReplay | None
) -> tuple[Header, Settings]:
    from urja.site.backup.restore import restore as restore_to

    try:
        return restore_to(file, secrets, RecoveryKey.parse(read_document(key_file)), data, replay)
    except BackupError as error:
        raise CommandError(Exit.FAILED, str(error)) from error
    except OSError as error:
        raise refusal_for(error, Path(error.filename or data)) from error


async def _laws(ctx: click.Context, data: Path, settings: Settings, against: Path | None) -> bool:
    """Print which laws hold; return whether one is broken.

    Database and broker run, on this machine's loopback, and no process of ours that would call a meter, a gateway or a
    mail server.
    """
    from urja.site.cli.verify import verify
    from urja.site.supervisor.installation import Installation

    async with Installation(data, _isolated(settings), processes=[]):
        try:
            # In a thread of its own: the box watches its processes meanwhile.
            await asyncio.to_thread(ctx.invoke, verify, data=data, full=True, against=against)
        except SystemExit:
            return True
    return False


def _isolated(settings: Settings) -> Settings:
    """Return the settings with ports of the system's choice, and with the server programs of this machine.

    Without an archive of the log: a drill's cluster would write its segments among the live installation's, and remove
    those that are too old or too many.
    """
    replace = msgspec.structs.replace
    return replace(
        settings,
        broker=replace(settings.broker, host="127.0.0.1", port=0, monitor_port=0),
        headend=replace(settings.headend, port=0, status_port=0),
        pipeline=replace(settings.pipeline, status_port=0, closing_status_ports=()),
        web=replace(settings.web, port=0),
        database=replace(settings.database, binaries=None),
        backup=replace(settings.backup, wal_directory=None),
    )
