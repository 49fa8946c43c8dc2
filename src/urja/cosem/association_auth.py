"""Authentication mechanisms (Green Book 9.2.7.4) as data: how an end proves itself and is verified.

Pass 1 and 2 exchange the challenges (AARQ, AARE), pass 3 and 4 the answers (`REPLY_TO_HLS`).
"""

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
"""Bytes of a challenge, together with `MIN_CHALLENGE` (Green Book 9.2.2.2)."""


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """The inputs of one answer to a challenge; the prover is the end that answers."""

    challenge: bytes
    """The challenge that is answered."""
    counter_challenge: bytes
    """The challenge that the prover itself has sent."""
    prover_title: bytes
    verifier_title: bytes
    secret: bytes
    keys: SuiteKeys | None


@dataclass(frozen=True, slots=True)
class Scheme:
    """One authentication mechanism.

    `prove(proof, counter)` returns the answer to a challenge; `verify(proof, answer)` returns the invocation
    counter in the answer (None where it has none) and raises AuthenticationError for a wrong answer.
    """

    mechanism: Mechanism
    password: bool = False
    """The secret itself travels in the AARQ (LLS)."""
    prove: Callable[[Proof, int], bytes] | None = None
    verify: Callable[[Proof, bytes], int | None] | None = None
    same_from_both_ends: bool = False
    """The answer does not depend on who gives it: an end must never answer its own challenge."""
    needs_keys: bool = False
    """The answer is made with the keys of the security suite."""
    uses_counter: bool = False
    """The answer takes an invocation counter."""

    @property
    def challenges(self) -> bool:
        """Whether the mechanism has passes 3 and 4 (HLS)."""
        return self.prove is not None


def _prove_gmac(proof: Proof, counter: int) -> bytes:
    return security.gmac_reply(_keys(proof), proof.prover_title, counter, proof.challenge)


def _verify_gmac(proof: Proof, answer: bytes) -> int:
    return security.verify_gmac_reply(_keys(proof), proof.prover_title, proof.challenge, answer)


_BLOCK: Final = 16


def _prove_aes(proof: Proof, _counter: int) -> bytes:
    """Return the challenge under AES-128: what Indian meters have as mechanism 2, the manufacturer's own."""
    if not 0 < len(proof.secret) <= _BLOCK:
        raise LocalError(f"mechanism 2 takes a secret of 1 to {_BLOCK} bytes, not {len(proof.secret)}")
    # ECB is the meters' choice: each block of the challenge by itself, short ones and short secrets filled up
    # with zero bytes.
    padded = proof.challenge + bytes(-len(proof.challenge) % _BLOCK)
    encryptor = Cipher(algorithms.AES(proof.secret.ljust(_BLOCK, b"\0")), modes.ECB()).encryptor()  # noqa: S305 - what these meters do
    return encryptor.update(padded) + encryptor.finalize()


def _prove_md5(proof: Proof, _counter: int) -> bytes:
    # Mechanisms 3 and 4 are broken hashes and still the only ones of some meters; a type must name them to
    # have them used.
    return hashlib.md5(proof.challenge + proof.secret, usedforsecurity=False).digest()


def _prove_sha1(proof: Proof, _counter: int) -> bytes:
    return hashlib.sha1(proof.challenge + proof.secret, usedforsecurity=False).digest()


def _prove_sha256(proof: Proof, _counter: int) -> bytes:
    # The order is the Green Book's (9.2.7.4, table of mechanisms): titles and challenges change places
    # between pass 3 and pass 4, so that an answer cannot be sent back to the end that gave it.
    parts = (proof.secret, proof.prover_title, proof.verifier_title, proof.challenge, proof.counter_challenge)
    return hashlib.sha256(b"".join(parts)).digest()


def _recomputed(
    mechanism: Mechanism, prove: Callable[[Proof, int], bytes], *, same_from_both_ends: bool = True
) -> Scheme:
    """Return a scheme whose answer the verifier recomputes and compares."""

    def verify(proof: Proof, answer: bytes) -> None:
        if not hmac.compare_digest(prove(proof, 0), answer):
            raise AuthenticationError("the answer to the challenge is wrong")

    return Scheme(mechanism, prove=prove, verify=verify, same_from_both_ends=same_from_both_ends)


def _keys(proof: Proof) -> SuiteKeys:
    if proof.keys is None:
        raise LocalError("this authentication mechanism needs the meter's keys: give them")
    return proof.keys


SCHEMES: Final[dict[Mechanism, Scheme]] = {
    scheme.mechanism: scheme
    for scheme in (
        Scheme(Mechanism.NONE),
        Scheme(Mechanism.LLS, password=True),
        Scheme(
            Mechanism.HLS_GMAC, prove=_prove_gmac, verify=_verify_gmac, needs_keys=True, uses_counter=True
        ),
        _recomputed(Mechanism.HLS, _prove_aes),
        _recomputed(Mechanism.HLS_MD5, _prove_md5),
        _recomputed(Mechanism.HLS_SHA1, _prove_sha1),
        _recomputed(Mechanism.HLS_SHA256, _prove_sha256, same_from_both_ends=False),
    )
}
"""The mechanisms that are implemented, by name."""
