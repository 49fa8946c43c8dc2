"""Wrapping and unwrapping of meters' keys: one small interface, so that the storage of the wrapping key can be
exchanged.

The first implementation stores it in a file of DATA/secrets (`urja.cosem.security.KekStore`); a hardware module would
be another. Imports, exports, commands on the machine and the head end use this interface only.
"""

from typing import Protocol


class KeyNotOpenedError(Exception):
    """The store cannot unwrap this key: another key has wrapped it, or it is damaged."""


class KeyStore(Protocol):
    """Wraps keys for storage in a database, and unwraps them for a session with the meter."""

    def wrap(self, key: bytes) -> bytes:
        """Return the key wrapped. The same key gives the same bytes."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return the key. Raises KeyNotOpenedError."""
        ...
