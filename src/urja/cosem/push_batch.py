"""Ciphered pushes in batches: from general-glo-ciphering APDUs of many meters to columns.

This is the head end's hot path. Headers, meters, replay windows, tags and columns are arrays over a whole
batch; per push there are two calls of its meter's cipher. A push is judged in this order: form, meter,
protection, counter, authentication, content. An authentic push is *in flight* in the meter's replay window
until the caller says `commit` (the broker has stored it) or `rollback` (it may come again).

A meter may be configured to push without a tag (encryption only, as many in India do). Such a push proves
nothing: a thief who has captured one can change its numbers, bit by bit (ADR 22). It is returned separately
(`PushBatch.unauthenticated`) and never touches the meter's window. A window of its own keeps copies out; only
what decodes moves it, and nothing decodes by chance: for that the key stream of its counter must be known,
from a push that the meter has made.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

import numpy as np

from urja.cosem.apdu import GeneralGloCiphered, decode_apdu
from urja.cosem.axdr import encode_length
from urja.cosem.errors import AuthenticationError, CosemError, DecodeError, PeerError, ReplayError
from urja.cosem.layout import (
    Bytes,
    Decoded,
    Ints,
    Layout,
    LayoutSet,
    Mask,
    Rows,
    as_matrix,
    by_length,
    plaintext_matrices,
)
from urja.cosem.push_meters import CONTROL_BYTE, PushMeters
from urja.cosem.replay_window import VERDICTS, WIDTH, InFlightCounters, ReplayWindow, Verdict, packed_keys
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, ENCRYPTED, SYSTEM_TITLE_LENGTH, TAG_LENGTH

# general-glo-ciphering (Green Book 9.5): tag 0xDB, title length 8, title, content length, then the content:
# security control, invocation counter, ciphertext, tag.
_PREFIX: Final = b"\xdb\x08"
_TITLE: Final = slice(2, 10)
_LENGTH_AT: Final = 10
_CONTENT_HEAD: Final = 5
_COUNTER_LENGTH: Final = 4
_SHORTEST: Final = _LENGTH_AT + 1 + _CONTENT_HEAD + TAG_LENGTH
_GCM_TAG_LENGTH: Final = 16
_MIN_MATRIX_ROWS: Final = 8
"""Number of pushes of one size from which array operations pay."""


class Reason(Enum):
    """Why a push was rejected."""

    MALFORMED = "malformed"
    UNKNOWN_METER = "unknown meter"
    UNPROTECTED = "unprotected"
    DUPLICATE = "duplicate"
    IN_FLIGHT = "in flight"
    TOO_OLD = "too old"
    WRONG_KEY = "wrong key"
    UNDECODABLE = "undecodable"


_REASON_OF: Final = {
    Verdict.DUPLICATE: Reason.DUPLICATE,
    Verdict.IN_FLIGHT: Reason.IN_FLIGHT,
    Verdict.TOO_OLD: Reason.TOO_OLD,
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejected push: its position in the input, the reason, and the error in words."""

    index: int
    reason: Reason
    error: CosemError


@dataclass(frozen=True, slots=True)
class PushGroup:
    """The pushes of one layout; position i of `decoded` is push `index[i]` of the input, of meter `refs[i]`."""

    layout: Layout
    index: Rows
    refs: Ints
    decoded: Decoded


class PushBatch:
    """The result of `decode_pushes`; everything in `groups` is in flight until committed or rolled back."""

    def __init__(self, flight: InFlightCounters) -> None:
        self.groups: list[PushGroup] = []
        self.unauthenticated: list[PushGroup] = []
        """Pushes without a tag, of meters that may send such: not in flight, and not authentic."""
        self.rejected: list[Rejected] = []
        self.flight = flight

    def commit(self, indexes: Sequence[int] | Rows | None = None) -> None:
        """Advance the windows of these pushes (of all in flight, by default): they are stored.

        Raises LocalError where one is not in flight, and then changes nothing.
        """
        self.flight.commit(indexes)

    def rollback(self, indexes: Sequence[int] | Rows | None = None) -> None:
        """Release the counters of these pushes (of all in flight, by default): they may come again.

        Raises LocalError where one is not in flight, and then changes nothing.
        """
        self.flight.rollback(indexes)

    def reject(self, index: int, reason: Reason, error: CosemError) -> None:
        """Record a rejected push."""
        self.rejected.append(Rejected(index, reason, error))


