"""Captured bytes, taken apart: link frames, block transfers and ciphering, down to the plain APDU.

For an engineer with a capture: everything that could be read before a fault is returned, and the fault names
its layer and its byte.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from urja.cosem import gbt, hdlc, mbus, security, wrapper
from urja.cosem.apdu import (
    Aare,
    Aarq,
    Apdu,
    Ciphered,
    GeneralCiphered,
    GeneralSigned,
    GlobalCiphered,
    InitiateRequest,
    decode_apdu,
    under_dedicated_key,
)
from urja.cosem.errors import AuthenticationError, CosemError, DecodeError, PeerError
from urja.cosem.gbt import GeneralBlockTransfer
from urja.cosem.security import SecurityControl, SuiteKeys
from urja.cosem.telegram import check_telegram, is_telegram
from urja.cosem.xdlms.ciphered import SERVER_TAGS

Transport = Literal["wrapper", "hdlc", "mbus", "raw", "text"]

_WRAPPER_VERSION: Final = b"\x00\x01"
_FRAME_STARTS: Final = re.compile(rb"\x7e(?=[\xa0-\xaf])|\x68(?=..\x68)|\x00(?=\x01)", re.DOTALL)
"""Bytes at which a frame of HDLC, M-Bus or the wrapper may begin."""
_NO_CHANCE: Final = 20
"""Bytes that never read as an APDU under a wrong key."""
_RAW_RUN: Final = 1 << 16
"""Bytes up to which bare APDUs in a row are separated: each is decoded with all that follow it."""
_MAX_LAYERS: Final = 8
"""Levels of ciphering and block transfer in each other: no meter nests deeper."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The known keys of a meter; without `gak` an authenticated APDU is deciphered and not verified.

    `system_title` has 8 bytes, keys have 16 (32 for suite 2).
    """

    guek: bytes | None = None
    gak: bytes | None = None
    system_title: bytes | None = None
    dedicated: bytes | None = None
    """For a capture without the association that agreed the dedicated key."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One APDU as a link carried it; `start` is the offset in the capture of it, or of its first frame.

    `addresses` are the link's own: wrapper ports, HDLC addresses, the M-Bus address. `frames` is the number
    of frames.
    """

    transport: Transport
    apdu: bytes
    start: int
    addresses: dict[str, int] = field(default_factory=dict)
    frames: int = 1
    link_service: str = ""
    """Kind of an HDLC frame that carries no APDU: SNRM, UA, RR, ..."""
    fault: CosemError | None = None
    """Fault of the link's frames, with the offset in the capture; their APDU is given as far as it goes."""


@dataclass(frozen=True, slots=True)
class Protection:
    """One layer of ciphering; `verified` is None where there is no authentication, or no key was given."""

    system_title: bytes | None
    control: SecurityControl
    counter: int
    verified: bool | None


@dataclass(slots=True)
class DecodedPacket:
    """A packet taken apart as far as possible.

    `plain` and `apdu` are the innermost bytes and their APDU, None where a fault or a missing key stops
    before. `missing` is what is needed to go on, `error` the fault, `where` its layer. `inside` is the user
    information of an association request or response, itself taken apart.
    """

    packet: Packet | None
    protections: list[Protection] = field(default_factory=list)
    blocks: int = 0
    plain: bytes | None = None
    apdu: Apdu | None = None
    missing: str | None = None
    error: CosemError | None = None
    where: str = ""
    inside: "DecodedPacket | None" = None
    text: str | None = None
    """A telegram in the text form of IEC 62056-21, which some meters (Luxembourg, Austria) cipher like an
    APDU.
    """


