"""The APDU channel to one meter over HDLC (IEC 62056-46), behind a gateway's TCP port or at a serial port.

The connection to the shared link outlasts the sessions with its meters. A session has one data link at a time: it is
set up when the session first sends for a client SAP, and released when the session continues under another SAP or
ends.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Self, assert_never, cast

from urja.base.meter_address import GatewayLink, HdlcLinkAddress, Link, SerialLink
from urja.base.serial_port import SerialPort
from urja.cosem.hdlc import Address, HdlcFrame, Splitter
from urja.cosem.hdlc_link import (
    CLIENT_PARAMETERS,
    ApduArrived,
    ClientLink,
    EndReason,
    LinkConnected,
    LinkEnded,
    LinkEvent,
    Timing,
)
from urja.headend.apdu_channel import ANSWER_S, CONNECT_S
from urja.headend.failures import FailureKind, SessionFailedError

_MOST_FRAMES: Final = 64
"""Frames kept until the session reads them. More is noise: a window has seven frames."""
_UNACKNOWLEDGED_MS: Final = 20_000
"""Milliseconds after which the kernel gives up a gateway that does not acknowledge our bytes."""
_BITS_A_BYTE: Final = 11
_FAILURES: Final = {
    EndReason.NO_ANSWER: FailureKind.TIMEOUT,
    EndReason.REFUSED: FailureKind.BUSY,
    EndReason.DROPPED: FailureKind.CUT,
    EndReason.REJECTED: FailureKind.PROTOCOL,
    EndReason.RELEASED: FailureKind.CUT,
}


class LinkConnection(asyncio.Protocol):
    """An open connection to a shared link: bytes out, HDLC frames in."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._splitter = Splitter()
        self._frames: deque[HdlcFrame] = deque(maxlen=_MOST_FRAMES)
        self._news = asyncio.Event()
        self.lost = False

    @classmethod
    async def open(cls, link: Link, within_s: float = CONNECT_S) -> Self:
        """Connect to a link within `within_s` seconds. Raises SessionFailedError (unreachable)."""
        connection = cls()
        try:
            match link:
                case GatewayLink(host, port):
                    loop = asyncio.get_running_loop()
                    async with asyncio.timeout(within_s):
                        await loop.create_connection(lambda: connection, host, port)
                case SerialLink():
                    SerialPort(link, connection)
                case _:
                    assert_never(link)
        except TimeoutError:
            message = f"{link.name} did not answer within {within_s:g} s"
            raise SessionFailedError(FailureKind.UNREACHABLE, message) from None
        except BlockingIOError:
            message = f"{link.name} is in use by another program"
            raise SessionFailedError(FailureKind.UNREACHABLE, message) from None
        except OSError as error:
            raise SessionFailedError(
                FailureKind.UNREACHABLE, f"{link.name}: {error.strerror or error}"
            ) from error
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if (opened := transport.get_extra_info("socket")) is not None:
            # Without this limit, a gateway that lost power without closing would keep a busy link from being dialled again.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)

    def data_received(self, data: bytes) -> None:
        self._frames += self._splitter.feed(data)
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lost = True
        self._news.set()

    @property
    def discarded(self) -> int:
        """The number of received bytes that belonged to no frame."""
        return self._splitter.discarded

    def noise_since(self, discarded: int) -> str:
        """What came beside frames since `discarded` was so many bytes; empty where nothing did."""
        self._end_unfinished()
        count, error = self._splitter.discarded - discarded, self._splitter.last_error
        if not count:
            return ""
        return f"; {count} bytes came that are no frame" + ("" if error is None else f": {error}")

    def write(self, data: bytes) -> None:
        """Send bytes. Raises SessionFailedError (cut) where the connection is lost."""
        if self.lost or self._transport is None or self._transport.is_closing():
            raise SessionFailedError(FailureKind.CUT, "the connection to the meter's link was lost")
        if data:
            self._end_unfinished()
            self._transport.write(data)

    def _end_unfinished(self) -> None:
        """Take an unfinished frame as ended: its rest was lost, and must not be taken from the answer to come."""
        self._frames += self._splitter.finish()

    async def frames(self, until_s: float | None) -> list[HdlcFrame]:
        """The frames received so far, or an empty list at `until_s` (seconds of the event loop's clock). Raises
        SessionFailedError (cut).
        """
        try:
            async with asyncio.timeout_at(until_s):
                await self._news.wait()
        except TimeoutError:
            return []
        self._news.clear()
        came = list(self._frames)
        self._frames.clear()
        if not came and self.lost:
            raise SessionFailedError(FailureKind.CUT, "the connection to the meter's link was lost")
        return came

    def close(self) -> None:
        """Close; `connection_lost` follows."""
        if self._transport is not None:
            self._transport.close()


