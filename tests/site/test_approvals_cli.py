"""`urja passkey` and `urja approvals`, over a database of the test's own."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.apps.approvals.office import MONEY, NOW, Person, authenticator, home, move_in, work

from urja.base.settings import Settings
from urja.core.approvals import bundled_thresholds
from urja.site.admin import Administration
from urja.site.cli.approvals import approvals
from urja.site.cli.passkey import passkey
from urja.site.command_errors import CommandError


@pytest.fixture
def installation(database, monkeypatch):
    clock = SimpleNamespace(now=lambda: NOW)
    installation = SimpleNamespace(setup_django=lambda: None, clock=clock, settings=Settings())
    monkeypatch.setattr(Administration, "of", lambda _data: installation)
    return installation


def run(command, *arguments, exit_code=0):
    done = CliRunner().invoke(command, [str(one) for one in arguments])
    if isinstance(done.exception, CommandError):
        raise done.exception
    assert done.exit_code == exit_code, done.output
    return done.stdout


def test_a_passkey_comes_by_a_code_and_goes(installation):
    from urja.apps.approvals import passkeys, requests

    anita = Person("anita", enrolled=False)
    assert run(passkey, "list").startswith("There are no passkeys")
    code = run(passkey, "invite", "anita@urja.example").strip()
    assert len(code) == 29
    phone = authenticator()
    challenge = passkeys.enrolment_challenge(passkeys.code_hash(code), anita.id)
    requests.enrol(anita.id, "my telephone", phone.register(challenge), now=NOW)
    work()
    (row,) = json.loads(run(passkey, "list", "--json"))["passkeys"]
    assert (row["email"], row["name"], row["revoked_at"]) == ("anita@urja.example", "my telephone", None)
    assert row["fingerprint"] in run(passkey, "list")
    assert "is revoked" in run(passkey, "revoke", row["id"])
    assert run(passkey, "list").startswith("There are no passkeys")
    assert "revoked 2026-03-03" in run(passkey, "list", "--all")
    with pytest.raises(CommandError, match="was revoked on 2026-03-03"):
        run(passkey, "revoke", row["id"])
    with pytest.raises(CommandError, match="there is no passkey 99"):
        run(passkey, "revoke", 99)


def test_only_who_works_here_is_invited(installation):
    home()
    with pytest.raises(CommandError, match=r"person1@example\.org is not a staff member"):
        run(passkey, "invite", "person1@example.org")


def test_thresholds_are_checked_loaded_and_shown(installation, tmp_path):
    assert run(approvals, "show") == bundled_thresholds()
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(bundled_thresholds().replace("default-1", "ours-1").replace('"10000"', '"500"'))
    bad.write_text(good.read_text().replace("expires_hours = 72", ""))
    assert "valid: ours-1 from 2026-01-01" in run(approvals, "check", good)
    assert "waiting.expires_hours: is missing" in run(approvals, "check", bad, exit_code=2)
    with pytest.raises(CommandError, match="expires_hours: is missing"):
        run(approvals, "load", bad)
    assert run(approvals, "load", good) == run(approvals, "load", good)
    assert run(approvals, "show") == good.read_text()
    good.write_text(good.read_text().replace('"500"', '"501"'))
    with pytest.raises(CommandError, match="thresholds ours-1 are stored with another text"):
        run(approvals, "load", good)


def test_a_document_to_come_is_not_in_force_yet(installation, tmp_path):
    later = tmp_path / "later.toml"
    later.write_text(bundled_thresholds().replace("default-1", "l-1").replace("2026-01-01", "2026-04-01"))
    run(approvals, "load", later)
    assert run(approvals, "show") == bundled_thresholds()
    installation.clock.now = lambda: NOW + timedelta(days=40)
    assert run(approvals, "show") == later.read_text()


def test_what_waits_is_listed_with_its_content(installation):
    assert run(approvals, "waiting") == "No request waits for approval.\n"
    home()
    anita = Person("anita")
    request = anita.ask(move_in(credit_minor=MONEY))
    work()
    (row,) = json.loads(run(approvals, "waiting", "--json"))["waiting"]
    assert (row["request"], row["state"], row["content"]["credit_minor"]) == (request.pk, "waiting", MONEY)
    assert "your manual amounts today come to 10000.00" in run(approvals, "waiting")