class CaptureReader:
    """The reader of one capture; block transfers and the titles of associations continue across its packets."""

    def __init__(self, keys: Keys) -> None:
        """Raise LocalError for keys of a wrong length."""
        for key in (keys.guek, keys.dedicated):
            if key is not None:
                SuiteKeys(key, keys.gak)
        if keys.system_title is not None:
            security.nonce(keys.system_title, 0)
        self._keys = keys
        self._dedicated = keys.dedicated
        self._client_title: bytes | None = None
        self._server_title: bytes | None = None
        self._blocks = gbt.Reassembler()

    def open(self, capture: bytes) -> Iterator[DecodedPacket]:
        """Yield each APDU of the capture: broken ones with their error, sound ones behind them all the same."""
        if not capture:
            yield DecodedPacket(None, error=DecodeError("there are no bytes", offset=0), where="the input")
            return
        if is_telegram(capture):
            yield _telegram(capture)
            return
        pending: DecodedPacket | None = None
        fault: CosemError | None = None
        try:
            for packet in packets(capture):
                if packet.link_service or not packet.apdu:
                    yield DecodedPacket(packet, error=packet.fault, where="the input")
                    continue
                if pending is not None and not self._continues(packet.apdu):
                    yield self._interrupted(pending)
                    pending = fault = None
                pending = pending or DecodedPacket(packet)
                fault = fault or packet.fault
                if self._descend(pending, packet.apdu):
                    if fault is not None:
                        pending.error, pending.where = fault, "the input"
                    yield pending
                    pending = fault = None
        except CosemError as error:
            if pending is not None:
                yield self._interrupted(pending)
            yield DecodedPacket(None, error=error, where="the input")
            return
        if pending is not None:
            yield self._interrupted(pending)

    def _continues(self, apdu: bytes) -> bool:
        """Whether an APDU is the next block of the transfer under way, or repeats one of its blocks."""
        try:
            block = decode_apdu(apdu)
        except CosemError:
            return False
        return isinstance(block, GeneralBlockTransfer) and self._blocks.takes(block)

    def _interrupted(self, pending: DecodedPacket) -> DecodedPacket:
        """Return a block transfer whose last block is missing, with its error."""
        self._blocks.reset()
        pending.error = DecodeError(
            f"the block transfer ends after block {pending.blocks}, the last is missing"
        )
        pending.where = "the block transfer"
        return pending

    def _descend(self, opened: DecodedPacket, apdu: bytes, where: str = "the APDU") -> bool:
        """Open layer after layer; False where the rest comes in another packet."""
        for _ in range(_MAX_LAYERS):
            opened.plain = apdu
            try:
                opened.apdu = decoded = decode_apdu(apdu)
                if isinstance(decoded, GeneralBlockTransfer):
                    opened.blocks += 1
                    whole = self._blocks.push(decoded)
                    if whole is None:
                        return False
                    apdu, where = whole, "the APDU from the block transfer"
                elif isinstance(decoded, GeneralSigned):
                    opened.inside = DecodedPacket(None)
                    return self._descend(opened.inside, decoded.content, "the signed content")
                elif isinstance(decoded, Ciphered):
                    inner = self._decipher(opened, decoded, apdu)
                    if inner is None:
                        return True
                    if is_telegram(inner):
                        opened.plain, opened.apdu, opened.text = inner, None, inner.decode("ascii")
                        return True
                    apdu, where = inner, "the plain APDU"
                else:
                    if isinstance(decoded, Aarq | Aare):
                        opened.inside = self._associate(decoded)
                    return True
            except CosemError as error:
                _fail(opened, error, where)
                return True
        _fail(opened, DecodeError(f"more than {_MAX_LAYERS} layers"), where)
        return True

    def _associate(self, apdu: Aarq | Aare) -> DecodedPacket | None:
        """Take apart the user information of an association request or response.

        Its title, and its dedicated key, are used for the services after it.
        """
        title = apdu.calling_ap_title if isinstance(apdu, Aarq) else apdu.responding_ap_title
        if title is not None and len(title) == security.SYSTEM_TITLE_LENGTH:
            if isinstance(apdu, Aarq):
                self._client_title = title
            else:
                self._server_title = title
        if not apdu.user_information:
            return None
        inside = DecodedPacket(None)
        self._descend(inside, apdu.user_information, "the user information")
        if isinstance(inside.apdu, InitiateRequest) and inside.apdu.dedicated_key is not None:
            self._dedicated = inside.apdu.dedicated_key
        return inside

    def _titles(self, apdu: Ciphered) -> list[bytes]:
        """Return the titles that may be in the nonce, the most likely one first.

        That is the title that the APDU carries, else that of the end that sends such APDUs, the given one,
        and that of the other end.
        """
        if not isinstance(apdu, GlobalCiphered) and apdu.system_title:
            return [apdu.system_title]
        ends = [self._client_title, self._server_title]
        if isinstance(apdu, GlobalCiphered) and apdu.tag in SERVER_TAGS:
            ends.reverse()
        known = [ends[0], self._keys.system_title, ends[1]]
        return list(dict.fromkeys(title for title in known if title is not None))

    def _decipher(self, opened: DecodedPacket, apdu: Ciphered, raw: bytes) -> bytes | None:
        """Return the bytes inside; None where something is missing for it."""
        titles = self._titles(apdu)
        title = titles[0] if titles else None
        opened.protections.append(Protection(title, apdu.control, apdu.counter, None))
        opened.plain = None
        dedicated = under_dedicated_key(apdu)
        key = self._dedicated if dedicated else self._keys.guek
        needed = self._missing(apdu, key, title)
        if needed is not None:
            opened.missing = needed
            return None
        # Without protection no key is used: zeros fill its place.
        keys = SuiteKeys(key or bytes(security.KEY_LENGTH), self._keys.gak)
        fault: CosemError | None = None
        # Without any title the protection is one that is refused in any case, with an error that names it.
        for title in titles or [bytes(security.SYSTEM_TITLE_LENGTH)]:
            try:
                inner, verified = _open(keys, title, apdu, len(raw))
            except CosemError as error:
                fault = fault or error
                continue
            opened.protections[-1] = Protection(title, apdu.control, apdu.counter, verified)
            return inner
        assert fault is not None
        raise fault

    def _missing(self, apdu: Ciphered, key: bytes | None, title: bytes | None) -> str | None:
        control = apdu.control
        if control.suite not in security.KEY_LENGTHS or control.compressed:
            return None  # the suite or the compression is refused with an error of its own
        named = apdu.key_info if isinstance(apdu, GeneralCiphered) else None
        if named is not None and not named.is_global_unicast:
            return f"the key of this message ({named.words})"
        if key is None and (control.encrypted or control.authenticated):
            if under_dedicated_key(apdu):
                return "the dedicated key (the association that agreed it, or --dedicated)"
            if control.broadcast:
                return "the global broadcast encryption key (give it as --guek)"
            return "the global unicast encryption key (--guek)"
        if title is None:
            return "the sender's system title (--system-title)"
        return None


