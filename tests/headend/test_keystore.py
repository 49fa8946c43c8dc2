"""The head end unwraps meters' keys through the interface of a key store, wherever the key-encryption key is."""

import ast
from pathlib import Path

import urja
from urja.base.keystore import KeyNotOpenedError
from urja.headend.compiled_types import KnownTypes
from urja.headend.new_keys import KeyGenerator
from urja.headend.roster import Roster
from urja.headend.sealed_state import Seal
from urja.stream.messages import DeviceEntry

TITLE = b"URJ00001"


class Vault:
    """A key store that hands out handles and keeps the keys."""

    def __init__(self):
        self.kept = {}

    def wrap(self, key):
        handle = f"handle {len(self.kept)}".encode()
        self.kept[handle] = key
        return handle

    def unwrap(self, wrapped):
        if wrapped not in self.kept:
            raise KeyNotOpenedError("unknown handle")
        return self.kept[wrapped]


def entry(guek, gak):
    return DeviceEntry(
        device_id=1, bucket=7, system_title=TITLE, serial="URJ00000001", device_type="urja-d1", wrapped_guek=guek,
        wrapped_gak=gak, address=None, transformer=None, active=True,
    )  # fmt: skip


def test_another_store_opens_them():
    vault = Vault()
    roster = Roster(vault, KeyGenerator(vault, Seal(bytes(16))), KnownTypes(b""))
    roster.apply(TITLE.hex(), entry(vault.wrap(bytes(16)), vault.wrap(bytes(range(16)))))
    keys = roster.meters[TITLE].keys
    assert (keys.guek, keys.gak) == (bytes(16), bytes(range(16)))


def test_a_key_that_does_not_open_makes_the_meter_unusable():
    vault = Vault()
    roster = Roster(vault, KeyGenerator(vault, Seal(bytes(16))), KnownTypes(b""))
    roster.apply(TITLE.hex(), entry(vault.wrap(bytes(16)), b"of another"))
    assert roster.unusable == {TITLE: "unknown handle"}
    assert not roster.meters


def test_there_is_no_second_way():
    """Only the store itself wraps and opens with the wrapping key."""
    source = Path(urja.__file__).parent
    users = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Name | ast.Attribute)
        and getattr(node, "id", getattr(node, "attr", "")) in {"wrap_key", "unwrap_key"}
    }
    assert users == {"cosem/security.py"}
