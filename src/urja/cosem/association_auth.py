"""Authentication mechanisms as data: how an end proves itself, and how the other checks it."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from urja.cosem import security
from urja.cosem.acse import Mechanism
from urja.cosem.errors import AuthenticationError, LocalError
from urja.cosem.security import SuiteKeys

MIN_CHALLENGE: Final = 8
MAX_CHALLENGE: Final = 64
"""Bytes of a challenge (IEC 62056-5-3, 5.2.2.2.3)."""


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """What goes into one answer to a challenge. The prover is the end that answers."""

    challenge: bytes
    """The challenge that is answered."""
    counter_challenge: bytes
    """The challenge that the prover gave itself."""
    prover_title: bytes
    verifier_title: bytes
    secret: bytes
    keys: SuiteKeys | None


@dataclass(frozen=True, slots=True)
class Scheme:
    """One mechanism.

    `prove(proof, counter)` gives the answer; `verify(proof, answer)` raises AuthenticationError or returns
    the invocation counter inside the answer, None where it has none.
    """

    mechanism: Mechanism
    password: bool = False
    """The secret travels in the AARQ (LLS)."""
    prove: Callable[[Proof, int], bytes] | None = None
    verify: Callable[[Proof, bytes], int | None] | None = None
    names_no_end: bool = False
    """The answer to a challenge is the same whoever gives it: one's own challenge must never be answered."""
    needs_keys: bool = False
    uses_counter: bool = False

    @property
    def challenges(self) -> bool:
        """Whether it takes passes 3 and 4 (HLS)."""
        return self.prove is not None


def _prove_gmac(proof: Proof, counter: int) -> bytes:
    return security.gmac_reply(_keys(proof), proof.prover_title, counter, proof.challenge)


def _verify_gmac(proof: Proof, answer: bytes) -> int:
    return security.verify_gmac_reply(_keys(proof), proof.prover_title, proof.challenge, answer)


_BLOCK: Final = 16


def _prove_aes(proof: Proof, _counter: int) -> bytes:
    """Mechanism 2 is the manufacturer's own; what Indian meters have in it is the challenge under AES-128."""
    if not 0 < len(proof.secret) <= _BLOCK:
        raise LocalError(f"mechanism 2 takes a secret of 1 to {_BLOCK} bytes, not {len(proof.secret)}")
    padded = proof.challenge + bytes(-len(proof.challenge) % _BLOCK)
    encryptor = Cipher(algorithms.AES(proof.secret.ljust(_BLOCK, b"\0")), modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(padded) + encryptor.finalize()


def _prove_md5(proof: Proof, _counter: int) -> bytes:
    return hashlib.md5(proof.challenge + proof.secret, usedforsecurity=False).digest()


def _prove_sha1(proof: Proof, _counter: int) -> bytes:
    return hashlib.sha1(proof.challenge + proof.secret, usedforsecurity=False).digest()


def _prove_sha256(proof: Proof, _counter: int) -> bytes:
    parts = (proof.secret, proof.prover_title, proof.verifier_title, proof.challenge, proof.counter_challenge)
    return hashlib.sha256(b"".join(parts)).digest()


def _by_computing_it(
    mechanism: Mechanism, prove: Callable[[Proof, int], bytes], *, names_no_end: bool = True
) -> Scheme:
    """A scheme whose answer both ends can compute."""

    def verify(proof: Proof, answer: bytes) -> None:
        if not hmac.compare_digest(prove(proof, 0), answer):
            raise AuthenticationError("the answer to the challenge is wrong")

    return Scheme(mechanism, prove=prove, verify=verify, names_no_end=names_no_end)


def _keys(proof: Proof) -> SuiteKeys:
    if proof.keys is None:
        raise LocalError("this mechanism needs keys, and none are given")
    return proof.keys


SCHEMES: Final[dict[Mechanism, Scheme]] = {
    scheme.mechanism: scheme
    for scheme in (
        Scheme(Mechanism.NONE),
        Scheme(Mechanism.LLS, password=True),
        Scheme(
            Mechanism.HLS_GMAC, prove=_prove_gmac, verify=_verify_gmac, needs_keys=True, uses_counter=True
        ),
        _by_computing_it(Mechanism.HLS, _prove_aes),
        _by_computing_it(Mechanism.HLS_MD5, _prove_md5),
        _by_computing_it(Mechanism.HLS_SHA1, _prove_sha1),
        _by_computing_it(Mechanism.HLS_SHA256, _prove_sha256, names_no_end=False),
    )
}
"""What we speak. Another mechanism is another line."""
