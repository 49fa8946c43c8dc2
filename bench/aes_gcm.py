"""CPU seconds of AES-GCM alone for ciphered pushes: the lower bound of any decoder of these frames.

`cryptography` opens no tag of 12 bytes, so each push is two calls: one for the plaintext, one for the tag. Ciphers,
nonces and headers are made before the clock starts; frames are taken meter by meter within a batch, as Urja takes them.
"""

import itertools
import time
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_TITLE = slice(2, 10)
_TAG_LENGTH = 12
_GCM_TAG_LENGTH = 16


class Ciphers:
    """The ciphers of a fleet, created once, as a decoder caches them."""

    def __init__(self, keys: Mapping[bytes, tuple[bytes, bytes]]) -> None:
        """`keys`: encryption and authentication key by system title."""
        self._of = {title: (AESGCM(guek).encrypt, gak) for title, (guek, gak) in keys.items()}

    def cpu_s(self, apdus: Iterable[bytes], batch: int) -> float:
        """Return the seconds to decipher and authenticate general-glo-ciphering APDUs under security control 0x30."""
        spent_s = 0.0
        for frames in itertools.batched(apdus, batch):
            calls = [self._call(apdu) for apdu in sorted(frames, key=lambda apdu: apdu[_TITLE])]
            begun_s = time.process_time()
            for encrypt, nonce, text, header in calls:
                encrypt(nonce, encrypt(nonce, text, None)[:-_GCM_TAG_LENGTH], header)
            spent_s += time.process_time() - begun_s
        return spent_s

    def _call(self, apdu: bytes):
        title = apdu[_TITLE]
        at = 11 if apdu[10] < 0x80 else 11 + (apdu[10] & 0x7F)
        encrypt, gak = self._of[title]
        control, counter, text = apdu[at : at + 1], apdu[at + 1 : at + 5], apdu[at + 5 : -_TAG_LENGTH]
        return encrypt, title + counter, text, control + gak
