"""`urja mail`: whether mails leave by the relay of `[mail]`."""

import re
from email.utils import make_msgid
from pathlib import Path
from typing import Final

import click

from urja.base.settings import MailSettings
from urja.site import mail_relay
from urja.site.cli.options import config_option, data_option, load_settings
from urja.site.command_errors import CommandError, Exit, refusal_for
from urja.site.data_directory import DataDirectory
from urja.site.supervisor.secrets import SERVICES_FILE

_ADDRESS: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+")


@click.group()
def mail() -> None:
    """Test the relay of [mail]."""


@mail.command()
@click.argument("address")
@data_option
@config_option
def test(address: str, data: Path, config_path: Path | None) -> None:
    """Send one message to ADDRESS by [mail] as configured, and show the relay's answer.

    Sign-in codes and all other mails leave in the same way. Urja need not run. Exit code 0: accepted; 1: refused; 2: wrong
    address or settings; 69: the relay cannot be reached.
    """
    if not _ADDRESS.fullmatch(address):
        raise CommandError(
            Exit.USAGE, f"{address!r} is not an e-mail address in ASCII, such as asha@example.org"
        )
    loaded = load_settings(config_path)
    settings, directory = loaded.settings.mail, DataDirectory(data)
    unset = [key for key in ("host", "sender") if loaded.origins[f"mail.{key}"] == "default"]
    if unset:
        raise CommandError(Exit.USAGE, f"[mail] {' and '.join(unset)} not set: add them to urja.toml")
    secrets = directory.secrets / SERVICES_FILE
    try:
        password = mail_relay.mail_password(directory)
    except OSError as error:
        raise refusal_for(error, secrets) from error
    if settings.username and not password:
        raise CommandError(
            Exit.USAGE,
            f"no password for the login {settings.username}: write it as mail_password to {secrets}",
        )
    password = password if settings.username else ""
    message_id = make_msgid("urja-mail-test", settings.sender.rpartition("@")[2])
    message = mail_relay.probe(settings, address, loaded.settings.utility.name, message_id)
    try:
        accepted = mail_relay.send(settings, password, message)
    except mail_relay.RelayError as error:
        raise _refusal(settings, error) from error
    login = f"login {settings.username}" if settings.username else "no login"
    encryption = accepted.encryption or "not encrypted"
    click.echo(f"relay:    {settings.host}:{settings.port} ({accepted.name}), {encryption}, {login}")
    click.echo(f"message:  from {settings.sender} to {address}, {message_id}")
    if settings.reply_to:
        click.echo(f"          answers go to {settings.reply_to}")
    click.echo(f"accepted: {accepted.answer}")
    click.echo("Accepted is not delivered: see whether it arrives, also in the folder for spam.")


def _refusal(settings: MailSettings, error: mail_relay.RelayError) -> CommandError:
    return CommandError(
        Exit.FAILED if error.reached else Exit.UNAVAILABLE,
        f"{settings.host}:{settings.port} {error}\n  do: {error.advice}",
    )
