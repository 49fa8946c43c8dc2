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
from struct import Struct
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from urja.cosem.errors import (
    AuthenticationFailed,
    CosemError,
    DecodeError,
    LocalError,
    PeerError,
    ReplayDetected,
)
from urja.cosem.layout import Decoded, Ints, Layout, LayoutSet, Rows
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, SYSTEM_TITLE_LENGTH, TAG_LENGTH, Suite0Keys
from urja.cosem.window import WIDTH, ReplayWindow, Verdict

# general-glo-ciphering (IEC 62056-5-3, 9.5): tag 0xDB, title length 8, title, content length, then the content:
# security control, invocation counter, ciphertext, tag. The content length takes one byte below 128.
_PREFIX: Final = b"\xdb\x08"
_SHORT: Final = Struct(">2s8sBBI")
_LONG: Final = {0x81: Struct(">2s8sxBBI"), 0x82: Struct(">2s8sxHBI")}
_CONTROL: Final = AUTHENTICATED_ENCRYPTED.to_byte()
_CONTENT_HEAD: Final = 5
_SHORTEST: Final = _SHORT.size + TAG_LENGTH


type _Opened = dict[LayoutSet, tuple[list[int], list[int], list[bytes]]]


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
        """These pushes (all, unless told) are safe: their windows advance. Once per push; again is LocalError."""
        windows, counters = self._windows, self._counters
        for index in self._open() if indexes is None else indexes:
            window = windows[index]
            if window is None:
                raise LocalError(f"push {index} is not in flight")
            windows[index] = None
            window.commit(counters[index])

    def rollback(self, indexes: Iterable[int] | None = None) -> None:
        """These pushes (all that are left, unless told) were not stored and may come again."""
        for index in self._open() if indexes is None else indexes:
            window = self._windows[index]
            if window is None:
                raise LocalError(f"push {index} is not in flight")
            self._windows[index] = None
            window.rollback(self._counters[index])

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
    apdus: Sequence[bytes],
    meters: Mapping[bytes, PushMeter],
    batch: PushBatch,
    opened: _Opened,
) -> None:
    """The loop. Names are bound outside it, and what is rare is handled elsewhere."""
    find, unpack, same = meters.get, _SHORT.unpack_from, hmac.compare_digest
    windows, counters, reject = batch._windows, batch._counters, batch._reject  # noqa: SLF001 - same module
    layouts: LayoutSet | None = None
    for index, apdu in enumerate(apdus):
        size = len(apdu)
        if size < _SHORTEST:
            reject(index, Reason.MALFORMED, _malformed(apdu))
            continue
        prefix, title, length, control, counter = unpack(apdu)
        start = 16
        if length >= 0x80:
            start, length, control, counter = _long_header(apdu)
        if prefix != _PREFIX or length + start - _CONTENT_HEAD != size or length < 17:
            reject(index, Reason.MALFORMED, _malformed(apdu))
            continue
        meter = find(title)
        if meter is None:
            reject(
                index, Reason.UNKNOWN_METER, PeerError(f"no meter has system title {title.hex()}", offset=2)
            )
            continue
        if control != _CONTROL:
            reject(index, Reason.UNPROTECTED, _unprotected(control, start))
            continue
        window = meter.window
        if counter <= window.highest or window.in_flight is not None:
            verdict = window.check(counter)
            if verdict is not Verdict.FRESH:
                reject(index, _REASON_OF[verdict], _replayed(counter, verdict, window, start))
                continue
        # GCM is a counter mode: encrypting the ciphertext gives the plaintext, encrypting that gives the tag,
        # of which DLMS sends the first 12 bytes (security.open_ does the same for one APDU).
        nonce = title + apdu[start - 4 : start]
        encrypt = meter.encrypt
        plaintext = encrypt(nonce, apdu[start:-12], None)[:-16]
        if not same(encrypt(nonce, plaintext, meter.header)[-16:-4], apdu[-12:]):
            reject(index, Reason.WRONG_KEY, _unauthentic(title))
            continue
        if window.in_flight is None:
            window.in_flight = {counter}
        else:
            window.in_flight.add(counter)
        windows[index] = window
        counters[index] = counter
        if meter.layouts is not layouts:
            layouts = meter.layouts
            add_index, add_ref, add_plaintext = _appenders(opened, layouts)
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


def _long_header(apdu: bytes) -> tuple[int, int, int, int]:
    """Start of the ciphertext, content length, control and counter where the length takes 2 or 3 bytes.

    A length of another form gives a content length that fits no APDU.
    """
    layout = _LONG.get(apdu[10])
    if layout is None or len(apdu) < layout.size:
        return 0, -1, 0, 0
    _, _, length, control, counter = layout.unpack_from(apdu)
    return layout.size, length, control, counter


def _malformed(apdu: bytes) -> DecodeError:
    """Say what is wrong with an APDU that the loop did not take, and at which byte."""
    if apdu[:1] != _PREFIX[:1]:
        found = f"0x{apdu[0]:02x}" if apdu else "nothing"
        return DecodeError(f"a ciphered push begins with 0xdb (general-glo-ciphering), not {found}", offset=0)
    if apdu[1:2] != _PREFIX[1:]:
        return DecodeError(f"the system title has {SYSTEM_TITLE_LENGTH} bytes", offset=1)
    return DecodeError(
        f"the content length does not fit an APDU of {len(apdu)} bytes", offset=min(10, len(apdu))
    )


def _unprotected(control: int, start: int) -> AuthenticationFailed:
    return AuthenticationFailed(
        f"security control is 0x{control:02x}; pushes need 0x{_CONTROL:02x}, authenticated and encrypted by suite 0",
        offset=start - _CONTENT_HEAD,
    )


def _replayed(counter: int, verdict: Verdict, window: ReplayWindow, start: int) -> ReplayDetected:
    least = max(0, window.highest - WIDTH + 1)
    return ReplayDetected(
        f"invocation counter {counter} is {verdict.value}", counter=counter, expected=least, offset=start - 4
    )


def _unauthentic(title: bytes) -> AuthenticationFailed:
    return AuthenticationFailed(f"the tag does not fit the keys of meter {title.hex()}")