def decode_pushes(frames: Sequence[bytes], meters: PushMeters, *, skip: int = 0) -> PushBatch:
    """Decipher, authenticate and decode pushes; never raises for faults of a peer.

    Each APDU begins `skip` bytes into its frame: cutting the headers of all frames at once is cheaper.
    """
    batch = PushBatch(meters.windows.flight(len(frames)))
    opening = _BatchOpening(frames, meters, batch, skip)
    for layouts, opened in opening.opened.items():
        _decode(batch, layouts, opened)
    for each in opening.unauthenticated:
        _decode_unauthenticated(batch, meters, each)
    batch.rejected.sort(key=lambda rejected: rejected.index)
    return batch


@dataclass(slots=True)
class _SameSize:
    """Pushes of one size with the usual header: positions in the input, bytes, start of the ciphertext.

    `meters` are rows of `PushMeters`; the counters are unsigned 32-bit numbers.
    """

    index: Rows
    matrix: Bytes
    start: int
    meters: Rows
    counters: Ints

    @property
    def titles(self) -> Bytes:
        return self.matrix[:, _TITLE]

    @property
    def nonces(self) -> Bytes:
        counters = self.matrix[:, self.start - _COUNTER_LENGTH : self.start]
        return np.concatenate((self.titles, counters), axis=1)

    @property
    def texts(self) -> Bytes:
        return self.matrix[:, self.start : -TAG_LENGTH]

    @property
    def tags(self) -> Bytes:
        return self.matrix[:, -TAG_LENGTH:]

    def select(self, chosen: Mask) -> "_SameSize":
        """Return the chosen ones; nothing is copied where all are chosen."""
        if chosen.all():
            return self
        return _SameSize(
            self.index[chosen], self.matrix[chosen], self.start, self.meters[chosen], self.counters[chosen]
        )


@dataclass(frozen=True, slots=True)
class _Opened:
    """Authentic plaintexts of one length: positions in the input, the caller's numbers, bytes."""

    index: Rows
    refs: Ints
    plaintexts: Bytes


@dataclass(frozen=True, slots=True)
class _Unauthenticated:
    """The deciphered bytes of one push without a tag, which may be the meter's or not."""

    index: int
    row: int
    counter: int
    plaintext: bytes
    start: int


