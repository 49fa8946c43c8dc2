"""Settings explain every fault at once: the value, what is allowed, where it came from."""

import msgspec
import pytest
from click.testing import CliRunner

from urja.base.configuration import (
    SettingsError,
    describe,
    load,
    load_with_origins,
    mask_password,
    variables_beyond,
)
from urja.site.cli.main import urja
from urja.site.command_errors import CommandError, Exit

FAULTY = """\
nonsense = 3
[utility]
timezone = "Asia/Kolkatta"
[web]
prot = 8000
port = "80"

threads = 0
[databse]
dsn = "x"
[database]
dsn = "mysql://u:secret@h/x"
[log]
level = "loud"
[clock]
start = 2026-03-01T00:00:00
"""


def faults_of(path, environ=None):
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    return [str(fault) for fault in caught.value.faults]


def test_every_fault_is_listed_at_once_with_its_line(tmp_path):
    path = tmp_path / "urja.toml"
    path.write_text(FAULTY)
    faults = faults_of(
        path, {"URJA_HEADEND_PORT": "99999", "URJA_WEB_SECURE": "maybe", "URJA_WEB_THRADS": "3"}
    )
    text = "\n".join(faults)
    for expected in (
        f"{path}:1: [nonsense] is not a section",
        f'{path}:3: utility.timezone is "Asia/Kolkatta" (no such zone; did you mean Asia/Kolkata?)',
        f"{path}:5: web.prot is not a setting; did you mean port?",
        f'{path}:6: web.port is "80"; allowed: a port number, 0..65535',
        f"{path}:8: web.threads is 0; allowed: 1..256",
        f"{path}:9: [databse] is not a section; did you mean [database]?",
        f'{path}:12: database.dsn is "mysql://u:***@h/x" (not a PostgreSQL address)',
        f'{path}:14: log.level is "loud"; allowed: debug, info, warning, error',
        f'{path}:16: clock.start is "2026-03-01T00:00:00"; allowed: a date and time with an offset',
        'URJA_HEADEND_PORT: headend.port is "99999"; allowed: a port number, 0..65535',
        'URJA_WEB_SECURE: web.secure is "maybe"; allowed: true or false',
        "URJA_WEB_THRADS is not a setting's variable; did you mean URJA_WEB_THREADS?",
    ):
        assert expected in text
    assert len(faults) == 12
    assert "secret" not in text


@pytest.mark.parametrize(
    ("content", "expected"),
    [("[web\n", "not TOML"), ("a = \xff", "unreadable"), (None, "unreadable")],
    ids=["syntax", "not UTF-8", "missing"],
)
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path, content, expected):
    path = tmp_path / "urja.toml"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    assert expected in faults_of(path)[0]


def test_a_variable_beats_the_file_and_says_so(tmp_path):
    path = tmp_path / "urja.toml"
    path.write_text('[headend]\nport = 4060\nhosts = ["10.0.0.1"]\n')
    loaded = load_with_origins(path, {"URJA_HEADEND_PORT": "4061", "URJA_WEB_HOSTS": "a.example, b.example"})
    assert loaded.settings.headend.port == 4061
    assert loaded.settings.headend.hosts == ("10.0.0.1",)
    assert loaded.settings.web.hosts == ("a.example", "b.example")
    assert loaded.origins["headend.port"] == "URJA_HEADEND_PORT"
    assert loaded.origins["headend.hosts"] == f"{path}:3"
    assert loaded.origins["web.port"] == "default"


def test_an_offset_is_kept_and_the_reserved_variables_are_no_settings():
    settings = load(None, {"URJA_CLOCK_START": "2026-03-02T09:00:00+05:30", "URJA_DATA": "/srv/urja"})
    assert settings.clock.start.isoformat() == "2026-03-02T09:00:00+05:30"


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://urja:hunter2@db/x",
        "host=db password=hunter2 user=u",
        "host=db password='hunter2 \\' x'",
        "postgresql://db/x?user=u&password=hunter2",
    ],
)
def test_a_password_is_never_shown(dsn):
    assert "hunter2" not in mask_password(dsn)
    shown = list(describe(load_with_origins(None, {"URJA_DATABASE_DSN": dsn})))
    assert "hunter2" not in str(shown)


