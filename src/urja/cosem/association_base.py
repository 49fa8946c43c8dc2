"""The common part of both ends of an association: configuration, protection, counters, blocks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from urja.cosem import axdr, security
from urja.cosem.acse import ApplicationContext, Mechanism
from urja.cosem.apdu import (
    Aare,
    Aarq,
    Apdu,
    ConfirmedServiceError,
    Conformance,
    ExceptionResponse,
    GeneralBlockTransfer,
    GeneralDedCiphered,
    GeneralGloCiphered,
    GlobalCiphered,
    Rlre,
    Rlrq,
    decode_apdu,
    under_dedicated_key,
)
from urja.cosem.association_auth import MAX_CHALLENGE, MIN_CHALLENGE, SCHEMES, Proof, Scheme
from urja.cosem.association_table import Input, State, next_state
from urja.cosem.axdr import Limits
from urja.cosem.errors import (
    AuthenticationError,
    LimitExceededError,
    LocalError,
    ReplayError,
    UnexpectedApduError,
)
from urja.cosem.gbt import Reassembler
from urja.cosem.obis import CosemMethod
from urja.cosem.security import SecurityControl, SuiteKeys
from urja.cosem.xdlms.blocks import Block

COUNTERS: Final = security.MAX_COUNTER + 1
"""Number of invocation counters of a key: one more than the last."""

REPLY_TO_HLS: Final = CosemMethod.of(15, "0.0.40.0.0.255", 1)
"""reply_to_HLS_authentication of the current association (Blue Book, class 15, method 1)."""

DEFAULT_CONFORMANCE: Final = (
    Conformance.GENERAL_PROTECTION
    | Conformance.BLOCK_TRANSFER_GET
    | Conformance.BLOCK_TRANSFER_SET
    | Conformance.BLOCK_TRANSFER_ACTION
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.DATA_NOTIFICATION
    | Conformance.GET
    | Conformance.SET
    | Conformance.SELECTIVE_ACCESS
    | Conformance.EVENT_NOTIFICATION
    | Conformance.ACTION
)
"""The services that an end proposes or offers."""

_CIPHERING_OVERHEAD: Final = 3 + 3 + 9 + 5 + security.TAG_LENGTH
"""Most bytes that protection adds: tag and lengths, system title of the general form, header, GCM tag."""

# These travel outside the protection: their user information is protected by itself, or they only refuse.
_UNPROTECTED: Final = (Aarq, Aare, Rlrq, Rlre, ExceptionResponse, ConfirmedServiceError)


@dataclass(frozen=True, slots=True)
class AssociationConfig:
    """The configuration of one end; LocalError where its parts do not fit together."""

    mechanism: Mechanism = Mechanism.NONE
    ciphered: bool = False
    """The application context has ciphering: user-information and all services are protected."""
    keys: SuiteKeys | None = None
    system_title: bytes | None = None
    """This end's own, 8 bytes; required with ciphering and with GMAC."""
    secret: bytes = field(default=b"", repr=False)
    """The password of LLS, or the secret of the hashing mechanisms of HLS."""
    control: SecurityControl = security.AUTHENTICATED_ENCRYPTED
    """The protection that this end applies, and the least that it accepts, in a ciphered association."""
    general_protection: bool = False
    """A client sends general-glo-ciphering instead of the glo- form of each service. Both are accepted; a
    server answers in the form of the request.
    """
    conformance: Conformance = DEFAULT_CONFORMANCE
    max_pdu: int = 1024
    """Bytes of the longest APDU that this end accepts; 0 for no limit."""
    challenge_length: int = 16
    """Bytes of this end's challenge."""
    limits: Limits = axdr.DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if self.mechanism not in SCHEMES:
            raise LocalError(f"authentication mechanism {self.mechanism!r} is not implemented")
        if self.ciphered or self.scheme.needs_keys:
            if self.keys is None:
                raise LocalError("ciphering and GMAC need keys: give them")
            if self.system_title is None or len(self.system_title) != security.SYSTEM_TITLE_LENGTH:
                raise LocalError("ciphering and GMAC need a system title of 8 bytes")
            if self.keys.gak is None and (self.scheme.needs_keys or self.control.authenticated):
                raise LocalError("authentication needs an authentication key")
        if self.control.suite != 0:
            raise LocalError(f"an association of security suite {self.control.suite} is not implemented")
        if not MIN_CHALLENGE <= self.challenge_length <= MAX_CHALLENGE:
            raise LocalError(f"a challenge has {MIN_CHALLENGE} to {MAX_CHALLENGE} bytes")
        if not (self.max_pdu == 0 or 64 <= self.max_pdu <= 0xFFFF):
            raise LocalError(f"a maximum PDU size of {self.max_pdu} is outside 64..65535")

    @property
    def scheme(self) -> Scheme:
        """The data of the authentication mechanism."""
        return SCHEMES[self.mechanism]

    @property
    def context(self) -> ApplicationContext:
        """The application context name, always with logical names."""
        return ApplicationContext.LOGICAL_NAME_CIPHERED if self.ciphered else ApplicationContext.LOGICAL_NAME


