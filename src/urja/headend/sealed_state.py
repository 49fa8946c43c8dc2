"""State that the head ends of an installation share in the broker's store, sealed so that only they can have written
it.

The broker's permissions do not protect it: the server publishes its answers, an acknowledgement as well as a stored
value, to the reply subject that a client names, so that every user of the broker can overwrite every key. A seal
(HMAC-SHA256, RFC 2104) is made with a key derived from the key-encryption key, which the pipeline does not have. It
covers the name of the value, so that one value does not pass for another.
"""

import hmac
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from urja.stream.broker import Broker
from urja.stream.errors import PoisonMessageError
from urja.stream.subjects import ORDERS

_PURPOSE: Final = b"urja head end state 1"
_SEAL_BYTES: Final = 32


class Seal:
    """Seals values by their names, and opens sealed values."""

    def __init__(self, kek: bytes) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(kek)

    def close(self, name: str, value: bytes) -> bytes:
        """The value with its seal of 32 bytes in front."""
        return self._mac(name, value) + value

    def open(self, name: str, sealed: bytes, revision: int = 0) -> bytes:
        """The value without its seal of 32 bytes. Raises UnsealedError where no head end has sealed it under this
        name.
        """
        value = sealed[_SEAL_BYTES:]
        if not hmac.compare_digest(sealed[:_SEAL_BYTES], self._mac(name, value)):
            raise UnsealedError(name, revision)
        return value

    def tag(self, name: str, value: bytes) -> bytes:
        """A tag that only head ends can make, for a value that is stored elsewhere."""
        return self._mac(name, value)

    def _mac(self, name: str, value: bytes) -> bytes:
        return hmac.digest(self._key, name.encode() + b"\0" + value, "sha256")


class SealedState:
    """Sealed values in the broker's bucket `orders`."""

    def __init__(self, broker: Broker, seal: Seal) -> None:
        self._broker = broker
        self._seal = seal

    async def get(self, name: str) -> tuple[bytes | None, int]:
        """`(value, revision)`; `(None, 0)` where there has never been a value. Raises UnsealedError for a wrong seal,
        and StreamError.
        """
        sealed, revision = await self._broker.get(ORDERS, name)
        if sealed is None:
            return None, 0
        return self._seal.open(f"orders/{name}", sealed, revision), revision

    async def put(self, name: str, value: bytes, revision: int) -> int:
        """Write a value whose revision is still `revision`; return the new revision. Raises RevisionConflictError
        where it is not.
        """
        return await self._broker.put(ORDERS, name, self._seal.close(f"orders/{name}", value), revision)


class UnsealedError(PoisonMessageError):
    """A value that no head end has written; `revision` is the one to give when it is replaced."""

    def __init__(self, name: str, revision: int) -> None:
        super().__init__(f"the head ends' state {name} in the broker was not written by a head end")
        self.revision = revision
