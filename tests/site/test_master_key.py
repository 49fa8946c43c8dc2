"""The key-encryption key is changed while everything works on; killed anywhere, it is started again and comes to an end."""

import datetime as dt
from types import SimpleNamespace

import msgspec
import pytest
from tests.apps.town import START, adopt
from tests.headend.test_key_change import MAKER

from urja.base.keystore import KeyNotOpenedError
from urja.cosem.security import KekStore
from urja.headend.reloading_key_store import ReloadingKeyStore
from urja.site.cli import master_key
from urja.site.cli.master_key import Rotation
from urja.site.command_errors import CommandError
from urja.site.supervisor.secrets import Vault

NOON = START + dt.timedelta(hours=12)
GUEK, GAK, MASTER = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))


@pytest.fixture
def vault(tmp_path):
    return Vault.open(tmp_path)


@pytest.fixture
def town(database, vault):
    """Five meters, the first with keys that it is being given."""
    from urja.apps.assets.models import NewKeys

    keys = KekStore(vault.admin.kek)
    homes = [
        adopt(
            number,
            wrapped_guek=keys.wrap(GUEK),
            wrapped_gak=keys.wrap(GAK),
            wrapped_master=keys.wrap(MASTER) if number == 1 else None,
        )
        for number in range(1, 6)
    ]
    NewKeys.objects.create(
        device_id=homes[0].device_id,
        number=7,
        wrapped_guek=keys.wrap(GAK),
        wrapped_gak=keys.wrap(GUEK),
        seal=MAKER.make(b"", 7).seal,
        made_at=START,
    )
    projected()


def projected():
    from urja.apps.assets.models import Projection

    Projection.objects.update(projected_version=100, version=100)


@pytest.fixture
def rotate(town, vault, monkeypatch):
    """Run it, with a pipeline that projects what changes."""
    monkeypatch.setattr(master_key, "AT_ONCE", 2)
    monkeypatch.setattr(master_key.time, "sleep", lambda _s: projected())

    def run(**more):
        Rotation(Vault.open(vault.directory), lambda: NOON, **more).run(lambda _words: None)

    return run


def opened_by(kek):
    """What is stored, opened with one key alone; raises KeyNotOpenedError."""
    from urja.apps.assets.models import Device, NewKeys

    store = KekStore(kek)
    rows = [*Device.objects.order_by("id"), *NewKeys.objects.all()]
    return [
        [
            store.unwrap(bytes(value))
            for name, value in vars(row).items()
            if name.startswith("wrapped_") and value
        ]
        for row in rows
    ]


ALL_KEYS = [[GUEK, GAK, MASTER], *4 * [[GUEK, GAK]], [GAK, GUEK]]


def test_every_key_is_wrapped_again_and_the_old_one_retired(rotate, vault):
    from urja.apps.journal.models import AuditEntry

    rotate()
    after = Vault.open(vault.directory)
    assert after.admin.kek == after.headend.kek != vault.admin.kek
    assert (after.admin.retiring_kek, after.headend.retiring_kek) == (b"", b"")
    assert opened_by(after.admin.kek) == ALL_KEYS
    with pytest.raises(KeyNotOpenedError):
        opened_by(vault.admin.kek)
    entries = AuditEntry.objects.filter(kind="rewrap_keys")
    assert [entry.content for entry in entries.order_by("id")] == [
        {"devices": 2},
        {"devices": 2},
        {"devices": 1},
    ]


def test_what_the_head_ends_state_is_sealed_with_does_not_change(rotate, vault):
    rotate()
    assert Vault.open(vault.directory).headend.seal_key == vault.headend.seal_key


def test_an_older_installation_goes_on_with_the_seal_that_it_had(tmp_path, vault):
    path = tmp_path / "headend.json"
    stored = msgspec.json.decode(path.read_bytes())
    del stored["seal_key"], stored["retiring_kek"]
    path.write_bytes(msgspec.json.encode(stored))
    assert Vault.open(tmp_path).headend.seal_key == vault.admin.kek


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("step", range(10))
def test_killed_anywhere_it_is_started_again_and_comes_to_an_end(rotate, vault, monkeypatch, step):
    """Each write, to a file or of a bundle, is the last thing that happens; everything opens with what is on the disk."""
    from urja.usecases import operations

    left = step
    real = {"write": master_key.write_private, "perform": operations.perform}

    def dying(name):
        def act(*arguments, **more):
            nonlocal left
            if left == 0:
                raise _KilledError
            left -= 1
            return real[name](*arguments, **more)

        return act

    monkeypatch.setattr(master_key, "write_private", dying("write"))
    monkeypatch.setattr(operations, "perform", dying("perform"))
    writes = 7
    if step < writes:
        with pytest.raises(_KilledError):
            rotate()
        now = Vault.open(vault.directory)
        for stored in (now.admin, now.headend):
            both = KekStore(stored.kek, stored.retiring_kek)
            follower = ReloadingKeyStore(KekStore(vault.admin.kek), vault.directory / "headend.json")
            for store in (both, follower):
                assert store.unwrap(store.wrap(GUEK)) == GUEK
        headend = ReloadingKeyStore(KekStore(vault.admin.kek), vault.directory / "headend.json")
        assert _opened(headend) == ALL_KEYS
    left = 10**6
    rotate()
    after = Vault.open(vault.directory)
    assert opened_by(after.admin.kek) == ALL_KEYS
    assert after.admin.kek == after.headend.kek != vault.admin.kek
    assert (after.admin.retiring_kek, after.headend.retiring_kek) == (b"", b"")