class Association:
    """One end of an association: state, protection and counters; the base of client and server.

    `invocation_counter` is the first counter that this end may use and `invocation_limit` the first that it
    may not: the owner stores a reservation durably before it raises the limit. `peer_counter` is the last one
    accepted from the peer (-1: any is accepted); the owner stores it, with `invocation_counter`, for the next
    association under the same key. `entropy(n)` returns n random bytes and is called for challenges only.
    """

    def __init__(
        self,
        config: AssociationConfig,
        *,
        invocation_counter: int = 0,
        invocation_limit: int = COUNTERS,
        peer_counter: int = -1,
        peer_system_title: bytes | None = None,
        entropy: Callable[[int], bytes] | None = None,
    ) -> None:
        if config.scheme.challenges and entropy is None:
            raise LocalError("high level security needs a source of entropy for its challenge")
        self.config = config
        self.state = State.IDLE
        self.invocation_counter = invocation_counter
        self.invocation_limit = invocation_limit
        self.peer_counter = peer_counter
        self.peer_system_title = peer_system_title
        self.conformance = Conformance(0)
        """Negotiated."""
        self.peer_max_pdu = 0
        self._entropy = entropy
        self._own_challenge = b""
        self._peer_challenge = b""
        self._blocks = Reassembler(config.limits)
        # A server follows the form of the last request (see `ServerAssociation._unprotect_service`).
        self._general = config.general_protection
        self._dedicated_keys: SuiteKeys | None = None
        self._dedicated_counter = -1
        self._answer_dedicated = False

    def lost(self) -> None:
        """End the association because the transport is gone; counters stay."""
        self._move(Input.LOST, ours=True)
        self._forget()

    def _forget(self) -> None:
        self._own_challenge = self._peer_challenge = b""
        self._dedicated_keys, self._dedicated_counter, self._answer_dedicated = None, -1, False
        self._blocks.reset()

    def _move(self, passed: Input, *, ours: bool) -> None:
        self.state = next_state(self.state, passed, ours=ours)

    def _require(self, passed: Input, *, ours: bool) -> None:
        """Raise what `_move` would raise, without moving: for checks before a counter is consumed."""
        next_state(self.state, passed, ours=ours)

    # --- protection -----------------------------------------------------------------------------------

    def _take_counter(self) -> int:
        # A counter used twice under one key gives the key stream away and lets tags be forged (GCM): when the
        # reservation is used up the association stops, it never goes on by itself.
        counter = self.invocation_counter
        if counter >= min(self.invocation_limit, COUNTERS):
            raise LocalError("the reserved invocation counters are used up: reserve more before sending")
        self.invocation_counter += 1
        return counter

    def _keys(self) -> SuiteKeys:
        if self.config.keys is None:
            raise LocalError("no keys are configured")
        return self.config.keys

    def _title(self) -> bytes:
        return self.config.system_title or b""

    def _protect(self, apdu: bytes, *, general: bool = False) -> bytes:
        """Return the APDU as it is sent."""
        if not self.config.ciphered:
            return apdu
        form = GeneralGloCiphered if general else GlobalCiphered
        counter = self._take_counter()
        sealed = form.protect(self._keys(), self._title(), counter, self.config.control, apdu)
        return sealed.encode()

    def _protect_service(self, apdu: bytes) -> bytes:
        if self._answer_dedicated and self._dedicated_keys is not None:
            return self._protect_dedicated(apdu, self._dedicated_keys)
        return self._protect(apdu, general=self._general)

    def _protect_dedicated(self, apdu: bytes, keys: SuiteKeys) -> bytes:
        counter, control = self._take_counter(), self.config.control
        if self._general:
            return GeneralDedCiphered.protect(keys, self._title(), counter, control, apdu).encode()
        return GlobalCiphered.protect(keys, self._title(), counter, control, apdu, dedicated=True).encode()

    def _decode(self, raw: bytes) -> Apdu | None:
        """Return the plain APDU in what was received; None while a block transfer is incomplete."""
        apdu = decode_apdu(raw, limits=self.config.limits)
        if isinstance(apdu, GeneralBlockTransfer):
            # Blocks are joined before anything is opened: the sender ciphers the whole APDU and cuts it
            # afterwards.
            whole = self._blocks.push(apdu)
            if whole is None:
                return None
            apdu = decode_apdu(whole, limits=self.config.limits)
        plain = self._unprotect_service(apdu)
        if isinstance(plain, GeneralBlockTransfer | GlobalCiphered | GeneralGloCiphered):
            raise UnexpectedApduError("protection or block transfer nested in another one")
        return plain

    def _unprotect_service(self, apdu: Apdu) -> Apdu:
        return self._unprotect(apdu)

    def _unprotect(self, apdu: Apdu) -> Apdu:
        if isinstance(apdu, GlobalCiphered | GeneralGloCiphered):
            return decode_apdu(self._open(apdu), limits=self.config.limits)
        if self.config.ciphered and not isinstance(apdu, _UNPROTECTED):
            raise AuthenticationError(f"an unprotected {type(apdu).__name__} in a ciphered association")
        return apdu

    def _open(self, apdu: GlobalCiphered | GeneralGloCiphered) -> bytes:
        if not self.config.ciphered:
            raise UnexpectedApduError("a ciphered APDU in an association without ciphering")
        dedicated = under_dedicated_key(apdu)
        keys = self._dedicated_keys if dedicated else self._keys()
        if keys is None:
            raise UnexpectedApduError("a dedicated key is used, and none was agreed")
        agreed = self.config.control
        # A weaker protection than agreed is refused before anything is opened: else an attacker could strip
        # authentication from a message and change its bits.
        if not apdu.control.covers(agreed) or apdu.control.suite != agreed.suite or apdu.control.broadcast:
            raise AuthenticationError("the protection is not the agreed one", offset=None)
        if self.peer_system_title is None:
            raise UnexpectedApduError("a ciphered APDU before the peer gave its system title")
        if isinstance(apdu, GeneralGloCiphered) and apdu.system_title not in (b"", self.peer_system_title):
            raise AuthenticationError("the APDU is under another system title than the association")
        # Authentication comes before the counter is advanced: a forged APDU with a high counter would
        # otherwise lock the real peer out.
        plain = apdu.open(keys, self.peer_system_title)
        if dedicated:
            # Each key has a counter of its own; a dedicated key is valid for one association only.
            self._dedicated_counter = _advanced(self._dedicated_counter, apdu.counter)
        else:
            self.peer_counter = _advanced(self.peer_counter, apdu.counter)
        return plain

    # --- challenges -----------------------------------------------------------------------------------

    def _new_challenge(self) -> bytes:
        if self._entropy is None:
            raise LocalError("no source of entropy for a challenge")
        challenge = self._entropy(self.config.challenge_length)
        if len(challenge) != self.config.challenge_length:
            raise LocalError(f"the source of entropy gave {len(challenge)} bytes")
        self._own_challenge = challenge
        return challenge

    def _prove(self) -> bytes:
        """Return this end's answer to the peer's challenge."""
        scheme = self.config.scheme
        assert scheme.prove is not None
        counter = self._take_counter() if scheme.uses_counter else 0
        proof = Proof(
            challenge=self._peer_challenge,
            counter_challenge=self._own_challenge,
            prover_title=self._title(),
            verifier_title=self.peer_system_title or b"",
            secret=self.config.secret,
            keys=self.config.keys,
        )
        return scheme.prove(proof, counter)

    def _verify(self, answer: bytes, floor: int) -> None:
        """Verify the peer's answer to this end's challenge; its invocation counter must be above `floor`.

        The answer is made before the APDU around it is protected, so its counter may be below that of the
        APDU: `floor` is the last counter accepted before both.
        """
        scheme = self.config.scheme
        assert scheme.verify is not None
        proof = Proof(
            challenge=self._own_challenge,
            counter_challenge=self._peer_challenge,
            prover_title=self.peer_system_title or b"",
            verifier_title=self._title(),
            secret=self.config.secret,
            keys=self.config.keys,
        )
        counter = scheme.verify(proof, answer)
        if counter is not None:
            if counter <= floor:
                raise ReplayError(
                    f"invocation counter {counter} of the challenge's answer does not advance from {floor}",
                    counter=counter,
                    expected=floor + 1,
                )
            self.peer_counter = max(self.peer_counter, counter)

    # --- sizes ----------------------------------------------------------------------------------------

    def _too_long(self, size: int) -> bool:
        return self.peer_max_pdu != 0 and size + self._overhead() > self.peer_max_pdu

    def _overhead(self) -> int:
        return _CIPHERING_OVERHEAD if self.config.ciphered else 0

    def _block_size(self, header: int) -> int:
        """Return the bytes of raw data that fit into one block after `header` bytes of APDU."""
        return max(self.peer_max_pdu - self._overhead() - header, 1)