def _open(keys: SuiteKeys, title: bytes, apdu: Ciphered, size: int) -> tuple[bytes, bool | None]:
    """Return the bytes inside, and whether they are authentic; None where that is unknown."""
    control, payload = apdu.control, apdu.payload
    header = apdu.authenticated_header
    if not control.authenticated or keys.gak is not None:
        try:
            inner = security.open_(keys, title, apdu.counter, control, payload, header)
        except AuthenticationError as error:
            tag_at = size - security.TAG_LENGTH
            raise AuthenticationError(
                "wrong key, or changed bytes: the authentication tag does not fit", offset=tag_at
            ) from error
        verified = True if control.authenticated else None
    else:
        # Some utilities give out the encryption key alone: enough to read, not to verify.
        inner = payload[: -security.TAG_LENGTH]
        if control.encrypted:
            inner = security.open_(keys, title, apdu.counter, replace(control, authenticated=False), inner)
        verified = None
    if verified is None and not is_telegram(inner):
        _require_sense(inner, size - len(payload))
    return inner, verified


def _telegram(capture: bytes) -> DecodedPacket:
    """Return a telegram that is not ciphered, as a consumer interface (P1) sends it."""
    opened = DecodedPacket(Packet("text", b"", 0), text=capture.decode("ascii"))
    try:
        check_telegram(capture)
    except DecodeError as error:
        _fail(opened, error, "the telegram")
    return opened


def packets(capture: bytes) -> Iterator[Packet]:
    """Yield the APDUs in a capture of frames.

    What is broken before a sound frame comes as a packet without an APDU. Raises PeerError with the offset in
    `capture` where no sound frame is left.
    """
    pos = 0
    while pos < len(capture):
        try:
            packet, pos = _packet(capture, pos)
        except PeerError as error:
            sound = _next_frame(capture, pos + 1)
            if sound is None:
                raise
            packet, pos = Packet("raw", b"", pos, fault=error), sound
        yield packet


def _packet(capture: bytes, pos: int) -> tuple[Packet, int]:
    if capture[pos] == hdlc.FLAG:
        return _hdlc(capture, pos)
    if _is_mbus(capture, pos):
        return _mbus(capture, pos)
    if capture[pos : pos + 2] == _WRAPPER_VERSION:
        return _wrapper(capture, pos)
    return _raw(capture, pos)


def _next_frame(capture: bytes, pos: int) -> int | None:
    """Return the offset of the next frame with a right checksum (a wrapper has none: whose APDU decodes)."""
    for match in _FRAME_STARTS.finditer(capture, pos):
        at = match.start()
        try:
            if capture[at] == hdlc.FLAG:
                hdlc.decode_frame(capture, at)
            elif capture[at] == mbus.START:
                mbus.decode_telegram(capture, at)
            else:
                decode_apdu(_wrapper(capture, at)[0].apdu)
        except PeerError:
            continue
        return at
    return None


def _raw(capture: bytes, start: int) -> tuple[Packet, int]:
    """Return a bare APDU, perhaps behind its LLC header.

    Only the APDU itself says where it ends: what follows a whole one may be the next.
    """
    start += len(capture) - start - len(hdlc.strip_llc(capture[start:]))
    rest = capture[start:]
    if len(rest) <= _RAW_RUN:
        try:
            decode_apdu(rest)
        except DecodeError as error:
            # Where bytes follow a whole APDU, the decoder's error is at the first of them.
            head = rest[: error.offset or 0]
            if _reads(head):
                return Packet("raw", head, start), start + len(head)
            sound = _next_frame(capture, start + 1)
            if sound is not None:
                raise DecodeError(f"{sound - start} bytes that are no frame", offset=start) from error
    return Packet("raw", rest, start), len(capture)


