"""Where meters' keys are wrapped and opened: one small interface, so that what keeps the wrapping key can be exchanged.

The first one keeps it in a file of DATA/secrets (`urja.cosem.security.KekStore`); a hardware module would be another.
Imports and exports, the commands at the box and the head end wrap and open keys by this interface alone.
"""

from typing import Protocol


class KeyNotOpenedError(Exception):
    """The store does not open this key: another one has wrapped it, or it is damaged."""


class KeyStore(Protocol):
    """Wraps keys that may then lie in a database, and opens them for whoever talks to the meter."""

    def wrap(self, key: bytes) -> bytes:
        """The key in a form that shows nothing of it. The same key gives the same form."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key again; raises KeyNotOpenedError."""
        ...
