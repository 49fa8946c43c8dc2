"""Rotation of the key-encryption key during operation; it survives a crash at any step.

    both keys in the files ──▶ every key wrapped again ──▶ every entry of the projection ──▶ the new key alone

Each step finds its remaining work, so a run that was killed is started again. The head end reads its file again
(`urja.headend.reloading_key_store`); until the last step keys wrapped by either key are unwrapped everywhere.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from urja.base.keystore import KeyNotOpenedError
from urja.cosem.security import KekStore
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import write_private
from urja.site.supervisor.secrets import ADMIN_FILE, HEADEND_FILE, Vault, new_kek

if TYPE_CHECKING:
    from datetime import datetime

    from urja.apps.assets.wrapped_keys import Columns
    from urja.usecases.kinds.meters import Rewrapped

AT_ONCE: Final = 500
ACTOR: Final = "urja keys rotate-master"
_LOCK: Final = 0x75726A61
"""Advisory lock in the database: one rotation at a time."""


def begin(vault: Vault) -> Vault:
    """Write both keys to both files, the new key first.

    The head end's file decides: a rotation that was interrupted is continued from it, so it is written first here and
    last in `retire`.
    """
    headend = vault.headend
    new, old = (headend.kek, headend.retiring_kek) if headend.retiring_kek else (new_kek(), vault.admin.kek)
    _write(vault, HEADEND_FILE, msgspec.structs.replace(headend, kek=new, retiring_kek=old))
    _write(vault, ADMIN_FILE, msgspec.structs.replace(vault.admin, kek=new, retiring_kek=old))
    return Vault.open(vault.directory)


def retire(vault: Vault) -> None:
    """Write the new key alone to both files."""
    _write(vault, ADMIN_FILE, msgspec.structs.replace(vault.admin, retiring_kek=b""))
    _write(vault, HEADEND_FILE, msgspec.structs.replace(vault.headend, retiring_kek=b""))


def _write(vault: Vault, name: str, stored: msgspec.Struct) -> None:
    write_private(vault.directory / name, msgspec.json.encode(stored))


@dataclass(frozen=True, slots=True)
class Rotation:
    """One rotation, run as the owner of the tables."""

    vault: Vault
    now: Callable[[], "datetime"]
    wait_s: float = 120.0
    """Timeout for the projection to the head ends, in seconds."""

    def run(self, say: Callable[[str], None]) -> None:
        """Run all steps. Raises `CommandError` where another rotation runs, or the projection is not complete in time."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            if not cursor.fetchone()[0]:
                raise CommandError(
                    Exit.ALREADY_RUNNING,
                    "another command is changing the key-encryption key: wait for its end",
                )
            try:
                self._run(say)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])

    def _run(self, say: Callable[[str], None]) -> None:
        rotation = replace(self, vault=begin(self.vault))
        say("Both keys are in force.")
        say(f"{rotation.rewrap()} meters' keys are wrapped with the new key.")
        rotation.follow()
        rotation.retire()
        say("Only the new key is in force. Earlier backups need the secrets of their own time.")

    def rewrap(self) -> int:
        """Wrap all keys that the new key does not open; return the number of devices.

        Raises `CommandError` for a key that neither of the two opens.
        """
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
        """Return the last device id of the next batch (0 at the end), and its devices with keys under the old key."""
        from urja.apps.assets import wrapped_keys
        from urja.usecases.kinds.meters import Rewrapped

        held = wrapped_keys.lock_next(after, AT_ONCE)
        found = [
            Rewrapped(
                device_id=keys.device_id,
                own=dict(self._rewrapped(keys.device_id, keys.own)),
                new=dict(self._rewrapped(keys.device_id, keys.new)),
            )
            for keys in held
        ]
        return (held[-1].device_id if held else 0), [one for one in found if one.own or one.new]

    def _rewrapped(self, device_id: int, wrapped: "Columns") -> Iterator[tuple[str, bytes]]:
        """Yield the columns that the new key does not open, wrapped with it.

        Raises `CommandError` where the old key does not open one either.
        """
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
                    f"{column} of device {device_id} cannot be unwrapped with either key: load it again from its key file, then start "
                    "this again. Both keys stay in force until then",
                ) from None

    def follow(self) -> None:
        """Wait until the pipeline has sent all keys to the head ends. Raises `CommandError` after the timeout."""
        from urja.apps.assets.queries import count_due_entries

        end_s = time.monotonic() + self.wait_s
        while left := count_due_entries():
            if time.monotonic() >= end_s:
                raise CommandError(
                    Exit.UNAVAILABLE,
                    f"{left} meters are not sent to the head ends yet: check that the pipeline runs (urja status), then "
                    "start this again. Both keys stay in force until then",
                )
            time.sleep(0.2)

    def retire(self) -> None:
        """Check every key a last time, with writes locked, and retire the old key.

        Raises CommandError where a key was stored under the old key meanwhile; both then stay in force.
        """
        from django.db import transaction

        from urja.apps.assets import wrapped_keys

        new = KekStore(self.vault.admin.kek)
        with transaction.atomic():
            if not all(opens(new, key) for key in wrapped_keys.lock_all()):
                raise CommandError(
                    Exit.FAILED,
                    "new keys were stored under the old key meanwhile: start this again. Both keys stay in force",
                )
            retire(self.vault)


def opens(store: KekStore, wrapped: bytes) -> bool:
    """Return whether a store unwraps a key."""
    try:
        store.unwrap(wrapped)
    except KeyNotOpenedError:
        return False
    return True