class HdlcChannel:
    """Requests and answers of one session with one meter on a link. Used as a context manager, which releases its
    data link.
    """

    def __init__(
        self,
        connection: LinkConnection,
        meter: HdlcLinkAddress,
        server_sap: int,
        answer_s: float = ANSWER_S,
        *,
        was_silent: bool = False,
    ) -> None:
        self._connection = connection
        self._server = Address(server_sap, meter.physical, meter.size)
        self._timing = timing_of(meter.link, answer_s)
        if was_silent:
            # One attempt instead of three: a meter that did not answer must not cost the others on the link its time-outs.
            self._timing = replace(self._timing, connect_retries=0)
        self.is_silent = was_silent
        """Whether the meter did not answer the last request to set up a data link."""
        self._unsent: deque[bytes] = deque()
        self._arrived: deque[bytes] = deque()
        self._was_up = False
        self._client_sap: int | None = None
        self._link: ClientLink | None = None
        self._now_s = asyncio.get_running_loop().time
        self._discarded_before = connection.discarded

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        link = self._link
        if link is None or link.is_over:
            return
        # Where the connection is lost, the data link is lost with it; the session's result counts all the same.
        with contextlib.suppress(SessionFailedError):
            if kind is None or issubclass(kind, Exception):
                await self._release()
            else:
                # Cancelled: there is no time to wait for the answer. The meter receives the DISC, or times out by itself.
                link.take_output()
                link.disconnect(self._now_s())
                self._connection.write(link.take_output())

    def send(self, client_sap: int, apdu: bytes) -> None:
        """Queue an APDU (bytes without frame) from a client SAP: it is sent with the next `receive`."""
        if client_sap != self._client_sap:
            self._client_sap = client_sap
            self._unsent.clear()
            self._arrived.clear()
        self._unsent.append(apdu)

    async def receive(self, client_sap: int) -> bytes:
        """The next APDU for a client SAP. Raises SessionFailedError (timeout, cut, busy, protocol)."""
        link = await self._link_of(client_sap)
        while self._unsent:
            link.send(self._unsent.popleft(), self._now_s())
        while not self._arrived:
            if link.is_over:
                raise SessionFailedError(FailureKind.CUT, "the link to the meter is down")
            link.poll(self._now_s())
            await self._turn(link)
        return self._arrived.popleft()

    async def _link_of(self, client_sap: int) -> ClientLink:
        """The data link of a client SAP. A link of another SAP is released first: many meters have room for one."""
        wanted = Address(client_sap)
        if self._link is not None and self._link.client == wanted:
            return self._link
        await self._release()
        self._link = ClientLink(wanted, self._server, timing=self._timing)
        return self._link

    async def _release(self) -> None:
        link = self._link
        if link is None or link.is_over:
            return
        link.disconnect(self._now_s())
        while not link.is_over:
            await self._turn(link, ending=True)

    async def _turn(self, link: ClientLink, *, ending: bool = False) -> None:
        """Send queued bytes, handle received frames, and let time-outs act."""
        self._connection.write(link.take_output())
        frames = await self._connection.frames(link.wake_at_s)
        for frame in frames:
            self._take(link.receive(frame, self._now_s()), ending=ending)
        # Also when frames came: they may be those of another station, which never stop.
        self._take(link.handle_timer(self._now_s()), ending=ending)

    def _take(self, events: Iterable[LinkEvent], *, ending: bool) -> None:
        for event in events:
            match event:
                case ApduArrived(apdu):
                    self._arrived.append(apdu)
                case LinkEnded(reason, why):
                    self.is_silent |= reason is EndReason.NO_ANSWER and not self._was_up
                    if reason is EndReason.NO_ANSWER:
                        # A wrong check sequence or baud rate looks like a meter that is not communicating otherwise.
                        why += self._connection.noise_since(self._discarded_before)
                    if not ending:
                        raise SessionFailedError(_FAILURES[reason], why)
                case LinkConnected():
                    self._was_up, self.is_silent = True, False
                case _:
                    assert_never(event)


def timing_of(link: Link, answer_s: float) -> Timing:
    """Three attempts within `answer_s` seconds, plus on a serial link the time of the longest frames in both
    directions.
    """
    transmission_s = 0.0
    if isinstance(link, SerialLink):
        longest = CLIENT_PARAMETERS.max_information_transmit + CLIENT_PARAMETERS.max_information_receive
        transmission_s = longest * _BITS_A_BYTE / link.baud
    return Timing(response_s=answer_s * 0.3 + transmission_s, retries=2, answer_s=answer_s + transmission_s)
