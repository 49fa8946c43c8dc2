"""`urja backup`: an encrypted backup of the running system, and the recovery key that opens it."""

from datetime import UTC
from pathlib import Path

import click

from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit, refusal_for


class _Backup(click.Group):
    """`urja backup DIRECTORY` beside `urja backup key`: what names no command is the place of a backup."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["to", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Backup)
def backup() -> None:
    """Back up the running system, encrypted: `urja backup DIRECTORY` or `urja backup FILE`.

    Run `urja backup key` once before. A directory whose name is that of a command is given as ./key.
    """


@backup.command("key")
@data_option
@click.option(
    "--replace", is_flag=True, help="Make another key; earlier backups open with the earlier key alone."
)
def backup_key(data: Path, *, replace: bool) -> None:
    """Make the recovery key and print it, once. It is not stored: without it no backup can be restored."""
    from urja.site.backup.take import new_recovery_key

    click.echo(new_recovery_key(data, replace=replace).text)
    click.echo(
        "This key opens the backups and is not stored on this machine. Print it or write it to a file elsewhere, and "
        "try it: urja restore --drill FILE --key KEYFILE",
        err=True,
    )


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
