"""`urja init`: a file that `urja config check` accepts, secrets apart, and nothing overwritten."""

import json
import re
import stat
import subprocess

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from tests.site.test_up import ALONE, URJA, running, status_of

from urja.base.configuration import commented_toml, load, purposes_of
from urja.base.settings import Settings
from urja.site.backup import recovery_key
from urja.site.backup.sealed_file import RecoveryKey
from urja.site.cli.main import urja
from urja.site.command_errors import CommandError
from urja.site.data_directory import DataDirectory

BASIC = ("--name", 'Neem "A" Society', "--admin-name", "Meera Rao", "--admin-email", "meera@neem.example")
MAIL = ("--mail-host", "smtp.example", "--mail-username", "neem", "--mail-sender", "urja@neem.example")


@pytest.fixture
def init(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, answers=None):
        done = CliRunner().invoke(urja, ["init", *arguments], input=answers)
        if isinstance(done.exception, CommandError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_a_file_and_the_next_commands(init, tmp_path):
    (tmp_path / "password").write_text("s3cret\n")
    said = init("--yes", *BASIC, *MAIL, "--mail-password-file", "password")
    administrator = "makes meera@neem.example administrator"
    assert "No code can be sent yet" not in said
    assert said.index("  urja up") < said.index("  urja doctor") < said.index(administrator)
    settings = load(tmp_path / "urja.toml", {})
    assert settings.utility.name == 'Neem "A" Society'
    assert settings.utility.timezone == "Asia/Kolkata"
    assert (settings.mail.host, settings.mail.port, settings.mail.security) == (
        "smtp.example",
        587,
        "starttls",
    )
    assert list(settings.messages.channels) == ["email"]
    assert CliRunner().invoke(urja, ["config", "check"]).exit_code == 0
    text = (tmp_path / "urja.toml").read_text()
    assert "s3cret" not in text
    assert (
        "# Address to which people answer.\n# reply_to: an e-mail address; empty: answers go to the sender"
        in text
    )
    secrets = tmp_path / "urja-data" / "secrets" / "services.json"
    assert json.loads(secrets.read_text())["mail_password"] == "s3cret"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600


def test_questions_where_no_option_is_given(init, tmp_path):
    answers = "Neem\n\n\nen\nsmtp.example\ntls\n\nneem\nurja@neem.example\nMeera\nmeera@neem.example\nhush\nkey\noffice safe\n"
    said = init(answers=answers)
    assert "hush" not in said
    key = RecoveryKey.parse((tmp_path / "key").read_text())
    directory = DataDirectory(tmp_path / "urja-data")
    assert recovery_key.record_of(directory).copy == "office safe"
    kept = recovery_key.backup_keys(directory)
    assert (
        X25519PrivateKey.from_private_bytes(key.private_key).public_key().public_bytes_raw() == kept.recipient
    )
    assert all(
        key.private_key not in file.read_bytes() for file in directory.path.rglob("*") if file.is_file()
    )
    settings = load(tmp_path / "urja.toml", {})
    assert settings.utility.languages == ("en",)
    assert (settings.mail.port, settings.mail.security, settings.mail.username) == (465, "tls", "neem")


def test_mail_may_come_later(init, tmp_path):
    said = init("--yes", *BASIC)
    assert load(tmp_path / "urja.toml", {}).mail == Settings().mail
    assert "No code can be sent yet: fill in [mail] in urja.toml before the start." in said
    # Without an option the recovery key is printed, and only there.
    assert RecoveryKey.parse(said[said.index("URJA-RECOVERY-KEY") : said.index("This key opens")])
    assert [path.name for path in (tmp_path / "urja-data" / "secrets").iterdir()] == ["backup.json"]


def test_an_existing_file_is_never_changed(init, tmp_path):
    (tmp_path / "urja.toml").write_text("# mine\n")
    with pytest.raises(CommandError, match=r"urja\.toml exists and is not changed"):
        init("--yes", *BASIC)
    assert (tmp_path / "urja.toml").read_text() == "# mine\n"


def test_no_other_file_is_touched(init, tmp_path):
    (tmp_path / "urja.toml.draft").write_text("# mine\n")
    init("--yes", *BASIC)
    assert {path.name for path in tmp_path.iterdir()} == {"urja.toml", "urja.toml.draft", "urja-data"}
    with pytest.raises(CommandError, match="its parent directory does not exist"):
        init("--yes", *BASIC, "--config", "nowhere/urja.toml")


def test_existing_secrets_are_never_changed(init, tmp_path):
    secrets = tmp_path / "urja-data" / "secrets" / "services.json"
    secrets.parent.mkdir(parents=True)
    secrets.write_text("{}")
    (tmp_path / "password").write_text("s3cret\n")
    with pytest.raises(CommandError, match=r"services\.json exists and is not changed"):
        init("--yes", *BASIC, *MAIL, "--mail-password-file", "password")
    assert secrets.read_text() == "{}"
    assert not (tmp_path / "urja.toml").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "missing: --name, --admin-name, --admin-email"),
        ((*BASIC, "--mail-host", "h"), "missing: --mail-sender"),
        ((*BASIC, *MAIL), "missing: --mail-password-file"),
        ((*BASIC, "--timezone", "Asia/Kolkatta"), r"utility\.timezone .*did you mean Asia/Kolkata"),
        ((*BASIC, "--languages", "en,mr"), r"utility\.languages is .*a list of en and hi"),
        ((*BASIC, "--languages", "hi"), "English is the language of what is not translated"),
        ((*BASIC, "--currency", "rupees"), r"utility\.currency is .*ISO 4217"),
        ((*BASIC[:4], "--admin-email", "meera"), "is not an e-mail address"),
        ((*BASIC, "--recovery-key", "urja-data/key"), "is in the data directory"),
        ((*BASIC, "--recovery-key", "nowhere/key"), "its parent directory does not exist"),
    ],
)
def test_what_is_refused_writes_nothing(init, tmp_path, options, words):
    with pytest.raises(CommandError, match=words):
        init("--yes", *options)
    assert list(tmp_path.iterdir()) == []


def test_each_setting_says_what_it_is_for():
    for section in msgspec.structs.fields(Settings):
        purposes = dict(purposes_of(section.type))
        assert list(purposes) == list(section.type.__struct_fields__), section.name
        assert all(text.endswith(".") and text.count(". ") <= 1 for text in purposes.values()), purposes


def test_the_defaults_as_comments_are_the_defaults(tmp_path):
    """Each comment that names a default can be taken as it stands."""
    lines = commented_toml({}).splitlines()
    path = tmp_path / "urja.toml"
    path.write_text("\n".join(line.removeprefix("# ") if " = " in line else line for line in lines))
    assert load(path, {}) == Settings()


def test_urja_starts_on_what_was_written(init, tmp_path, prepared):
    (tmp_path / "password").write_text("s3cret\n")
    data = prepared(tmp_path / "urja-data")
    (data / "secrets" / "services.json").unlink()
    init("--yes", *BASIC, *MAIL, "--mail-password-file", "password")
    with running(data, *ALONE, "--config", str(tmp_path / "urja.toml")):
        assert status_of(data)["code"] == 0
        staff = subprocess.run(
            [*URJA, "staff", "list", "--data", str(data)], capture_output=True, text=True, check=True
        )
        assert re.search(r"meera@neem.example .*administrator", staff.stdout)
    assert not (data / "first_administrator.json").exists()
    assert json.loads((data / "secrets" / "services.json").read_text())["mail_password"] == "s3cret"
