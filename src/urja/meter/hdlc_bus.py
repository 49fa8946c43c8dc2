"""Meters on one HDLC bus (IEC 62056-46), each at its physical address: an RS-485 line behind a gateway or a serial
port.

The client speaks to one meter at a time; a meter sends only when it is polled, and only on the port of the request. A
frame with a wrong check sequence, or for an address that no meter has, gets no answer.
"""

import asyncio
import os
import tty
from collections.abc import Callable, Mapping
from typing import Final, cast

import structlog

from urja.cosem.errors import CosemError
from urja.cosem.hdlc import Address, HdlcFrame, Splitter
from urja.cosem.hdlc_link import ApduArrived, LinkEnded, ServerLink
from urja.cosem.wrapper import Frame
from urja.meter.session import Sessions
from urja.meter.station import Station

log = structlog.get_logger()

_READ_SIZE: Final = 4096
_PAUSE_S: Final = 1.0
"""Seconds without a byte after which an unfinished frame is dropped: the inter-octet time-out of class 23, which is
longer here because a gateway cuts frames into packets.
"""


class _BusMeter:
    """One meter on the bus: a data link and an association for each client address."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._sessions = Sessions(station.meter, station.entropy)
        self._links: dict[int, ServerLink] = {}

    def receive(self, frame: HdlcFrame, now_s: float) -> bytes:
        """Return the meter's frames in answer; none where it has no power or does not know the client or logical
        device.
        """
        client_sap, server_sap = frame.source.upper, frame.destination.upper
        self._station.catch_up()
        answers = self._station.meter.communicates and self._station.reachable
        if not answers or not self._sessions.knows(client_sap, server_sap):
            return b""
        link = self._links.setdefault(client_sap, ServerLink())
        for event in link.receive(frame, now_s):
            match event:
                case ApduArrived(apdu):
                    self._serve(link, Frame(client_sap, server_sap, apdu))
                case LinkEnded():
                    # Its association ends with it (IEC 62056-5-3, 9.4: the lower layer's disconnect is an abort).
                    self._sessions.forget(client_sap)
                case _:
                    pass
        return link.take_output()

    def _serve(self, link: ServerLink, request: Frame) -> None:
        for answer in self._sessions.receive(request):
            link.send(answer.apdu)
        serial = self._station.meter.identity.serial
        for fault in self._sessions.take_faults():
            log.info(
                "client sent an invalid request", serial=serial, client_sap=request.source, error=str(fault)
            )
        self._station.catch_up()  # send what the request caused, such as the alert of the relay


class HdlcBus:
    """Meters by physical address. `now_s` is a monotonic clock, for the inactivity of data links."""

    def __init__(self, stations: Mapping[int | None, Station], now_s: Callable[[], float]) -> None:
        self._meters = {physical: _BusMeter(station) for physical, station in stations.items()}
        self.now_s = now_s
        self.connections: set[BusProtocol] = set()

    def close(self) -> None:
        """Close all connections to the gateway."""
        for connection in list(self.connections):
            connection.close()

    def receive(self, frame: HdlcFrame) -> bytes:
        """Return the bus's answer to one frame."""
        meter = self._meter_at(frame.destination)
        return b"" if meter is None else meter.receive(frame, self.now_s())

    def _meter_at(self, address: Address) -> _BusMeter | None:
        if address.lower is not None:
            return self._meters.get(address.lower)
        # An address of one byte has no physical part: it reaches the meter of a bus that has only one.
        return next(iter(self._meters.values())) if len(self._meters) == 1 else None


class _Port:
    """One way to the bus: bytes in, answers out."""

    def __init__(self, bus: HdlcBus, write: Callable[[bytes], None]) -> None:
        self._bus = bus
        self._write = write
        self._splitter = Splitter()
        self._heard_at_s = bus.now_s()

    def receive(self, data: bytes) -> None:
        heard_at_s, self._heard_at_s = self._heard_at_s, self._bus.now_s()
        frames = self._splitter.finish() if self._heard_at_s - heard_at_s > _PAUSE_S else []
        for frame in [*frames, *self._splitter.feed(data)]:
            try:
                answer = self._bus.receive(frame)
            except CosemError as error:
                # The meter has no counter left, or its answer is too long for the link: it does not answer.
                log.warning("meter does not answer", error=str(error))
                continue
            if answer:
                self._write(answer)


class BusProtocol(asyncio.Protocol):
    """A TCP connection to the gateway of a bus."""

    def __init__(self, bus: HdlcBus) -> None:
        self._bus = bus

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._port = _Port(self._bus, self._transport.write)
        self._bus.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature of asyncio.Protocol
        self._bus.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._port.receive(data)

    def close(self) -> None:
        self._transport.close()


class PseudoTerminal:
    """A pseudo terminal in the place of a serial port: a program that opens its path is on the bus.

    A context manager, to be entered inside the event loop.
    """

    def __init__(self, bus: HdlcBus) -> None:
        self._bus = bus

    def __enter__(self) -> str:
        """Return the path to open."""
        self._ours, self._theirs = os.openpty()
        # Both ends stay open here, so that a client can close its end and open it again.
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self._port = _Port(self._bus, self._write)
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return os.ttyname(self._theirs)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self._theirs)

    def _read(self) -> None:
        try:
            data = os.read(self._ours, _READ_SIZE)
        except BlockingIOError:
            return
        self._port.receive(data)

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._ours, data)
        except BlockingIOError:
            written = 0
        if written < len(data):
            # Bytes are lost as on a wire without a receiver; the client repeats its frame.
            log.warning("serial line is full, bytes are lost", lost=len(data) - written)
