"""The key store of a running head end, which follows changes of the file that holds the key-encryption key (KEK).

The KEK is changed on the host (`urja keys rotate-master`) while the head end runs: first the file names both keys,
then the meters' keys arrive wrapped with the new one in the projection, then the file names the new key alone.
"""

import time
from pathlib import Path
from typing import Final

import msgspec
import structlog

from urja.base.json_files import UNREADABLE
from urja.base.keystore import KeyNotOpenedError
from urja.cosem.errors import CosemError
from urja.cosem.security import KekStore

log = structlog.get_logger()

_CHECK_AGAIN_S: Final = 0.5


class _Keys(msgspec.Struct, frozen=True):
    """The fields that are read from the head end's secrets."""

    kek: bytes
    retiring_kek: bytes = b""


class ReloadingKeyStore:
    """Wraps and unwraps keys with the KEK in the file; with `first` where there is no file."""

    def __init__(self, first: KekStore, file: Path | None) -> None:
        self._store = first
        self._file = file
        self._seen = 0
        self._checked_s = float("-inf")

    def wrap(self, key: bytes) -> bytes:
        """Wrap a key with the present KEK (RFC 3394): 8 bytes longer than the key."""
        return self._current().wrap(key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Unwrap a key (RFC 3394). Raises KeyNotOpenedError where no KEK in the file fits."""
        try:
            return self._current().unwrap(wrapped)
        except KeyNotOpenedError:
            # The file may have changed since it was last checked.
            self._checked_s = float("-inf")
            return self._current().unwrap(wrapped)

    def _current(self) -> KekStore:
        if self._file is None or time.monotonic() - self._checked_s < _CHECK_AGAIN_S:
            return self._store
        try:
            changed = self._file.stat().st_mtime_ns
            if changed != self._seen:
                read = msgspec.json.decode(self._file.read_bytes(), type=_Keys)
                self._store, self._seen = KekStore(read.kek, read.retiring_kek), changed
        except (OSError, CosemError, *UNREADABLE) as error:
            # The error's text would quote the file, so only its type is logged. The previous keys stay in use.
            log.warning("the file of the key-encryption key cannot be read", why=type(error).__name__)
        self._checked_s = time.monotonic()
        return self._store
