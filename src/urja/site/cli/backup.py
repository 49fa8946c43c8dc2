"""`urja backup`: an encrypted backup of the running system, and the recovery key that opens it."""

from datetime import UTC
from pathlib import Path

import click
import msgspec

from urja.site.backup.sealed_file import RecoveryKey
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit, refusal_for
from urja.site.data_directory import DataDirectory
from urja.site.supervisor.secrets import ADMIN_FILE


class _Backup(click.Group):
    """`urja backup DIRECTORY` beside `urja backup key` and `where`: what names no command is the place of a backup."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["to", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Backup)
def backup() -> None:
    """Back up the running system, encrypted: `urja backup DIRECTORY` or `urja backup FILE`.

    `urja init` makes the recovery key, otherwise `urja backup key`. A directory whose name is that of a command is given as ./key.
    """


@backup.command("key")
@data_option
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="New file for the key, outside the data directory.  [default: print it]",
)
@click.option("--copy", default="", help="Where the copy is kept, in your words; urja doctor shows it.")
@click.option(
    "--replace", is_flag=True, help="Make another key; earlier backups open with the earlier key alone."
)
def backup_key(data: Path, target: Path | None, copy: str, *, replace: bool) -> None:
    """Make the recovery key and print it, once. It is not stored: without it no backup can be restored."""
    from urja.site.backup import recovery_key

    directory = DataDirectory(data)
    if not (directory.secrets / ADMIN_FILE).exists():
        raise CommandError(Exit.USAGE, f"no Urja has run on {data}: give its data directory with --data")
    if target is not None:
        recovery_key.check_outside(target, directory)
    give(recovery_key.make(directory, replace=replace), target, copy, directory)


def give(key: RecoveryKey, target: Path | None, copy: str, directory: DataDirectory) -> None:
    """Print the key, or write it to a file; note where its copy is."""
    from urja.site.backup import recovery_key

    if target is None:
        click.echo(key.text)
        where = "Print it or write it to a file elsewhere"
    else:
        near = recovery_key.hand_over(key, target, directory)
        where = f"It is in {target}: print it" + (", and move the file to another disk" if near else "")
    if copy:
        recovery_key.store_record(
            directory,
            msgspec.structs.replace(recovery_key.record_of(directory), copy=copy),
        )
    click.echo(
        f"This key opens the backups and is not stored in {directory.path}. {where}, and try it: urja restore --drill "
        "FILE --key KEYFILE",
        err=True,
    )


@backup.command("where")
@click.argument("place")
@data_option
def backup_where(place: str, data: Path) -> None:
    """Note where the copy of the recovery key is kept, in your words, such as "office safe, envelope 3"."""
    from urja.site.backup import recovery_key

    directory = DataDirectory(data)
    record = recovery_key.record_of(directory)
    recovery_key.store_record(directory, msgspec.structs.replace(record, copy=place))
    click.echo(f"Noted: the copy of the recovery key is kept at: {place}")


@backup.command("to")
@click.argument("target", type=click.Path(path_type=Path))
@data_option
def backup_to(target: Path, data: Path) -> None:
    """Write a backup to a directory, under a name of its time, or to a new file; its secrets to a file beside it."""
    from urja.site.admin import Administration
    from urja.site.backup.sealed_file import BackupError
    from urja.site.backup.take import SECRETS_SUFFIX, take

    box = Administration.of(data)
    if target.is_dir():
        target /= f"urja-{box.clock.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.backup"
    try:
        taken_at = take(box, target)
    except BackupError as error:
        raise CommandError(Exit.FAILED, str(error)) from error
    except OSError as error:
        raise refusal_for(error, target) from error
    secrets = target.with_name(target.name + SECRETS_SUFFIX)
    click.echo(
        f"{target} ({target.stat().st_size / 1e6:.1f} MB): data as of {taken_at.isoformat(timespec='seconds')}"
    )
    click.echo(f"{secrets}: the secrets that it needs. Keep the two files in different places.")
