"""From captured bytes of any transport to plain APDUs: what an engineer has in hand when something is wrong.

Recognises the wrapper, HDLC (with or without flags and LLC), wired M-Bus and bare APDUs, also with garbage
around, and joins segments, telegrams and general block transfers.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from urja.cosem import axdr, gbt, hdlc, mbus, wrapper
from urja.cosem.apdu import GeneralBlockTransfer, GeneralGloCiphered, GlobalCiphered, decode_apdu
from urja.cosem.axdr import Limits
from urja.cosem.errors import AuthenticationFailed, DecodeError, LimitExceeded, LocalError
from urja.cosem.security import SuiteKeys


class Transport(Enum):
    """How an APDU travelled."""

    WRAPPER = "wrapper"
    HDLC = "hdlc"
    MBUS = "mbus"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class CapturedApdu:
    """One APDU with the addresses of its frame; None where the transport has none."""

    apdu: bytes
    source: int | None = None
    destination: int | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """What was found: one transport, its APDUs in order, and how many bytes belonged to nothing."""

    transport: Transport
    apdus: tuple[CapturedApdu, ...]
    discarded: int = 0


def deframe(raw: bytes, *, limits: Limits = axdr.DEFAULT_LIMITS) -> Capture:
    """Recognise the transport and give the APDUs.

    Raises DecodeError with the offset in `raw` where a frame is cut or wrong and no other is right,
    LimitExceeded for more than `limits.max_apdu` bytes.
    """
    if not raw:
        raise DecodeError("no bytes", offset=0)
    if len(raw) > limits.max_apdu:
        raise LimitExceeded(f"{len(raw)} bytes, at most {limits.max_apdu} are accepted", offset=0)
    for looks_like, read in _READERS:
        if looks_like(raw):
            return _strictly_or_searching(raw, read, limits)
    return _bare_or_searching(raw, limits)


def decipher(apdu: bytes, keys: SuiteKeys, system_title: bytes | None = None) -> bytes:
    """The plain APDU inside a glo- or general-glo APDU; a plain one comes back as it is.

    `system_title` is the sender's, for APDUs that do not carry it. Raises AuthenticationFailed for a wrong
    key (offset: the tag, or the ciphertext where there is no tag), LocalError for a title or key that is
    needed and missing.
    """
    sealed = decode_apdu(apdu)
    if isinstance(sealed, GeneralGloCiphered):
        payload, title = sealed.ciphertext, sealed.system_title or system_title
    elif isinstance(sealed, GlobalCiphered):
        payload, title = sealed.payload, system_title
    else:
        return apdu
    if not title:
        raise LocalError("the APDU does not carry the sender's system title, and none is given")
    start = len(apdu) - len(payload)
    try:
        plain = sealed.open(keys, title)
    except AuthenticationFailed as error:
        raise AuthenticationFailed(error.message, offset=len(apdu) - 12) from error
    except DecodeError as error:
        raise AuthenticationFailed(error.message, offset=start) from error
    if not sealed.control.authenticated:
        _require_sense(plain, start)
    return plain


def _require_sense(plain: bytes, offset: int) -> None:
    """Without a tag, a wrong key shows only by what comes out."""
    try:
        decode_apdu(plain)
    except LimitExceeded:
        raise
    except DecodeError as error:
        message = f"no APDU comes out of the deciphering: a wrong key, or damaged bytes ({error})"
        raise AuthenticationFailed(message, offset=offset) from error


# --- one reader per transport: (strict, found anywhere) -------------------------------------------------


def _looks_like_wrapper(raw: bytes) -> bool:
    return raw[:2] == b"\x00\x01" and len(raw) >= wrapper.HEADER_LENGTH


def _looks_like_hdlc(raw: bytes) -> bool:
    return len(raw) > 2 and raw[0] == hdlc.FLAG and (raw[1] == hdlc.FLAG or raw[1] & 0xF0 == 0xA0)


def _looks_like_hdlc_without_flags(raw: bytes) -> bool:
    return raw[0] & 0xF0 == 0xA0 and int.from_bytes(raw[:2]) & hdlc.MAX_LENGTH == len(raw)


def _looks_like_mbus(raw: bytes) -> bool:
    return len(raw) > 3 and raw[0] == mbus.START and raw[3] == mbus.START and raw[1] == raw[2]


def _read_wrapper(raw: bytes, limits: Limits) -> Capture:
    apdus = []
    pos = 0
    while pos < len(raw):
        if len(raw) - pos < wrapper.HEADER_LENGTH:
            raise DecodeError("the wrapper header is cut", offset=len(raw))
        size = int.from_bytes(raw[pos + 6 : pos + 8])
        end = pos + wrapper.HEADER_LENGTH + size
        if raw[pos : pos + 2] != b"\x00\x01":
            raise DecodeError("no wrapper version 1 where a frame is due", offset=pos)
        if end > len(raw):
            left = len(raw) - pos - wrapper.HEADER_LENGTH
            raise DecodeError(f"the wrapper announces {size} bytes, {left} are there", offset=len(raw))
        source, destination = int.from_bytes(raw[pos + 2 : pos + 4]), int.from_bytes(raw[pos + 4 : pos + 6])
        apdus.append(CapturedApdu(raw[pos + wrapper.HEADER_LENGTH : end], source, destination))
        pos = end
    return Capture(Transport.WRAPPER, _join_blocks(apdus, limits))


def _read_hdlc(raw: bytes, limits: Limits) -> Capture:
    """Frame by frame; garbage between frames is counted, a broken frame is an error."""
    frames: list[hdlc.HdlcFrame] = []
    pos = discarded = 0
    while (flag := raw.find(hdlc.FLAG, pos)) >= 0:
        discarded += flag - pos
        pos = flag
        if pos + 1 >= len(raw):
            break
        if raw[pos + 1] == hdlc.FLAG or (frames and raw[pos + 1] & 0xF0 != 0xA0):
            pos += 1
            continue
        frame, pos = hdlc.decode_frame(raw, pos)
        frames.append(frame)
    return _hdlc_capture(frames, discarded, limits)


def _read_hdlc_without_flags(raw: bytes, limits: Limits) -> Capture:
    flag = bytes((hdlc.FLAG,))
    try:
        frame, _ = hdlc.decode_frame(flag + raw + flag)
    except DecodeError as error:
        offset = None if error.offset is None else error.offset - 1
        raise DecodeError(error.message, offset=offset) from error
    return _hdlc_capture([frame], 0, limits)


def _hdlc_capture(frames: list[hdlc.HdlcFrame], discarded: int, limits: Limits) -> Capture:
    reassembler = hdlc.Reassembler(limits)
    apdus = [
        CapturedApdu(apdu, frame.source.upper, frame.destination.upper)
        for frame in frames
        if (apdu := reassembler.push(frame)) is not None
    ]
    if not apdus:
        raise DecodeError("HDLC frames without a whole APDU in them", offset=None)
    return Capture(Transport.HDLC, _join_blocks(apdus, limits), discarded)


def _read_mbus(raw: bytes, limits: Limits) -> Capture:
    telegrams = []
    pos = 0
    while pos < len(raw):
        telegram, pos = mbus.decode_telegram(raw, pos)
        telegrams.append(telegram)
    return _mbus_capture(telegrams, 0, limits)


def _mbus_capture(telegrams: list[mbus.Telegram], discarded: int, limits: Limits) -> Capture:
    reassembler = mbus.Reassembler(limits)
    apdus = [
        CapturedApdu(apdu, telegram.source, telegram.destination)
        for telegram in telegrams
        if (apdu := reassembler.push(telegram)) is not None
    ]
    if not apdus:
        raise DecodeError("the last telegram of the APDU is missing", offset=None)
    return Capture(Transport.MBUS, _join_blocks(apdus, limits), discarded)


_Reader = Callable[[bytes, Limits], Capture]

_READERS: Final[tuple[tuple[Callable[[bytes], bool], _Reader], ...]] = (
    (_looks_like_wrapper, _read_wrapper),
    (_looks_like_hdlc, _read_hdlc),
    (_looks_like_mbus, _read_mbus),
    (_looks_like_hdlc_without_flags, _read_hdlc_without_flags),
)


def _strictly_or_searching(raw: bytes, read: _Reader, limits: Limits) -> Capture:
    """What begins like a frame must be one; else a sound frame further on; else that first error."""
    try:
        return read(raw, limits)
    except DecodeError:
        found = _search(raw, limits)
        if found is None:
            raise
        return found


def _bare_or_searching(raw: bytes, limits: Limits) -> Capture:
    apdu = hdlc.strip_llc(raw)
    try:
        decode_apdu(apdu, limits=limits)
    except DecodeError:
        found = _search(raw, limits)
        if found is not None:
            return found
        # Its content may be broken, but it is what is there: the caller's decoding says where.
    return Capture(Transport.BARE, (CapturedApdu(apdu),), len(raw) - len(apdu))


def _search(raw: bytes, limits: Limits) -> Capture | None:
    """Sound frames anywhere, garbage around them or not; checksums make a chance hit unlikely."""
    frames = hdlc.Splitter()
    telegrams = mbus.Splitter()
    searches: tuple[Callable[[], Capture], ...] = (
        lambda: _hdlc_capture(frames.feed(raw) + frames.finish(), frames.discarded, limits),
        lambda: _mbus_capture(telegrams.feed(raw) + telegrams.finish(), telegrams.discarded, limits),
        lambda: _search_wrapper(raw, limits),
    )
    for search in searches:
        try:
            return search()
        except DecodeError:
            continue
    return None


def _search_wrapper(raw: bytes, limits: Limits) -> Capture:
    """The wrapper has no checksum: a header counts only where an APDU that decodes stands behind it."""
    pos = -1
    while (pos := raw.find(b"\x00\x01", pos + 1)) >= 0:
        end = pos + wrapper.HEADER_LENGTH + int.from_bytes(raw[pos + 6 : pos + 8])
        if pos + wrapper.HEADER_LENGTH < end <= len(raw):
            try:
                decode_apdu(raw[pos + wrapper.HEADER_LENGTH : end], limits=limits)
            except DecodeError:
                continue
            found = _read_wrapper(raw[pos:end], limits)
            return Capture(Transport.WRAPPER, found.apdus, len(raw) - (end - pos))
    raise DecodeError("no wrapped APDU")


def _join_blocks(captured: Iterable[CapturedApdu], limits: Limits) -> tuple[CapturedApdu, ...]:
    """General block transfers joined; other APDUs as they are."""
    reassembler = gbt.Reassembler(limits)
    joined = []
    waiting = False
    for item in captured:
        if item.apdu[:1] != bytes((gbt.TAG,)):
            joined.append(item)
            continue
        block = decode_apdu(item.apdu, limits=limits)
        assert isinstance(block, GeneralBlockTransfer)
        whole = reassembler.push(block)
        waiting = whole is None
        if whole is not None:
            joined.append(CapturedApdu(whole, item.source, item.destination))
    if waiting and not joined:
        raise DecodeError("the last block of the block transfer is missing", offset=None)
    return tuple(joined)