class _BatchOpening:
    """The way from APDUs to authentic plaintexts by layout set, in `opened`; these are in flight.

    Pushes without a tag that need none are in `unauthenticated`.
    """

    def __init__(self, frames: Sequence[bytes], meters: PushMeters, batch: PushBatch, skip: int) -> None:
        self._frames = frames
        self._meters = meters
        self._batch = batch
        self._skip = skip
        self.opened: dict[LayoutSet, list[_Opened]] = {}
        self.unauthenticated: list[_Unauthenticated] = []
        odd: list[int] = []
        for size, index in by_length(frames):
            if len(index) < _MIN_MATRIX_ROWS or size - skip <= _SHORTEST:
                odd += index.tolist()
            else:
                odd += self._open_same_size(index, size)
        self._open_singly(odd)

    def _open_same_size(self, index: Rows, size: int) -> list[int]:
        """Open pushes of one size; returns the positions of those whose header is not the usual one."""
        frames = as_matrix(self._frames, index, size)
        matrix = frames[:, self._skip :]
        fixed, expected, start = _usual_header(size - self._skip)
        usual = np.all(matrix[:, fixed] == expected, axis=1)
        odd: list[int] = index[~usual].tolist()
        if odd:
            index, frames, matrix = index[usual], frames[usual], matrix[usual]
        meters = self._meters.find(matrix[:, _TITLE])
        # By meter, and by arrival where one meter sent several: the second finds the cipher in the processor's cache.
        order = _order(meters)
        matrix = frames.take(order, axis=0)[:, self._skip :]
        counters = np.ascontiguousarray(matrix[:, start - _COUNTER_LENGTH : start]).view(">u4").ravel()
        pushes = _SameSize(index[order], matrix, start, meters[order], counters.astype(np.int64))
        pushes = self._fresh(self._known(pushes))
        if len(pushes.index):
            plaintexts, authentic = _decipher(pushes, self._meters)
            taken = self._judge(pushes, authentic)
            if not taken.all():
                pushes, plaintexts = pushes.select(taken), plaintexts[taken]
            self._take(pushes.index, pushes.meters, pushes.counters, plaintexts)
        return odd

    def _known(self, pushes: _SameSize) -> _SameSize:
        """Return the pushes whose meter is known; the others are rejected."""
        known = pushes.meters >= 0
        for at in np.flatnonzero(~known).tolist():
            _reject_unknown(self._batch, int(pushes.index[at]), pushes.titles[at].tobytes())
        return pushes.select(known)

    def _fresh(self, pushes: _SameSize) -> _SameSize:
        """Return the pushes whose counter is fresh by the windows before this batch; the others are rejected."""
        verdicts = self._meters.windows.check(pushes.meters, pushes.counters)
        for at in np.flatnonzero(verdicts).tolist():
            self._reject_replay(pushes, at, VERDICTS[verdicts[at]])
        return pushes.select(verdicts == 0)

    def _judge(self, pushes: _SameSize, authentic: Mask) -> Mask:
        """Return which pushes are accepted: of the authentic ones the first with each counter."""
        late = np.zeros(len(authentic), np.bool_)
        late[_repeated(packed_keys(pushes.meters, pushes.counters), authentic)] = True
        for at in np.flatnonzero(late).tolist():
            self._reject_replay(pushes, at, Verdict.IN_FLIGHT)
        for at in np.flatnonzero(~authentic & ~late).tolist():
            _reject_key(self._batch, int(pushes.index[at]), pushes.titles[at].tobytes())
        return authentic & ~late

    def _reject_replay(self, pushes: _SameSize, at: int, verdict: Verdict) -> None:
        highest = self._meters.windows.highest(int(pushes.meters[at]))
        index, counter = int(pushes.index[at]), int(pushes.counters[at])
        _reject_replay(self._batch, index, counter, verdict, highest, pushes.start)

    def _take(self, index: Rows, meters: Rows, counters: Ints, plaintexts: Bytes) -> None:
        self._batch.flight.reserve(index, meters, counters)
        self._hand_on(index, meters, plaintexts)

    def _hand_on(self, index: Rows, meters: Rows, plaintexts: Bytes) -> None:
        refs = self._meters.refs(meters)
        for layouts, chosen in self._meters.by_layouts(meters):
            opened = _Opened(index[chosen], refs[chosen], plaintexts[chosen])
            self.opened.setdefault(layouts, []).append(opened)

    def _open_singly(self, odd: Sequence[int]) -> None:
        """Open pushes of any form by the general decoder."""
        index: list[int] = []
        meters: list[int] = []
        plaintexts: list[bytes] = []
        for one in odd:
            opened = self._open_one(one, self._frames[one][self._skip :])
            if opened is not None:
                index.append(one)
                meters.append(opened[0])
                plaintexts.append(opened[1])
        for chosen, matrix in plaintext_matrices(plaintexts):
            self._hand_on(np.array(index, np.intp)[chosen], np.array(meters, np.intp)[chosen], matrix)

    def _open_one(self, index: int, apdu: bytes) -> tuple[int, bytes] | None:
        """Return meter and plaintext of one push, which is in flight from now on; None if it is rejected."""
        batch, windows = self._batch, self._meters.windows
        try:
            push = decode_apdu(apdu)
            if type(push) is not GeneralGloCiphered or len(push.system_title) != SYSTEM_TITLE_LENGTH:
                raise DecodeError("not general-glo-ciphering with a system title of 8 bytes", offset=0)  # noqa: TRY301 - rejected like undecodable ones, below
        except DecodeError as error:
            batch.reject(index, Reason.MALFORMED, error)
            return None
        title, counter = push.system_title, push.counter
        row = self._meters.find(np.frombuffer(title, np.uint8))
        if row[0] < 0:
            _reject_unknown(batch, index, title)
            return None
        start = len(apdu) - len(push.ciphertext)
        window = self._meters.unauthenticated(int(row[0])) if push.control == ENCRYPTED else None
        if window is not None:
            self._open_unauthenticated(index, row, push, window, start)
            return None
        if push.control != AUTHENTICATED_ENCRYPTED:
            _reject_unprotected(batch, index, push.control.to_byte(), start)
            return None
        if len(push.ciphertext) < TAG_LENGTH:
            short = DecodeError("too short for an authentication tag", offset=len(apdu))
            batch.reject(index, Reason.MALFORMED, short)
            return None
        counters = np.array([counter], np.int64)
        verdict = VERDICTS[windows.check(row, counters)[0]]
        if verdict is not Verdict.FRESH:
            _reject_replay(batch, index, counter, verdict, windows.highest(int(row[0])), start)
            return None
        plaintext = self._decipher_one(row, title + counter.to_bytes(_COUNTER_LENGTH), push.ciphertext)
        if plaintext is None:
            _reject_key(batch, index, title)
            return None
        batch.flight.reserve(np.array([index], np.intp), row, counters)
        return int(row[0]), plaintext

    def _open_unauthenticated(
        self, index: int, row: Rows, push: GeneralGloCiphered, window: ReplayWindow, start: int
    ) -> None:
        verdict = window.check(push.counter)
        if verdict is not Verdict.FRESH:
            _reject_replay(self._batch, index, push.counter, verdict, window.highest, start)
            return
        # Counter mode: encrypting the ciphertext gives the plaintext; the tag that GCM appends is cut off.
        (encrypt,), _ = self._meters.ciphers(row)
        nonce = push.system_title + push.counter.to_bytes(_COUNTER_LENGTH)
        plaintext = encrypt(nonce, push.ciphertext, None)[:-_GCM_TAG_LENGTH]
        self.unauthenticated.append(_Unauthenticated(index, int(row[0]), push.counter, plaintext, start))

    def _decipher_one(self, row: Rows, nonce: bytes, sealed: bytes) -> bytes | None:
        """Return the plaintext, as `security.open_` finds it; None where the tag is wrong."""
        (encrypt,), (header,) = self._meters.ciphers(row)
        text, tag = sealed[:-TAG_LENGTH], sealed[-TAG_LENGTH:]
        plaintext = encrypt(nonce, text, None)[:-_GCM_TAG_LENGTH]
        made = encrypt(nonce, plaintext, header)[-_GCM_TAG_LENGTH:][:TAG_LENGTH]
        return plaintext if hmac.compare_digest(made, tag) else None


