"""`urja approver`: passkeys of the staff become the head end's own, after a look at their fingerprints."""

import json

import pytest
from click.testing import CliRunner
from tests.apps.approvals.office import ORIGIN, Person
from tests.site.test_approvals_cli import installation  # noqa: F401 - a fixture

from urja.base.approvers import read_approvers
from urja.site.cli.approver import approver
from urja.site.command_errors import CommandError


@pytest.fixture
def run(installation, tmp_path):  # noqa: F811
    (tmp_path / "secrets").mkdir()

    def call(*arguments, answer="", exit_code=0):
        done = CliRunner().invoke(approver, [*arguments, "--data", str(tmp_path)], input=answer)
        if isinstance(done.exception, CommandError):
            raise done.exception
        assert done.exit_code == exit_code, done.output
        return done.stdout

    call.file = tmp_path / "secrets" / "approvers.json"
    return call


def test_two_people_are_installed_listed_and_removed(run):
    anita, bharat = Person("anita"), Person("bharat")
    told = run("install", "anita@urja.example", answer="y\n")
    assert "fingerprint" in told
    assert "one person is installed: a release counts after headend.release_delay_s" in told
    assert "2 persons are installed: any two" in run("install", "Bharat@urja.example", "--yes")
    installed = read_approvers(run.file)
    assert {one.person: one.credential_id for one in installed} == {
        "anita@urja.example": anita.passkey.id,
        "bharat@urja.example": bharat.passkey.id,
    }
    assert {(one.public_key, one.rp_id) for one in installed} == {
        (person.passkey.public_key, "localhost") for person in (anita, bharat)
    }
    assert run.file.stat().st_mode & 0o777 == 0o600
    rows = json.loads(run("list", "--json"))["approvers"]
    assert [row["person"] for row in rows] == ["anita@urja.example", "bharat@urja.example"]
    assert rows[0]["fingerprint"] in run("list")
    assert ORIGIN in rows[0]["origin"]
    # Installed again, a person is there once.
    run("install", "anita@urja.example", "--yes")
    assert len(read_approvers(run.file)) == 2
    assert "one person is installed" in run("remove", "anita@urja.example")
    assert "no release is possible" in run("remove", "bharat@urja.example")


def test_an_unconfirmed_fingerprint_is_not_installed(run):
    Person("anita")
    run("install", "anita@urja.example", answer="n\n", exit_code=1)
    assert read_approvers(run.file) == []


def test_who_cannot_be_installed_is_said(run):
    Person("anita", enrolled=False)
    with pytest.raises(
        CommandError, match=r"anita@urja\.example has no passkey: print a code with urja passkey"
    ):
        run("install", "anita@urja.example", "--yes")
    with pytest.raises(CommandError, match=r"bharat@urja\.example is not installed"):
        run("remove", "bharat@urja.example")
    run.file.write_text("{")
    with pytest.raises(CommandError, match="cannot be read"):
        run("list")