def test_config_check_and_show(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = CliRunner().invoke(urja, ["config", "check"])
    assert (good.exit_code, good.output) == (
        0,
        "the configuration is valid (0 values set, the rest are defaults)\n",
    )
    (tmp_path / "urja.toml").write_text("[web]\nport = 8080\n")
    shown = CliRunner().invoke(urja, ["config", "show"])
    assert [line.split() for line in shown.output.splitlines() if line.startswith("web.port")] == [
        ["web.port", "8080", "urja.toml:2"]
    ]
    (tmp_path / "urja.toml").write_text("[web]\nport = 80800\nthreads = -1\n")
    bad = CliRunner().invoke(urja, ["config", "check"])
    assert isinstance(bad.exception, CommandError)
    assert bad.exception.code is Exit.USAGE
    assert "2 faults" in str(bad.exception)


@pytest.mark.parametrize("languages", ['["hi"]', "[]", '["en", "mr"]', '"en"'])
def test_languages_that_are_refused(tmp_path, languages):
    path = tmp_path / "urja.toml"
    path.write_text(f"[utility]\nlanguages = {languages}\n")
    (fault,) = faults_of(path)
    assert "allowed: a list of en and hi; en is always one of them" in fault


@pytest.mark.parametrize(
    ("host", "security", "refused"),
    [
        ("smtp.example.org", "none", True), ("192.0.2.4", "none", True), ("localhost.example.org", "none", True),
        ("smtp.example.org", "starttls", False), ("localhost", "none", False), ("127.0.0.1", "none", False), ("::1", "none", False),
    ],
)  # fmt: skip
def test_a_login_does_not_cross_the_network_unencrypted(tmp_path, host, security, refused):
    path = tmp_path / "urja.toml"
    path.write_text(f'[mail]\nhost = "{host}"\nsecurity = "{security}"\nusername = "neem"\n')
    if not refused:
        assert load(path, {}).mail.username == "neem"
        return
    [fault] = faults_of(path)
    assert fault.startswith(f'{path}:4: mail.username is "neem" with mail.security "none": its password')
    assert '"starttls" (port 587)' in fault


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('tls_key = "/k"', "web.tls_key is set without web.tls_certificate; allowed: both or neither"),
        ('tls_certificate = "/c"\ntls_key = "/k"', 'secure = true, and public_url beginning with "https://"'),
        ("redirect_port = 80", "web.redirect_port is 80, without web.tls_certificate"),
        ('tls_certificate = "c.pem"', "the absolute path of a file in PEM"),
        ('tls_certificate = "/c"\ntls_key = "/k"\nsecure = true\npublic_url = "https://a.example"\nredirect_port = 80', None),
    ],
)  # fmt: skip
def test_tls_of_ones_own_is_described_whole(tmp_path, lines, words):
    path = tmp_path / "urja.toml"
    path.write_text(f"[web]\n{lines}\n")
    if words is None:
        assert load(path, {}).web.redirect_port == 80
    else:
        assert words in "\n".join(faults_of(path))


def test_the_variables_that_a_file_does_not_say(tmp_path):
    path = tmp_path / "urja.toml"
    path.write_text('[utility]\nname = "Neem"\n[web]\nport = 0\n')
    given = {"URJA_WEB_HOSTS": "a.example,b.example", "URJA_WEB_SECURE": "true", "URJA_UTILITY_NAME": "Neem"}
    found = load(path, given)
    chosen = msgspec.structs.replace(found, web=msgspec.structs.replace(found.web, port=4711))
    assert list(variables_beyond(path, chosen)) == [
        "URJA_WEB_HOSTS=a.example,b.example",
        "URJA_WEB_SECURE=True",
    ]
    assert load(path, dict(one.split("=", 1) for one in variables_beyond(path, chosen))) == found