def _order(rows: Rows) -> Rows:
    """Return `np.argsort(rows, kind="stable")`, by a sort of plain numbers, which is ten times as fast."""
    found: Rows = np.sort(rows << 32 | np.arange(len(rows))) & 0xFFFF_FFFF
    return found


def _repeated(keys: Ints, authentic: Mask) -> list[int]:
    """Return, of pushes with the same meter and counter, those that come after an authentic one."""
    ordered = np.sort(keys)
    same = ordered[1:] == ordered[:-1]
    if not same.any():
        return []
    repeated = set(ordered[1:][same].tolist())
    taken: set[int] = set()
    late = []
    for at, key in enumerate(keys.tolist()):
        if key in taken:
            late.append(at)
        elif key in repeated and authentic[at]:
            taken.add(key)
    return late


def _decipher(pushes: _SameSize, meters: PushMeters) -> tuple[Bytes, Mask]:
    """Return the plaintexts, and which of them are authentic; the others must not be used.

    GCM is a counter mode: encrypting the ciphertext gives the plaintext, encrypting that gives the tag, of
    which DLMS sends the first 12 bytes (`security.open_` does the same for one APDU). Every push of a fleet
    goes through this loop; a meter's second call finds its cipher in the cache.
    """
    ciphers, headers = meters.ciphers(pushes.meters)
    size = pushes.texts.shape[1]
    plaintexts: list[bytes] = []
    sealed: list[bytes] = []
    add_plaintext, add_sealed = plaintexts.append, sealed.append
    # Tried and left out (docs/headend.md): the key stream from single-block AES, a quarter of a GCM call in
    # the cache and dearer outside, with a kilobyte more a meter; GCM into prepared buffers, 5 % for shared
    # memory between batches.
    for encrypt, nonce, text, header in zip(
        ciphers, _cut(pushes.nonces), _cut(pushes.texts), headers, strict=True
    ):
        plaintext = encrypt(nonce, text, None)[:-16]
        add_plaintext(plaintext)
        add_sealed(encrypt(nonce, plaintext, header))
    made = _joined(sealed, size + _GCM_TAG_LENGTH)[:, size : size + TAG_LENGTH]
    # All twelve bytes are compared in any case: the time taken must not tell at which byte a forged tag is wrong.
    wrong = (made ^ pushes.tags).view(np.uint32)
    return _joined(plaintexts, size), (wrong[:, 0] | wrong[:, 1] | wrong[:, 2]) == 0


