"""Secrets are made once, kept private, given to one process and never shown."""

import stat

import msgspec
import pytest

from urja.base.configuration import load
from urja.site.command_errors import CommandError
from urja.site.supervisor.process import Start, start_payload
from urja.site.supervisor.secrets import Vault

SETTINGS = load(None, {})


@pytest.fixture
def vault(tmp_path):
    return Vault.open(tmp_path)


def test_they_are_made_once_and_kept_private(tmp_path, vault):
    assert Vault.open(tmp_path) == vault
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [
        "admin.json", "headend.json", "pipeline.json", "services.json", "web.json",
    ]  # fmt: skip
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert len(vault.admin.kek) == 16
    assert len({*vault.role_passwords().values(), *vault.broker_passwords().values()}) == 6


def test_each_process_gets_its_own_and_no_more(tmp_path, vault):
    told = {
        "headend": msgspec.json.encode(vault.for_headend(SETTINGS)),
        "pipeline": msgspec.json.encode(vault.for_pipeline(SETTINGS, tmp_path)),
        "web": msgspec.json.encode(vault.for_web(SETTINGS, tmp_path)),
    }
    closing = msgspec.json.encode(vault.for_closing(SETTINGS, tmp_path, 9103))
    assert msgspec.json.decode(closing).keys() == {"database", "status_port"}
    assert vault.for_pipeline(SETTINGS, tmp_path).database.encode() in closing
    kek = msgspec.json.encode(vault.admin.kek).strip(b'"')
    assert [name for name, words in told.items() if kek in words] == ["headend"]
    assert b"urja_" not in told["headend"], "the head end has no database role"
    for name, words in told.items():
        for other, password in {**vault.role_passwords(), **vault.broker_passwords()}.items():
            assert (password.encode() in words) == (other in {name, f"urja_{name}"}), (name, other)


def test_no_representation_shows_a_value(tmp_path, vault):
    start = msgspec.json.decode(start_payload(SETTINGS, vault.for_headend(SETTINGS), tmp_path), type=Start)
    shown = repr([vault, vault.for_headend(SETTINGS), vault.for_admin(SETTINGS, tmp_path), start])
    for password in (*vault.role_passwords().values(), *vault.broker_passwords().values()):
        assert password not in shown
    assert repr(vault.admin.kek) not in shown


def test_a_dsn_elsewhere_carries_each_roles_own_login(tmp_path, vault):
    settings = load(None, {"URJA_DATABASE_DSN": "postgresql://boss:root@db.example:5433/postgres"})
    web = vault.for_web(settings, tmp_path).database
    assert "host=db.example" in web
    assert "user=urja_web" in web
    assert "root" not in web


def test_a_damaged_file_is_named_without_its_content(tmp_path, vault):
    (tmp_path / "admin.json").write_text('{"kek": 5, "broker_password": "hunter2"}')
    with pytest.raises(CommandError, match=r"admin\.json is damaged") as refused:
        Vault.open(tmp_path)
    assert "hunter2" not in str(refused.value)


def test_a_field_of_a_later_version_is_made_and_kept(tmp_path, vault):
    path = tmp_path / "pipeline.json"
    kept = msgspec.json.decode(path.read_bytes())
    del kept["roots_key"]
    path.write_bytes(msgspec.json.encode(kept))
    again = Vault.open(tmp_path)
    assert again.pipeline.signing_key == vault.pipeline.signing_key
    assert Vault.open(tmp_path).pipeline.roots_key == again.pipeline.roots_key
