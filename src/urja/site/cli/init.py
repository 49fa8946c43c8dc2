"""`urja init`: the configuration of a new installation, from a few questions."""

import os
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import msgspec

from urja.base.settings import Settings, SettingsError, commented_toml, load_with_origins
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
    """Write a commented configuration file, and the mail password apart from it.

    Asks for each value that no option gives. Prints the commands that follow.
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
    answers.check()
    if "@" not in admin[1]:
        raise CommandError(Exit.USAGE, f"--admin-email: {admin[1]!r} is not an e-mail address")
    if password and secrets.exists():
        raise CommandError(
            Exit.USAGE,
            f"{secrets} exists and is not changed: write mail_password there, or choose another place with --data",
        )
    employ = shlex.join(["urja", "staff", "add", admin[1], "--name", admin[0], "--role", "administrator"])
    text = f"# First administrator, once Urja runs: {employ}\n\n{commented_toml(settings)}"
    _write_new(config_path, text)
    if password:
        directory.claim()
        try:
            write_private(secrets, msgspec.json.encode(StoredServices(mail_password=password)))
        finally:
            directory.release()
        click.echo(f"{secrets} holds the mail password (mode 0600)")
    click.echo(f"{config_path} is written. Next, in this order:")
    at = [] if os.fspath(data) == "urja-data" else ["--data", str(data)]
    using = [] if config_path == DEFAULT_CONFIG else ["--config", str(config_path)]
    for command in (
        shlex.join(["urja", "up", *at, *using]),
        f"{shlex.join(shlex.split(employ) + at)}   (in another terminal)",
        shlex.join(["urja", "doctor", *at, *using]),
    ):
        click.echo(f"  {command}")


class _Answers:
    """Options, and where they are not given the answers to questions; what is missing is reported at once."""

    def __init__(self, given: dict[str, Any], *, ask: bool) -> None:
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


def _settings(answers: _Answers) -> dict[str, Any]:
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
