"""New keys for meters: generated here, where the key-encryption key is, and used only for the meter they were made
for.

The pipeline stores the wrapped keys and gives them back with the projection; it cannot unwrap them. Wrapped keys do
not say which meter they belong to, and the pipeline could give one meter's keys to another, or keys that an attacker
knows. So new keys carry a seal over the meter's system title, the number of the order that made them, and the keys
themselves.
"""

import hmac
import secrets
from typing import Final

from urja.base.keystore import KeyNotOpenedError, KeyStore
from urja.cosem.security import KEY_LENGTH, SuiteKeys
from urja.headend.sealed_state import Seal
from urja.stream.messages import NextKeys

_KEY: Final = KEY_LENGTH


class KeyGenerator:
    """Generates key pairs, and unwraps those that a head end of this installation has made."""

    def __init__(self, store: KeyStore, seal: Seal) -> None:
        self.store = store
        self._seal = seal

    def make(self, title: bytes, number: int, *, with_secret: bool = False) -> NextKeys:
        """Generate a pair of 16-byte keys for one meter, wrapped and sealed, and an HLS secret where it has one.
        `number` is the order's.
        """
        guek, gak = secrets.token_bytes(_KEY), secrets.token_bytes(_KEY)
        secret = secrets.token_bytes(_KEY) if with_secret else None
        return NextKeys(
            number=number,
            wrapped_guek=self.store.wrap(guek),
            wrapped_gak=self.store.wrap(gak),
            wrapped_hls_secret=None if secret is None else self.store.wrap(secret),
            seal=self._tag(title, number, guek, gak, secret),
        )

    def open(self, title: bytes, made: NextKeys) -> tuple[SuiteKeys, bytes | None]:
        """Unwrap the key pair and the HLS secret. Raises KeyNotOpenedError where no head end made them for this
        meter.
        """
        guek, gak = self.store.unwrap(made.wrapped_guek), self.store.unwrap(made.wrapped_gak)
        secret = None if made.wrapped_hls_secret is None else self.store.unwrap(made.wrapped_hls_secret)
        if not hmac.compare_digest(made.seal, self._tag(title, made.number, guek, gak, secret)):
            raise KeyNotOpenedError("no head end has made these keys for this meter")
        return SuiteKeys(guek, gak), secret

    def _tag(self, title: bytes, number: int, guek: bytes, gak: bytes, secret: bytes | None) -> bytes:
        # Over the keys, not their wrapped form, because the key-encryption key may be rotated meanwhile. All keys have one
        # length, so that concatenation is unambiguous.
        return self._seal.tag(f"keys/{title.hex()}/{number}", guek + gak + (secret or b""))
