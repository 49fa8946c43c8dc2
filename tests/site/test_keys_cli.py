"""`urja keys`, over a database of the test's own."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.apps.town import START, adopt

from urja.base.settings import Settings
from urja.cosem.security import KekStore
from urja.headend.sealed_state import Seal
from urja.site.admin import Administration
from urja.site.cli.keys import keys
from urja.site.command_errors import CommandError
from urja.site.supervisor.secrets import Vault

NOON = START + timedelta(hours=12)


@pytest.fixture
def installation(database, monkeypatch):
    installation = SimpleNamespace(
        setup_django=lambda: None, clock=SimpleNamespace(now=lambda: NOON), settings=Settings()
    )
    monkeypatch.setattr(Administration, "of", lambda _data: installation)
    adopt(1, wrapped_master=bytes(24))
    adopt(2)


def run(*arguments, given=None):
    done = CliRunner().invoke(keys, arguments, input=given)
    if isinstance(done.exception, CommandError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_keys_are_asked_for_and_followed(installation):
    from urja.apps.assets.models import Device, NewKeys
    from urja.apps.meter_jobs.models import Task
    from urja.pipeline import meter_jobs

    told = run("change", "--meters", "-", "--reason", "yearly", given="URJ00000001\n\n")
    job = told.split()[1].rstrip(":")
    assert told == f"Job {job}: 1 meters.\n"
    assert "1 waiting. yearly (urja keys)" in run("status", job)
    meter_jobs.run_once(NOON, 1)
    shown = json.loads(run("status", job, "--json"))
    assert shown["meters"] == [{"meter": "URJ00000001", "state": "sent", "step": "make_keys", "detail": ""}]
    Task.objects.update(state="done", ended_at=NOON)
    assert "1 proven" in run("status")
    assert "yet to prove" not in run("status")
    made = {"wrapped_guek": bytes(24), "wrapped_gak": bytes(24), "seal": bytes(32), "made_at": NOON}
    NewKeys.objects.create(device=Device.objects.get(serial="URJ00000001"), number=7, **made)
    assert "1 meters have not used their new keys yet" in run("status")
    assert run("status", job, "--failed").count("\n") == 1


def test_what_cannot_be_given_keys_is_said(installation):
    with pytest.raises(CommandError, match="row 2: the meter's master key is not known"):
        run("change", "--meters", "-", "--reason", "x", given="URJ00000001\nURJ00000002\n")
    told = run(
        "change", "--meters", "-", "--reason", "x", "--good-rows-only", given="URJ00000001\nURJ00000002\n"
    )
    assert told.endswith("1 meters, 1 left out.\n")
    with pytest.raises(CommandError, match="one of the two"):
        run("change", "--reason", "x")
    with pytest.raises(CommandError, match="no change of keys has the number 5"):
        run("status", "5")


def test_keys_that_no_head_end_has_made_are_forgotten_and_others_stay(database, monkeypatch, tmp_path):
    from urja.apps.assets.models import Device, NewKeys
    from urja.headend.new_keys import KeyGenerator

    vault = Vault.open(tmp_path)
    store = KekStore(vault.admin.kek)
    installation = SimpleNamespace(
        setup_django=lambda: None, keys=store, seal_key=vault.headend.seal_key, settings=Settings()
    )
    monkeypatch.setattr(Administration, "of", lambda _data: installation)
    adopt(1, wrapped_guek=store.wrap(bytes(16)), wrapped_gak=store.wrap(bytes(16)))
    device = Device.objects.get()
    with pytest.raises(CommandError, match="has no pending change of keys"):
        run("forget", "URJ00000001")
    for maker, stays in ((Seal(vault.headend.seal_key), True), (Seal(bytes(16)), False)):
        made = KeyGenerator(store, maker).make(bytes(device.system_title), 7)
        names = ("number", "wrapped_guek", "wrapped_gak", "seal")
        NewKeys.objects.create(device=device, made_at=NOON, **{name: getattr(made, name) for name in names})
        if stays:
            with pytest.raises(CommandError, match="the meter may use them"):
                run("forget", "URJ00000001")
            NewKeys.objects.update(wrapped_guek=device.wrapped_guek, wrapped_gak=device.wrapped_gak)
            NewKeys.objects.all().delete()
        else:
            assert (
                run("forget", "URJ00000001") == "Cancelled: no head end has made these keys for this meter.\n"
            )
            assert not NewKeys.objects.exists()