def _opened(store):
    from urja.apps.assets.models import Device, NewKeys

    rows = [*Device.objects.order_by("id"), *NewKeys.objects.all()]
    return [
        [
            store.unwrap(bytes(value))
            for name, value in vars(row).items()
            if name.startswith("wrapped_") and value
        ]
        for row in rows
    ]


def test_a_run_that_goes_on_takes_the_key_that_was_begun_with(rotate, vault, monkeypatch):
    monkeypatch.setattr(Rotation, "rewrap", _die)
    with pytest.raises(_KilledError):
        rotate()
    begun = Vault.open(vault.directory).admin.kek
    monkeypatch.undo()
    monkeypatch.setattr(master_key.time, "sleep", lambda _s: projected())
    Rotation(Vault.open(vault.directory), lambda: NOON).run(lambda _words: None)
    assert Vault.open(vault.directory).admin.kek == begun


def _die(_self):
    raise _KilledError


def test_both_keys_stay_while_the_projection_does_not_follow(rotate, vault, monkeypatch):
    monkeypatch.setattr(master_key.time, "sleep", lambda _s: None)
    with pytest.raises(CommandError, match="5 meters are not sent to the head ends yet"):
        rotate(wait_s=0.01)
    assert Vault.open(vault.directory).headend.retiring_kek == vault.admin.kek


def test_both_keys_stay_while_one_opens_with_neither(rotate, vault):
    adopt(9, wrapped_guek=KekStore(bytes(16)).wrap(GUEK))
    with pytest.raises(CommandError, match=r"wrapped_guek of device .* cannot be unwrapped with either key"):
        rotate()
    assert Vault.open(vault.directory).admin.retiring_kek == vault.admin.kek


def test_a_key_that_comes_at_the_last_moment_is_not_lost(rotate, vault, monkeypatch):
    follow = Rotation.follow

    def adopt_and_follow(self):
        adopt(
            9,
            wrapped_guek=KekStore(vault.admin.kek).wrap(GUEK),
            wrapped_gak=KekStore(vault.admin.kek).wrap(GAK),
        )
        follow(self)

    monkeypatch.setattr(Rotation, "follow", adopt_and_follow)
    with pytest.raises(CommandError, match="new keys were stored under the old key meanwhile"):
        rotate()
    monkeypatch.setattr(Rotation, "follow", follow)
    rotate()
    assert len(opened_by(Vault.open(vault.directory).admin.kek)) == 7


def test_every_wrapped_column_is_known_by_its_name():
    """A column of keys that is called otherwise would stay under the old key."""
    from django.apps import apps

    called = {
        (model.__name__, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name.startswith("wrapped_")
    }
    assert {name for name, _ in called} == {"Device", "NewKeys"}, (
        "RewrapKeys and the last look know these tables"
    )


def test_a_running_head_end_follows_the_file(vault):
    file = vault.directory / "headend.json"
    store = ReloadingKeyStore(KekStore(vault.headend.kek), file)
    wrapped = store.wrap(GUEK)
    begun = master_key.begin(vault)
    rewrapped = KekStore(begun.admin.kek).wrap(GUEK)
    assert (store.unwrap(rewrapped), store.unwrap(wrapped)) == (GUEK, GUEK)
    assert store.wrap(GUEK) == rewrapped
    master_key.retire(begun)
    store._checked_s = float("-inf")
    with pytest.raises(KeyNotOpenedError):
        store.unwrap(wrapped)
    file.write_text("{")
    store._checked_s = float("-inf")
    assert store.unwrap(rewrapped) == GUEK, "what it knows is good until it can be read"


def test_the_command_says_what_it_does(rotate, vault, monkeypatch):
    from click.testing import CliRunner

    from urja.site.admin import Administration
    from urja.site.cli.keys import keys

    installation = SimpleNamespace(
        setup_django=lambda: None,
        clock=SimpleNamespace(now=lambda: NOON),
        data=SimpleNamespace(secrets=vault.directory),
    )
    monkeypatch.setattr(Administration, "of", lambda _data: installation)
    told = CliRunner().invoke(keys, ["rotate-master"]).output
    assert "Both keys are in force." in told
    assert "5 meters' keys are wrapped with the new key." in told
    for kek in (vault.admin.kek, Vault.open(vault.directory).admin.kek):
        assert kek.hex() not in told
