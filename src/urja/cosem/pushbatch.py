"""Ciphered pushes in batches: from general-glo-ciphering APDUs of many meters to columns.

This is the head end's hot path. Per push there is one turn of one loop, with no object made but the plaintext;
everything after it works on arrays. A push is judged in this order: form, meter, protection, counter,
authentication, content. What passes authentication is *in flight* in the meter's replay window until the caller
says `commit` (the broker has it) or `rollback` (it may come again).
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from urja.cosem.apdu import GeneralGloCiphered, decode_apdu
from urja.cosem.axdr import encode_length
from urja.cosem.errors import (
    AuthenticationFailed,
    CosemError,
    DecodeError,
    LocalError,
    PeerError,
    ReplayDetected,
)
from urja.cosem.layout import Bytes, Decoded, Ints, Layout, LayoutSet, Rows, as_matrix, by_length
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, SYSTEM_TITLE_LENGTH, TAG_LENGTH, Suite0Keys
from urja.cosem.window import WIDTH, ReplayWindow, Verdict

# general-glo-ciphering (IEC 62056-5-3, 9.5): tag 0xDB, title length 8, title, content length, then the content:
# security control, invocation counter, ciphertext, tag.
_PREFIX: Final = b"\xdb\x08"
_TITLE: Final = slice(2, 10)
_LENGTH_AT: Final = 10
_CONTROL: Final = AUTHENTICATED_ENCRYPTED.to_byte()
_CONTENT_HEAD: Final = 5
_SHORTEST: Final = _LENGTH_AT + 1 + _CONTENT_HEAD + TAG_LENGTH
_WORTH_A_MATRIX: Final = 8
"""Fewer pushes of one size are not worth the array operations."""


type _Opened = dict[LayoutSet, tuple[list[int], list[int], list[bytes]]]
"""By layout set: input positions, refs and plaintexts of what passed."""


class Reason(Enum):
    """Why a push was not taken."""

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


class PushMeter:
    """What a push needs to know of its meter. `ref` is the caller's number for it (a device id).

    The cipher's key schedule is kept here: making it costs more than using it.
    """

    __slots__ = ("encrypt", "header", "layouts", "ref", "window")

    def __init__(self, keys: Suite0Keys, layouts: LayoutSet, ref: int, window: ReplayWindow) -> None:
        """Raises LocalError where there is no authentication key: pushes are always authenticated."""
        if keys.gak is None:
            raise LocalError("pushes are authenticated and encrypted: an authentication key is needed")
        self.encrypt = AESGCM(keys.guek).encrypt
        self.header = bytes([_CONTROL]) + keys.gak
        self.layouts = layouts
        self.ref = ref
        self.window = window


@dataclass(frozen=True, slots=True)
class Rejected:
    """A push that was not taken: its position in the input, why, and the peer's fault in words."""

    index: int
    reason: Reason
    error: CosemError


@dataclass(frozen=True, slots=True)
class PushGroup:
    """The pushes of one layout. Position i of `decoded` is push `index[i]` of the input, of meter `refs[i]`."""

    layout: Layout
    index: Rows
    refs: Ints
    decoded: Decoded


class PushBatch:
    """The outcome of `decode_pushes`. Everything in `groups` is in flight until committed or rolled back."""

    def __init__(self, size: int) -> None:
        self.groups: list[PushGroup] = []
        self.rejected: list[Rejected] = []
        self._windows: list[ReplayWindow | None] = [None] * size
        self._counters = [0] * size

    def commit(self, indexes: Iterable[int] | None = None) -> None:
        """These pushes (all that are left, unless told) are safe: their windows advance.

        Raises LocalError for one that is not in flight.
        """
        windows, counters = self._windows, self._counters
        for index in self._open() if indexes is None else indexes:
            window = windows[index]
            if window is None:
                raise LocalError(f"push {index} is not in flight")
            windows[index] = None
            window.commit(counters[index])

    def rollback(self, indexes: Iterable[int] | None = None) -> None:
        """These pushes (all that are left, unless told) were not stored and may come again.

        Raises LocalError for one that is not in flight.
        """
        for index in self._open() if indexes is None else indexes:
            self._settle(index).rollback(self._counters[index])

    def _settle(self, index: int) -> ReplayWindow:
        window = self._windows[index]
        if window is None:
            raise LocalError(f"push {index} is not in flight")
        self._windows[index] = None
        return window

    def _open(self) -> list[int]:
        return [index for index, window in enumerate(self._windows) if window is not None]

    def _reject(self, index: int, reason: Reason, error: CosemError) -> None:
        self.rejected.append(Rejected(index, reason, error))


