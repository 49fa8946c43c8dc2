"""`urja mail test` against a relay on a real socket: what left, what the relay answered, and what to do."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from tests.providers.relay import LOGIN, issued_in, open_relay

from urja.base.ports import free_port
from urja.site.cli.mail import mail
from urja.site.command_errors import CommandError, Exit

TO = "asha@example.org"
MAIL = '[utility]\nname = "नीम समिति"\n[mail]\nhost = "{host}"\nport = {port}\nsender = "urja@neem.example"\n'
WITH_LOGIN = f'security = "starttls"\nusername = "{LOGIN[0]}"\n'


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`urja mail test ADDRESS` with these lines in [mail]: the output, or the error raised."""
    monkeypatch.chdir(tmp_path)

    def run_(port, *lines, host="localhost", to=TO, password=LOGIN[1]):
        (tmp_path / "urja.toml").write_text(MAIL.format(host=host, port=port) + "\n".join(lines))
        (tmp_path / "secrets").mkdir(exist_ok=True)
        (tmp_path / "secrets" / "services.json").write_text(json.dumps({"mail_password": password}))
        done = CliRunner().invoke(mail, ["test", to, "--data", str(tmp_path)])
        if isinstance(done.exception, CommandError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run_


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """The certificate of a relay, issued by an authority that this machine trusts."""

    def issued(host="localhost", **given):
        certificate, authority = issued_in(tmp_path, host, **given)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        return certificate

    return issued


# -- accepted ------------------------------------------------------------------------------------------------


def test_an_open_relay(run):
    with open_relay() as relay:
        said = run(relay.port, 'reply_to = "help@neem.example"')
        [arrived] = relay.arrived
    assert (arrived["from"], arrived["to"], arrived["reply-to"]) == (
        "urja@neem.example",
        TO,
        "help@neem.example",
    )
    assert "नीम समिति" in arrived["subject"]
    assert "नीम समिति" in arrived.get_content()
    assert "accepted: 250 2.0.0 Ok: queued as 1" in said
    assert f"localhost:{relay.port}" in said
    assert "not encrypted, no login" in said
    assert arrived["message-id"] in said
    assert "Accepted is not delivered" in said


def test_starttls_by_an_authority_and_a_login(run, trusted):
    with open_relay(trusted()) as relay:
        relay.login_for_mail = True
        said = run(relay.port, WITH_LOGIN)
    assert (relay.to, relay.encrypted) == ([TO], [True])
    assert len(relay.logins) == 1
    assert "refused" not in relay.logins
    assert "TLSv1.3, login urja" in said
    assert LOGIN[1] not in said


def test_the_exit_code_and_the_sentence_of_the_program(tmp_path):
    (tmp_path / "urja.toml").write_text(MAIL.format(host="127.0.0.1", port=free_port()))
    done = subprocess.run(
        [sys.executable, "-m", "urja.site.cli.main", "mail", "test", TO],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (Exit.UNAVAILABLE, "")
    assert done.stderr.startswith("urja: 127.0.0.1:")
    assert "no relay listens at this port\n  do: check [mail] host and port" in done.stderr


# -- not reached ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "words"),
    [("relay.invalid", "is an unknown host"), (f"{'a' * 70}.example", "is not a possible host name")],
)
def test_an_unknown_host(run, host, words):
    with pytest.raises(CommandError, match=rf"{words}.*(?s:.*)do: correct \[mail\] host") as failed:
        run(25, host=host)
    assert failed.value.code == Exit.UNAVAILABLE


def test_a_relay_that_says_nothing(run):
    with open_relay() as relay:
        relay.silent_s = 5
        with pytest.raises(CommandError, match="does not answer within 1 s") as failed:
            run(relay.port, "timeout_s = 1")
    assert failed.value.code == Exit.UNAVAILABLE


# -- refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "given", "words"),
    [
        ("relay.example", {}, r"certificate of another name .*do: set \[mail\] host to the name"),
        ("localhost", {"days": -1}, "not valid now .*do: check this machine's clock"),
    ],
    ids=["another name", "expired"],
)
def test_a_certificate_that_does_not_fit(run, trusted, host, given, words):
    with (
        open_relay(trusted(host, **given)) as relay,
        pytest.raises(CommandError, match=f"(?s){words}") as failed,
    ):
        run(relay.port, WITH_LOGIN)
    assert failed.value.code == Exit.FAILED
    assert (relay.arrived, relay.logins) == ([], [])