def _hdlc(capture: bytes, start: int) -> tuple[Packet, int]:
    """Return the APDU that the next frames complete, or one frame that carries none (SNRM, UA, RR, ...)."""
    segments = hdlc.Reassembler()
    pos, count = start, 0
    fault: CosemError | None = None
    while True:
        try:
            frame, closing = hdlc.decode_frame(capture, pos)
        except DecodeError as error:
            frame, closing = hdlc.decode_frame(capture, pos, checked=False)
            fault = fault or error
        pos, count = _after_flag(capture, closing), count + 1
        addresses = {"source": frame.source.upper, "destination": frame.destination.upper}
        carries = frame.control.kind in (hdlc.Kind.INFORMATION, hdlc.Kind.UNNUMBERED_INFORMATION)
        if not carries or not frame.information:
            return Packet("hdlc", b"", start, addresses, count, frame.control.kind.value, fault), pos
        apdu = segments.push(frame)
        if apdu is not None:
            return Packet("hdlc", apdu, start, addresses, count, fault=fault), pos
        if pos >= len(capture):
            raise DecodeError("cut: the last frame announces another segment", offset=len(capture))


def _after_flag(capture: bytes, closing: int) -> int:
    """Return where the next frame begins: a closing flag may be the opening flag of the next frame too."""
    after = closing + 1
    shared = after < len(capture) and capture[after] != hdlc.FLAG and capture[after] & 0xF0 == 0xA0
    return closing if shared else after


def _mbus(capture: bytes, start: int) -> tuple[Packet, int]:
    segments = mbus.Reassembler()
    pos, count = start, 0
    addresses: dict[str, int] = {}
    fault: CosemError | None = None
    while True:
        at = pos
        try:
            telegram, pos = mbus.decode_telegram(capture, at)
        except DecodeError as error:
            telegram, pos = mbus.decode_telegram(capture, at, checked=False)
            fault = fault or error
        count += 1
        if at == start:
            addresses = {
                "source": telegram.source,
                "destination": telegram.destination,
                "address": telegram.address,
            }
        try:
            apdu = segments.push(telegram)
        except PeerError as error:
            raise DecodeError(error.message, offset=at) from error
        if apdu is not None:
            return Packet("mbus", apdu, start, addresses, count, fault=fault), pos
        if pos >= len(capture):
            raise DecodeError("cut: the last telegram is not marked as final", offset=len(capture))


def _wrapper(capture: bytes, pos: int) -> tuple[Packet, int]:
    header = capture[pos : pos + wrapper.HEADER_LENGTH]
    size = int.from_bytes(header[6:8])
    end = pos + wrapper.HEADER_LENGTH + size
    if len(header) < wrapper.HEADER_LENGTH or end > len(capture):
        due = size if len(header) == wrapper.HEADER_LENGTH else wrapper.HEADER_LENGTH
        there = len(capture) - pos - (wrapper.HEADER_LENGTH if due == size else 0)
        raise DecodeError(f"cut frame: the wrapper needs {due} bytes, {there} are there", offset=len(capture))
    frame = wrapper.decode_datagram(capture[pos:end])
    addresses = {"source": frame.source, "destination": frame.destination}
    return Packet("wrapper", frame.apdu, pos + wrapper.HEADER_LENGTH, addresses), end


def _is_mbus(capture: bytes, pos: int) -> bool:
    head = capture[pos : pos + 4]
    return len(head) == 4 and head[0] == head[3] == mbus.START and head[1] == head[2]


def _require_sense(apdu: bytes, start: int) -> None:
    """Raise DecodeError where bytes without authentication do not decode as an APDU.

    Without a tag that is the only sign of a wrong key. Text and ciphertext correspond byte for byte, so that
    the offset of a fault in one is its offset in the other.
    """
    try:
        decode_apdu(apdu)
    except DecodeError as error:
        at = error.offset or 0
        if at < _NO_CHANCE:
            raise DecodeError(
                f"wrong key, or changed bytes: what comes out ({apdu[:4].hex()}...) is no APDU", offset=start
            ) from error
        raise DecodeError(
            f"changed bytes: what comes out reads as an APDU up to its byte {at} and no further "
            f"({error.message}): {apdu[:at].hex()}",
            offset=start + at,
        ) from error


def _reads(apdu: bytes) -> bool:
    try:
        decode_apdu(apdu)
    except DecodeError:
        return False
    return True


def _fail(opened: DecodedPacket, error: CosemError, where: str) -> None:
    opened.error, opened.where, opened.apdu = error, where, None