def decode_pushes(apdus: Sequence[bytes], meters: Mapping[bytes, PushMeter]) -> PushBatch:
    """Decipher, check and decode pushes; `meters` is by system title. Never raises for what a peer sent."""
    batch = PushBatch(len(apdus))
    opened: _Opened = {}
    _decipher(apdus, meters, batch, opened)
    for layouts, (indexes, refs, plaintexts) in opened.items():
        _decode(batch, layouts, indexes, refs, plaintexts)
    batch.rejected.sort(key=lambda rejected: rejected.index)
    return batch


def _decipher(
    apdus: Sequence[bytes], meters: Mapping[bytes, PushMeter], batch: PushBatch, opened: _Opened
) -> None:
    """Pushes of one size together, the few others and the odd ones by themselves."""
    odd: list[int] = []
    for size, rows in by_length(apdus):
        if len(rows) < _WORTH_A_MATRIX or size < _SHORTEST:
            odd += rows.tolist()
        else:
            odd += _decipher_alike(apdus, rows, size, meters, batch, opened)
    for index in odd:
        _decipher_one(index, apdus[index], meters, batch, opened)


def _decipher_alike(
    apdus: Sequence[bytes],
    rows: Rows,
    size: int,
    meters: Mapping[bytes, PushMeter],
    batch: PushBatch,
    opened: _Opened,
) -> list[int]:
    """Decipher pushes of one size; returns the positions of those whose header is not the usual one.

    Here is the loop that every push of a fleet goes through. Headers are cut and checked as arrays before it,
    names are bound outside it, and what is rare is handled elsewhere.
    """
    matrix = as_matrix(apdus, rows, size)
    fixed, expected, start = _usual_header(size)
    usual = np.all(matrix[:, fixed] == expected, axis=1)
    odd: list[int] = rows[~usual].tolist()
    if odd:
        matrix, rows = matrix[usual], rows[usual]
    indexes = rows.tolist()
    title_columns = matrix[:, _TITLE]
    counter_columns = matrix[:, start - 4 : start]
    titles = _cut(title_columns)
    nonces = _cut(np.concatenate((title_columns, counter_columns), axis=1))
    texts = _cut(matrix[:, start:-TAG_LENGTH])
    tags = _cut(matrix[:, -TAG_LENGTH:])
    counters = np.ascontiguousarray(counter_columns).view(">u4").ravel().tolist()

    find, same = meters.get, hmac.compare_digest
    windows, counted = batch._windows, batch._counters  # noqa: SLF001 - same module
    layouts: LayoutSet | None = None
    for index, title, counter, nonce, text, tag in zip(
        indexes, titles, counters, nonces, texts, tags, strict=True
    ):
        meter = find(title)
        if meter is None:
            _reject_unknown(batch, index, title)
            continue
        window = meter.window
        if counter <= window.highest or window.pending >= 0:
            verdict = window.check(counter)
            if verdict is not Verdict.FRESH:
                _reject_replay(batch, index, counter, verdict, window, start)
                continue
        # GCM is a counter mode: encrypting the ciphertext gives the plaintext, encrypting that gives the tag,
        # of which DLMS sends the first 12 bytes (security.open_ does the same for one APDU).
        encrypt = meter.encrypt
        plaintext = encrypt(nonce, text, None)[:-16]
        if not same(encrypt(nonce, plaintext, meter.header)[-16:-4], tag):
            _reject_key(batch, index, title)
            continue
        if window.pending < 0:
            window.pending = counter
        else:
            window.reserve(counter)
        windows[index] = window
        counted[index] = counter
        if meter.layouts is not layouts:
            layouts = meter.layouts
            add_index, add_ref, add_plaintext = _appenders(opened, layouts)
        add_index(index)
        add_ref(meter.ref)
        add_plaintext(plaintext)
    return odd


@lru_cache(maxsize=1024)
def _usual_header(size: int) -> tuple[Rows, Bytes, int]:
    """Where the constant bytes of an APDU of `size` stand and what they are; where its ciphertext starts.

    Usual is: title of 8 bytes, content length in its shortest form, authenticated and encrypted.
    """
    for length_bytes in (1, 2, 3):
        content = size - _LENGTH_AT - length_bytes
        length = encode_length(content)
        if len(length) == length_bytes:
            break
    constant = {0: _PREFIX[0], 1: _PREFIX[1]}
    constant |= dict(enumerate(length + bytes([_CONTROL]), _LENGTH_AT))
    positions = np.array(list(constant), dtype=np.intp)
    expected = np.array(list(constant.values()), dtype=np.uint8)
    return positions, expected, _LENGTH_AT + len(length) + _CONTENT_HEAD