def test_an_unknown_authority(run, tmp_path):
    certificate, _ = issued_in(tmp_path)
    with (
        open_relay(certificate) as relay,
        pytest.raises(
            CommandError, match=r"(?s)does not trust .*do: install the certificate of its authority"
        ),
    ):
        run(relay.port, WITH_LOGIN)
    assert (relay.arrived, relay.logins) == ([], [])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('security = "starttls"', r"offers no STARTTLS.*do: set \[mail\] port = 587"),
        ('security = "tls"', "(speaks no TLS at this port|does not answer).*465"),
    ],
)
def test_settings_that_the_relay_does_not_fit(run, lines, words):
    with open_relay() as relay, pytest.raises(CommandError, match=f"(?s){words}"):
        run(relay.port, lines, "timeout_s = 1")
    assert (relay.arrived, relay.logins) == ([], [])


def test_no_password_leaves_unencrypted_where_the_relay_wants_encryption(run, trusted):
    with (
        open_relay(trusted()) as relay,
        pytest.raises(CommandError, match=r"(?s)offers no login.*do: set .*starttls"),
    ):
        run(relay.port, 'username = "urja"')
    assert (relay.arrived, relay.logins) == ([], [])


def test_a_wrong_password(run, trusted):
    with (
        open_relay(trusted()) as relay,
        pytest.raises(CommandError, match="refuses the login urja: 535") as failed,
    ):
        run(relay.port, WITH_LOGIN, password="guessed")
    assert "mail_password" in str(failed.value)
    assert "guessed" not in str(failed.value)
    assert failed.value.code == Exit.FAILED


@pytest.mark.parametrize(
    ("answer", "at", "words"),
    [
        (
            "553 not yours",
            "MAIL",
            r"refuses the sender urja@neem.example: 553 not yours.*do: set \[mail\] sender",
        ),
        (
            "550 no such mailbox",
            "RCPT",
            f"refuses the recipient {TO}: 550 no such mailbox.*do: check the address",
        ),
        ("451 greylisted", "RCPT", "451 greylisted.*do: the answer is a temporary one: try again"),
        ("554 spam", "DATA", "refuses the message: 554 spam.*do: its answer says why"),
    ],
)
def test_what_the_relay_refuses(run, answer, at, words):
    with open_relay() as relay:
        relay.refusal, relay.at = answer, at
        with pytest.raises(CommandError, match=f"(?s){words}") as failed:
            run(relay.port)
    assert failed.value.code == Exit.FAILED


# -- wrong use -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to", ["asha", "asha@", "a b@example.org", "asha@example.org\r\nBcc: x@example.org", "आशा@example.org"]
)
def test_what_is_no_address(run, to):
    with pytest.raises(CommandError, match="is not an e-mail address") as failed:
        run(25, to=to)
    assert failed.value.code == Exit.USAGE


def test_settings_that_are_missing(run, tmp_path, monkeypatch):
    with pytest.raises(CommandError, match="no password for the login urja"):
        run(25, WITH_LOGIN, password="")
    (tmp_path / "urja.toml").unlink()
    monkeypatch.setitem(os.environ, "URJA_MAIL_HOST", "localhost")
    done = CliRunner().invoke(mail, ["test", TO, "--data", str(tmp_path)])
    assert "[mail] sender not set" in str(done.exception)
