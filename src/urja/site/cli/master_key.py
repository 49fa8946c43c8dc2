"""Changing the key-encryption key of the store, while everything works on and whatever dies in between.

    both keys in the files ──▶ every key wrapped anew ──▶ every entry of the projection ──▶ the new key alone

Each step finds what is left to do, so a run that was killed is simply started again. The head end reads its file anew
(`urja.headend.reloading_key_store`); until the last step what either key has wrapped opens everywhere.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from urja.base.keystore import KeyNotOpenedError
from urja.cosem.security import KekStore
from urja.site.data_directory import write_private
from urja.site.exits import CommandError, Exit
from urja.site.supervisor.secrets import ADMIN_FILE, HEADEND_FILE, Vault, new_kek

if TYPE_CHECKING:
    from datetime import datetime

    from urja.apps.assets.wrapped_keys import Columns
    from urja.usecases.kinds.meters import Rewrapped

AT_ONCE: Final = 500
ACTOR: Final = "urja keys rotate-master"
_LOCK: Final = 0x75726A61
"""Of one change at a time, in the database."""


def begin(vault: Vault) -> Vault:
    """Both keys in both files, the new one first. What the head end's file says goes on: it is written first, and last."""
    headend = vault.headend
    new, old = (headend.kek, headend.retiring_kek) if headend.retiring_kek else (new_kek(), vault.admin.kek)
    _write(vault, HEADEND_FILE, msgspec.structs.replace(headend, kek=new, retiring_kek=old))
    _write(vault, ADMIN_FILE, msgspec.structs.replace(vault.admin, kek=new, retiring_kek=old))
    return Vault.open(vault.directory)


def retire(vault: Vault) -> None:
    """The new key alone, in both files."""
    _write(vault, ADMIN_FILE, msgspec.structs.replace(vault.admin, retiring_kek=b""))
    _write(vault, HEADEND_FILE, msgspec.structs.replace(vault.headend, retiring_kek=b""))


def _write(vault: Vault, name: str, stored: msgspec.Struct) -> None:
    write_private(vault.directory / name, msgspec.json.encode(stored))


@dataclass(frozen=True, slots=True)
class Rotation:
    """One change, as the owner of the tables."""

    vault: Vault
    now: Callable[[], "datetime"]
    wait_s: float = 120.0
    """How long it is waited for the projection to follow."""

    def run(self, say: Callable[[str], None]) -> None:
        """All of it; raises CommandError where another run is under way, or the projection does not follow in time."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            if not cursor.fetchone()[0]:
                raise CommandError(
                    Exit.ALREADY_RUNNING, "the key-encryption key is being changed by another command"
                )
            try:
                self._run(say)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])

    def _run(self, say: Callable[[str], None]) -> None:
        rotation = replace(self, vault=begin(self.vault))
        say("Both keys are in force.")
        say(f"{rotation.rewrap()} meters' keys are wrapped anew.")
        rotation.follow()
        rotation.retire()
        say("The new key is in force alone. Backups made before need the secrets that they were made with.")

    def rewrap(self) -> int:
        """Wrap anew what the new key does not open; how many devices that was. Raises CommandError for what neither opens."""
        from django.db import transaction

        from urja.usecases.key_rewrapping import RewrapKeys
        from urja.usecases.operations import perform

        count, after = 0, 0
        while True:
            with transaction.atomic():
                after, found = self._next(after)
                if found:
                    perform(RewrapKeys(devices=tuple(found)), recorded_at=self.now(), actor=ACTOR)
            count += len(found)
            if not after:
                return count

    def _next(self, after: int) -> tuple[int, "list[Rewrapped]"]:
        """The last device of the next bundle (0 at the end), and those of it whose keys are not under the new key."""
        from urja.apps.assets import wrapped_keys
        from urja.usecases.kinds.meters import Rewrapped

        held = wrapped_keys.lock_next(after, AT_ONCE)
        found = [
            Rewrapped(
                device_id=keys.device_id,
                own=dict(self._anew(keys.device_id, keys.own)),
                new=dict(self._anew(keys.device_id, keys.new)),
            )
            for keys in held
        ]
        return (held[-1].device_id if held else 0), [one for one in found if one.own or one.new]

    def _anew(self, device_id: int, wrapped: "Columns") -> Iterator[tuple[str, bytes]]:
        """The columns that the new key does not open, wrapped with it; raises CommandError where the old one does not either."""
        new, both = (
            KekStore(self.vault.admin.kek),
            KekStore(self.vault.admin.kek, self.vault.admin.retiring_kek),
        )
        for column, value in wrapped.items():
            if opens(new, value):
                continue
            try:
                yield column, new.wrap(both.unwrap(value))
            except KeyNotOpenedError:
                raise CommandError(
                    Exit.FAILED,
                    f"{column} of device {device_id} opens with neither key: load it anew with its file of keys, then start "
                    "this again. Both keys stay in force until then",
                ) from None

    def follow(self) -> None:
        """Wait until the pipeline has brought everything to the head ends; raises CommandError where it does not in time."""
        from urja.apps.assets.queries import count_due_entries

        end_s = time.monotonic() + self.wait_s
        while left := count_due_entries():
            if time.monotonic() >= end_s:
                raise CommandError(
                    Exit.UNAVAILABLE,
                    f"{left} meters wait to be brought to the head ends: see that the pipeline runs (urja status), then "
                    "start this again. Both keys stay in force until then",
                )
            time.sleep(0.2)

    def retire(self) -> None:
        """The last look at every key, with all who write held off, and the old key's end."""
        from django.db import transaction

        from urja.apps.assets import wrapped_keys

        new = KekStore(self.vault.admin.kek)
        with transaction.atomic():
            if not all(opens(new, key) for key in wrapped_keys.lock_all()):
                raise CommandError(
                    Exit.FAILED,
                    "keys came meanwhile that the old key has wrapped: start this again. Both keys stay in force",
                )
            retire(self.vault)


def opens(store: KekStore, wrapped: bytes) -> bool:
    """Whether a store opens a key."""
    try:
        store.unwrap(wrapped)
    except KeyNotOpenedError:
        return False
    return True
