"""`urja init`: the configuration of a new installation, from a few questions."""

import os
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import msgspec

from urja.base.configuration import SettingsError, commented_toml, load_with_origins
from urja.base.settings import Settings
from urja.site import first_administrator
from urja.site.backup import recovery_key
from urja.site.cli.backup import give
from urja.site.cli.options import DEFAULT_CONFIG, check_services, data_option, read_document
from urja.site.command_errors import CommandError, Exit, refusal_for
from urja.site.data_directory import DataDirectory, write_private
from urja.site.supervisor.secrets import SERVICES_FILE, StoredServices

_DEFAULTS: Final = Settings()
_PORTS: Final = {"none": 25, "starttls": 587, "tls": 465}


@click.command()
@click.option("--name", help="Name of the utility or society.")
@click.option("--timezone", help=f"Zone of the IANA database; {_DEFAULTS.utility.timezone} unless given.")
@click.option("--currency", help=f"ISO 4217 code; {_DEFAULTS.utility.currency} unless given.")
@click.option("--languages", help="Languages of pages and messages, with commas; en,hi unless given.")
@click.option("--admin-name", help="Name of the first administrator.")
@click.option("--admin-email", help="E-mail address of the first administrator.")
@click.option("--mail-host", help="Host of the mail relay; empty: configure mail later.")
@click.option(
    "--mail-security", type=click.Choice(list(_PORTS)), help="Encryption to the relay; starttls unless given."
)
@click.option("--mail-port", type=int, help="Port of the relay; 587 for starttls, 465 for tls, 25 for none.")
@click.option("--mail-username", help="Login at the relay; empty: no login.")
@click.option(
    "--mail-password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File that holds the password of the login.",
)
@click.option("--mail-sender", help="Sender address of mails.")
@click.option(
    "--recovery-key",
    help="New file for the recovery key of backups, outside the data directory; - prints it, as does no option.",
)
@click.option("--recovery-key-copy", help="Where its copy is kept, in your words; urja doctor shows it.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="File to write; an existing one is never changed.",
)
@data_option
@click.option("--yes", is_flag=True, help="Ask nothing: use the options and the defaults.")
def init(data: Path, config_path: Path, *, yes: bool, mail_password_file: Path | None, **given: Any) -> None:
    """Write a commented configuration file, the mail password apart from it, and hand over the recovery key.

    The key opens the backups of this installation; its private half is not stored. Asks for each value that no option gives. Prints the commands that follow.
    """
    directory = DataDirectory(data)
    secrets = directory.secrets / SERVICES_FILE
    if config_path.exists():
        raise CommandError(
            Exit.USAGE, f"{config_path} exists and is not changed: edit it, or choose another with --config"
        )
    answers = _Answers(given, ask=not yes)
    settings = _settings(answers)
    admin = (
        answers.text("admin_name", "Name of the first administrator"),
        answers.text("admin_email", "E-mail address of the first administrator"),
    )
    password = ""
    if settings.get("mail.username"):
        password = read_document(mail_password_file).strip() if mail_password_file else answers.password()
    key_file = _key_file(answers, directory)
    copy = answers.text(
        "recovery_key_copy", "Where will the copy of the recovery key be kept (empty: later)", ""
    )
    answers.check()
    if "@" not in admin[1]:
        raise CommandError(Exit.USAGE, f"--admin-email: {admin[1]!r} is not an e-mail address")
    if password and secrets.exists():
        raise CommandError(
            Exit.USAGE,
            f"{secrets} exists and is not changed: write mail_password there, or choose another place with --data",
        )
    _write_new(config_path, commented_toml(settings))
    directory.claim()
    try:
        first_administrator.store(
            directory.first_administrator,
            first_administrator.FirstAdministrator(name=admin[0], email=admin[1]),
        )
        if password:
            write_private(secrets, msgspec.json.encode(StoredServices(mail_password=password)))
            click.echo(f"{secrets} holds the mail password (mode 0600)")
        # A directory that has a key keeps it: backups may have been made for it.
        if not recovery_key.keys_file(directory).exists():
            give(recovery_key.make(directory, replace=False), key_file, copy, directory)
    finally:
        directory.release()
    click.echo(f"{config_path} is written. Next, in this order:")
    at = [] if os.fspath(data) == "urja-data" else ["--data", str(data)]
    using = [] if config_path == DEFAULT_CONFIG else ["--config", str(config_path)]
    for command in (
        shlex.join(["urja", "up", *at, *using]),
        f"{shlex.join(['urja', 'doctor', *at, *using])}   (in another terminal)",
    ):
        click.echo(f"  {command}")
    click.echo(f"The first start makes {admin[1]} administrator, who then signs in with a code sent there.")
    if "mail.host" not in settings:
        click.echo(f"No code can be sent yet: fill in [mail] in {config_path} before the start.")


