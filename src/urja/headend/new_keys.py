"""New keys for meters: made here, where the wrapping key is, and installed only where they were made for that meter.

The pipeline stores what is made and gives it back with the projection; it cannot open it. Wrapped keys say nothing of
whose they are, and the pipeline could offer one meter's for another, or one that somebody knows. So new keys carry a seal
over the meter's system title, the order that they were made by, and the keys themselves.
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
    """Makes pairs of keys, and opens those that a head end of this installation has made."""

    def __init__(self, store: KeyStore, seal: Seal) -> None:
        self.store = store
        self._seal = seal

    def make(self, title: bytes, number: int, *, with_secret: bool = False) -> NextKeys:
        """A pair for one meter, wrapped and sealed, and an HLS secret where it has one; `number` is the order's that
        asks for it.
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
        """The pair and the secret; raises KeyNotOpenedError where no head end has made them for this meter."""
        guek, gak = self.store.unwrap(made.wrapped_guek), self.store.unwrap(made.wrapped_gak)
        secret = None if made.wrapped_hls_secret is None else self.store.unwrap(made.wrapped_hls_secret)
        if not hmac.compare_digest(made.seal, self._tag(title, made.number, guek, gak, secret)):
            raise KeyNotOpenedError("no head end has made these keys for this meter")
        return SuiteKeys(guek, gak), secret

    def _tag(self, title: bytes, number: int, guek: bytes, gak: bytes, secret: bytes | None) -> bytes:
        # Over the keys, not over their wrapped form: the wrapping key may be changed meanwhile. All have one length.
        return self._seal.tag(f"keys/{title.hex()}/{number}", guek + gak + (secret or b""))