@lru_cache(maxsize=1024)
def _usual_header(size: int) -> tuple[Rows, Bytes, int]:
    """Return the positions and values of an APDU's constant bytes, and where its ciphertext starts.

    `size` is in bytes. Usual is: a title of 8 bytes, the content length in its shortest form, authenticated
    and encrypted.
    """
    for length_bytes in (1, 2, 3):
        content = size - _LENGTH_AT - length_bytes
        length = encode_length(content)
        if len(length) == length_bytes:
            break
    constant = {0: _PREFIX[0], 1: _PREFIX[1]}
    constant |= dict(enumerate(length + bytes([CONTROL_BYTE]), _LENGTH_AT))
    positions = np.array(list(constant), dtype=np.intp)
    expected = np.array(list(constant.values()), dtype=np.uint8)
    return positions, expected, _LENGTH_AT + len(length) + _CONTENT_HEAD


def _cut(columns: Bytes) -> list[bytes]:
    """Return the rows of a matrix as bytes objects, made in one call."""
    pieces: list[bytes] = np.ascontiguousarray(columns).view(f"V{columns.shape[1]}").ravel().tolist()
    return pieces


def _joined(pieces: Sequence[bytes], size: int) -> Bytes:
    """Return bytes objects of one size as a matrix, one a row."""
    return np.frombuffer(b"".join(pieces), np.uint8).reshape(len(pieces), size)


def _decode(batch: PushBatch, layouts: LayoutSet, opened: Sequence[_Opened]) -> None:
    """Add the columns of authentic plaintexts to the batch.

    One without a layout is rolled back: it may be replayed from quarantine under its counter.
    """
    index = np.concatenate([each.index for each in opened])
    refs = np.concatenate([each.refs for each in opened])
    ends = np.cumsum([len(each.index) for each in opened]).tolist()
    decoded_pushes = layouts.decode_matrices(
        (np.arange(end - len(each.index), end), each.plaintexts)
        for each, end in zip(opened, ends, strict=True)
    )
    for rows, decoded in decoded_pushes.parts:
        batch.groups.append(PushGroup(decoded.layout, index[rows], refs[rows], decoded))
    for row, error in decoded_pushes.errors.items():
        # Its counter is not accepted, so that the same bytes can be replayed when a layout for them is known.
        batch.rollback([int(index[row])])
        batch.reject(int(index[row]), Reason.UNDECODABLE, error)


def _decode_unauthenticated(batch: PushBatch, meters: PushMeters, push: _Unauthenticated) -> None:
    """Add the columns of a push without a tag; only one that decodes, and is no copy, moves its window."""
    window = meters.unauthenticated(push.row)
    assert window is not None
    row = np.array([push.row], np.intp)
    [(layouts, _)] = meters.by_layouts(row)
    decoded_push = layouts.decode([push.plaintext])
    for fault in decoded_push.errors.values():
        error = AuthenticationError(f"no tag, and not a push of the meter's type: {fault}", offset=push.start)
        batch.reject(push.index, Reason.UNPROTECTED, error)
    verdict = window.check(push.counter)
    if decoded_push.parts and verdict is not Verdict.FRESH:
        _reject_replay(batch, push.index, push.counter, verdict, window.highest, push.start)
        return
    for _, decoded in decoded_push.parts:
        window.reserve(push.counter)
        window.commit(push.counter)
        index = np.array([push.index], np.intp)
        batch.unauthenticated.append(PushGroup(decoded.layout, index, meters.refs(row), decoded))


def _reject_unknown(batch: PushBatch, index: int, title: bytes) -> None:
    error = PeerError(f"no meter has system title {title.hex()}", offset=_TITLE.start)
    batch.reject(index, Reason.UNKNOWN_METER, error)


def _reject_unprotected(batch: PushBatch, index: int, control: int, start: int) -> None:
    error = AuthenticationError(
        f"security control 0x{control:02x}; pushes need 0x{CONTROL_BYTE:02x}, authenticated and encrypted by suite 0",
        offset=start - _CONTENT_HEAD,
    )
    batch.reject(index, Reason.UNPROTECTED, error)


def _reject_replay(
    batch: PushBatch, index: int, counter: int, verdict: Verdict, highest: int, start: int
) -> None:
    error = ReplayError(
        f"invocation counter {counter} is {verdict.value}",
        counter=counter,
        expected=max(0, highest - WIDTH + 1),
        offset=start - 4,
    )
    batch.reject(index, _REASON_OF[verdict], error)


def _reject_key(batch: PushBatch, index: int, title: bytes) -> None:
    error = AuthenticationError(f"the tag does not fit the keys of meter {title.hex()}")
    batch.reject(index, Reason.WRONG_KEY, error)