def _advanced(last: int, counter: int) -> int:
    """Return `counter`; raises ReplayError unless it is above `last` (associations accept no gap backwards)."""
    if counter <= last:
        raise ReplayError(
            f"invocation counter {counter} does not advance from {last}", counter=counter, expected=last + 1
        )
    return counter


class IncomingBlocks:
    """The blocks of one long transfer that have been received, at most `limits.max_apdu` bytes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parts = bytearray()
        self.last_number = 0

    def push(self, number: int, data: bytes) -> None:
        """Append the next block.

        Raises UnexpectedApduError for another block, LimitExceededError for too many bytes.
        """
        if number != self.last_number + 1:
            raise UnexpectedApduError(f"block {number} came where block {self.last_number + 1} is due")
        if len(self._parts) + len(data) > self._limits.max_apdu:
            raise LimitExceededError(f"a long transfer beyond {self._limits.max_apdu} bytes")
        self._parts += data
        self.last_number = number

    def joined(self) -> bytes:
        """Return the data of all blocks."""
        return bytes(self._parts)


class OutgoingBlocks:
    """One long transfer, cut into blocks of `block_size` bytes that are numbered from 1."""

    def __init__(self, raw: bytes, block_size: int) -> None:
        self._raw = raw
        self._size = block_size
        self.last_number = 0

    @property
    def finished(self) -> bool:
        """Whether the last block was returned."""
        return self.last_number * self._size >= len(self._raw)

    def next(self) -> Block:
        """Return the next block."""
        start = self.last_number * self._size
        self.last_number += 1
        end = start + self._size
        return Block(end >= len(self._raw), self.last_number, self._raw[start:end])