def _cut(columns: Bytes) -> list[bytes]:
    """The rows of a matrix as bytes objects, made in one go."""
    pieces: list[bytes] = np.ascontiguousarray(columns).view(f"V{columns.shape[1]}").ravel().tolist()
    return pieces


def _decipher_one(
    index: int, apdu: bytes, meters: Mapping[bytes, PushMeter], batch: PushBatch, opened: _Opened
) -> None:
    """The same for one push of any form, by the general decoder."""
    try:
        push = decode_apdu(apdu)
        if type(push) is not GeneralGloCiphered or len(push.system_title) != SYSTEM_TITLE_LENGTH:
            raise DecodeError("not general-glo-ciphering with a system title of 8 bytes", offset=0)  # noqa: TRY301
        if len(push.ciphertext) < TAG_LENGTH:
            raise DecodeError("too short for an authentication tag", offset=len(apdu))  # noqa: TRY301
    except DecodeError as error:
        batch._reject(index, Reason.MALFORMED, error)  # noqa: SLF001
        return
    title, counter = push.system_title, push.counter
    meter = meters.get(title)
    if meter is None:
        _reject_unknown(batch, index, title)
        return
    start = len(apdu) - len(push.ciphertext)
    if push.control != AUTHENTICATED_ENCRYPTED:
        _reject_unprotected(batch, index, push.control.to_byte(), start)
        return
    verdict = meter.window.check(counter)
    if verdict is not Verdict.FRESH:
        _reject_replay(batch, index, counter, verdict, meter.window, start)
        return
    nonce, text, tag = (
        title + counter.to_bytes(4),
        push.ciphertext[:-TAG_LENGTH],
        push.ciphertext[-TAG_LENGTH:],
    )
    plaintext = meter.encrypt(nonce, text, None)[:-16]
    if not hmac.compare_digest(meter.encrypt(nonce, plaintext, meter.header)[-16:-4], tag):
        _reject_key(batch, index, title)
        return
    meter.window.reserve(counter)
    batch._windows[index] = meter.window  # noqa: SLF001
    batch._counters[index] = counter  # noqa: SLF001
    add_index, add_ref, add_plaintext = _appenders(opened, meter.layouts)
    add_index(index)
    add_ref(meter.ref)
    add_plaintext(plaintext)


def _appenders(
    opened: _Opened, layouts: LayoutSet
) -> tuple[Callable[[int], None], Callable[[int], None], Callable[[bytes], None]]:
    indexes, refs, plaintexts = opened.setdefault(layouts, ([], [], []))
    return indexes.append, refs.append, plaintexts.append


def _decode(
    batch: PushBatch, layouts: LayoutSet, indexes: list[int], refs: list[int], plaintexts: list[bytes]
) -> None:
    """Columns for what was deciphered. What has no layout is let go: it may be replayed from quarantine."""
    index_of, ref_of = np.array(indexes, dtype=np.intp), np.array(refs, dtype=np.int64)
    done = layouts.decode(plaintexts)
    for rows, decoded in done.parts:
        batch.groups.append(PushGroup(decoded.layout, index_of[rows], ref_of[rows], decoded))
    for row, error in done.errors.items():
        batch.rollback([indexes[row]])
        batch._reject(indexes[row], Reason.UNDECODABLE, error)  # noqa: SLF001 - same module


def _reject_unknown(batch: PushBatch, index: int, title: bytes) -> None:
    error = PeerError(f"no meter has system title {title.hex()}", offset=_TITLE.start)
    batch._reject(index, Reason.UNKNOWN_METER, error)  # noqa: SLF001 - same module, as below


def _reject_unprotected(batch: PushBatch, index: int, control: int, start: int) -> None:
    error = AuthenticationFailed(
        f"security control is 0x{control:02x}; pushes need 0x{_CONTROL:02x}, authenticated and encrypted by suite 0",
        offset=start - _CONTENT_HEAD,
    )
    batch._reject(index, Reason.UNPROTECTED, error)  # noqa: SLF001


def _reject_replay(
    batch: PushBatch, index: int, counter: int, verdict: Verdict, window: ReplayWindow, start: int
) -> None:
    error = ReplayDetected(
        f"invocation counter {counter} is {verdict.value}",
        counter=counter,
        expected=max(0, window.highest - WIDTH + 1),
        offset=start - 4,
    )
    batch._reject(index, _REASON_OF[verdict], error)  # noqa: SLF001


def _reject_key(batch: PushBatch, index: int, title: bytes) -> None:
    error = AuthenticationFailed(f"the tag does not fit the keys of meter {title.hex()}")
    batch._reject(index, Reason.WRONG_KEY, error)  # noqa: SLF001
