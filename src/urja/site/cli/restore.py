"""`urja restore`: a backup put back onto an empty directory, or a drill that proves that it can be."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import click
import msgspec

from urja.base import log
from urja.base.settings import Settings
from urja.site.backup.sealed_file import BackupError, Header, RecoveryKey
from urja.site.cli.options import read_document
from urja.site.command_errors import CommandError, Exit, refusal_for


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
    "--drill",
    is_flag=True,
    help="Restore to a temporary directory without any network, check the laws there, and remove it.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, path_type=Path),
    help="With --drill: signed heads stored elsewhere; those that the backup lacks are named.",
)
@click.pass_context
def restore(
    ctx: click.Context,
    file: Path,
    key_file: Path,
    secrets: Path | None,
    data: Path | None,
    *,
    drill: bool,
    against: Path | None,
) -> None:
    """Restore a backup onto an empty data directory; with --drill only prove that it can be restored.

    The next `urja up` treats the data as those of the backup's time: it gives no number, counter or order a second time.
    """
    if drill == (data is not None):
        raise CommandError(Exit.USAGE, "give either --data with a new directory, or --drill")
    if drill:
        # What holds is printed; what the box of the drill says of itself only where it fails.
        log.configure("drill", "warning", json=not sys.stderr.isatty())
        scratch = Path(tempfile.mkdtemp(prefix="urja-drill-"))
        try:
            header, settings = _restored(file, secrets, key_file, scratch / "data")
            broken = asyncio.run(_laws(ctx, scratch / "data", settings, against))
        finally:
            shutil.rmtree(scratch)
        click.echo(
            f"Restored the data as of {header.taken_at.isoformat(timespec='seconds')}, and removed them."
        )
        if broken:
            raise SystemExit(Exit.FAILED)
        return
    assert data is not None
    header, _ = _restored(file, secrets, key_file, data)
    click.echo(
        f"Restored to {data}: data as of {header.taken_at.isoformat(timespec='seconds')}. Start it with urja up --data "
        f"{data}; then urja verify --data {data} --against HEADS names what is lost, by signed heads stored elsewhere."
    )


def _restored(file: Path, secrets: Path | None, key_file: Path, data: Path) -> tuple[Header, Settings]:
    from urja.site.backup.restore import restore as restore_to

    try:
        return restore_to(file, secrets, RecoveryKey.parse(read_document(key_file)), data)
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
    """Return the settings with ports of the system's choice, and with the server programs of this machine."""
    replace = msgspec.structs.replace
    return replace(
        settings,
        broker=replace(settings.broker, host="127.0.0.1", port=0, monitor_port=0),
        headend=replace(settings.headend, port=0, status_port=0),
        pipeline=replace(settings.pipeline, status_port=0),
        web=replace(settings.web, port=0),
        database=replace(settings.database, binaries=None),
    )