def _key_file(answers: "_Answers", directory: DataDirectory) -> Path | None:
    """Return the file for the recovery key; None: it is printed."""
    if recovery_key.keys_file(directory).exists():
        return None
    given = answers.text(
        "recovery_key", "File for the recovery key of backups, on another disk (- prints it)", "-"
    )
    if given == "-":
        return None
    path = Path(given)
    recovery_key.check_outside(path, directory)
    if path.exists():
        raise CommandError(Exit.USAGE, f"{path} exists and is not changed: give the key another file")
    return path


class _Answers:
    """Options, and where they are not given the answers to questions; what is missing is reported at once."""

    def __init__(self, given: dict[str, object], *, ask: bool) -> None:
        self._given, self._ask, self._missing = given, ask, list[str]()

    def text(self, name: str, question: str, default: str | None = None) -> str:
        """Return the value of an option; without a default it must be given."""
        value = self._given.get(name)
        if value is None and self._ask:
            value = click.prompt(question, default=default, type=str, show_default=bool(default))
        if value is None:
            value = default
        value = "" if value is None else str(value).strip()
        if not value and default is None:
            self._missing.append("--" + name.replace("_", "-"))
        return value

    def password(self) -> str:
        """Return the password of the mail login; it is never an option, which other users could see."""
        if self._ask:
            return str(click.prompt("Password of the mail login", hide_input=True))
        self._missing.append("--mail-password-file")
        return ""

    def check(self) -> None:
        """Raise `CommandError` with every value that is missing."""
        if self._missing:
            raise CommandError(Exit.USAGE, f"missing: {', '.join(self._missing)}")


def _settings(answers: _Answers) -> dict[str, object]:
    """Return the values by key of the settings."""
    utility = _DEFAULTS.utility
    settings: dict[str, Any] = {
        "utility.name": answers.text("name", "Name of the utility or society"),
        "utility.timezone": answers.text("timezone", "Time zone", utility.timezone),
        "utility.currency": answers.text("currency", "Currency", utility.currency),
    }
    languages = answers.text("languages", "Languages, with commas", ",".join(utility.languages))
    settings["utility.languages"] = [code.strip() for code in languages.split(",") if code.strip()]
    host = answers.text("mail_host", "Host of the mail relay (empty: later)", "")
    if not host:
        return settings
    security = answers.text("mail_security", "Encryption: starttls, tls or none", "starttls")
    port = answers.text("mail_port", "Port", str(_PORTS.get(security, 25)))
    return {
        **settings,
        "mail.host": host,
        "mail.port": int(port) if port.isdecimal() else port,
        "mail.security": security,
        "mail.username": answers.text("mail_username", "Login at the relay (empty: none)", ""),
        "mail.sender": answers.text("mail_sender", "Sender address of mails"),
        # The first channel of notices: SMS needs registrations that take days, e-mail does not.
        "messages.channels": {"email": {"provider": "smtp"}},
    }


def _write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet, once `urja config check` accepts its text."""
    with TemporaryDirectory() as folder:
        draft = Path(folder, "urja.toml")
        draft.write_text(text, "utf-8")
        try:
            check_services(load_with_origins(draft, {}))
        except SettingsError as error:
            faults = "\n  ".join(
                f"{fault.key} is {fault.value}; allowed: {fault.allowed}" for fault in error.faults
            )
            raise CommandError(Exit.USAGE, f"nothing was written:\n  {faults}") from None
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CommandError(Exit.USAGE, f"{path} exists and is not changed") from None
    except OSError as error:
        raise refusal_for(error, path) from error
