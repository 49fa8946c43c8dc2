"""The meter port with the DLMS wrapper (IEC 62056-4-7): TCP and UDP, IPv4 and IPv6, ten thousand long-lived
connections.

An idle connection costs one protocol object and what the event loop needs for its transport: no reader, no buffer, no
task. A frame that arrives whole in one read, the usual case, is passed on without being copied into a buffer first.
"""

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Set as AbstractSet
from pathlib import Path
from typing import Final, cast

import structlog

from urja.base.file_descriptors import connection_limit
from urja.base.ip_networks import network_of
from urja.base.settings import HeadendSettings
from urja.cosem.errors import DecodeError
from urja.cosem.wrapper import HEADER_LENGTH, VERSION, Frame, Splitter, decode_datagram
from urja.headend.admission import Admission
from urja.headend.intake import SERVER_SAP, Intake
from urja.headend.metrics import Metrics
from urja.headend.roster import PUSH_SAP, Meter

log = structlog.get_logger()

MAX_APDU: Final = 8192
"""Bytes of the longest APDU a meter may send; a longer one closes the connection."""
UNFINISHED_FRAME_S: Final = 60.0
"""Seconds after which a connection with an unfinished frame is closed."""
_BACKLOG: Final = 2048
_UDP_BUFFER: Final = 4 << 20
_LONGEST: Final = HEADER_LENGTH + MAX_APDU
_PUSH_HEADERS: Final = tuple(
    struct.pack(">HHHH", VERSION, SERVER_SAP, PUSH_SAP, max(0, size - HEADER_LENGTH))
    for size in range(_LONGEST + 1)
)
"""The wrapper header of a push from the meter's management device to the usual SAP, by the size of the frame in
bytes."""
_CIPHERED: Final = b"\xdb\x08"
"""The first bytes of a ciphered push: general-glo-ciphering (tag 0xDB) with a system title of eight bytes."""


class WrapperPortError(OSError):
    """An address cannot be listened on; the message says which and what to do."""


class MeterConnection(asyncio.Protocol):
    """One TCP connection. Pushes go to the intake; answers go to the session that uses the connection."""

    __slots__ = (
        "_intake",
        "_peer",
        "_splitter",
        "_wrapper_port",
        "on_answer",
        "slot",
        "slots",
        "transport",
        "unfinished_since",
    )

    def __init__(self, wrapper_port: "WrapperPort", intake: Intake) -> None:
        self._wrapper_port = wrapper_port
        self._intake = intake
        self._splitter: Splitter | None = None
        self._peer: tuple[str, int] = ("gone", 0)
        self.transport: asyncio.Transport | None = None
        self.slot = -1
        """Slot of the meter that pushed last; -1 while no meter is known here."""
        self.slots: set[int] = set()
        """Slots of all meters known to be here: several behind a concentrator, none at an unknown connection."""
        self.on_answer: Callable[[Frame | None], None] | None = None
        """Set by a session: called with each frame that is not a push, and with None when the connection is lost."""
        self.unfinished_since: float | None = None

    @property
    def network(self) -> str:
        """The network by which unknown connections and quarantined frames are limited."""
        return network_of(self._peer[0])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport has the methods of asyncio.Transport without being one.
        self.transport = cast("asyncio.Transport", transport)
        # Read once, here: for a connection that was reset uvloop no longer knows it, and raises.
        with contextlib.suppress(OSError):
            name = transport.get_extra_info("peername")
            self._peer = (name[0], name[1])
        self._wrapper_port.opened(self)

    def data_received(self, data: bytes) -> None:
        size = len(data)
        if size <= _LONGEST and data.startswith(_PUSH_HEADERS[size]) and self._splitter is None:
            # `Intake.add`, written out: this is the one path that every push of every meter takes.
            intake = self._intake
            intake.origins.append(self)
            frames = intake.frames
            frames.append(data)
            if len(frames) >= intake.notice_at:
                intake.notice()
            return
        self._split(data)

    def _split(self, data: bytes) -> None:
        """Pass on several frames in one read, parts of one, answers and garbage."""
        splitter = self._splitter or Splitter(MAX_APDU)
        try:
            frames = splitter.feed(data)
        except DecodeError as error:
            self._wrapper_port.garbage(data, str(error), self)
            self.close()
            return
        for frame in frames:
            if self._is_push(frame):
                self._intake.add(Frame(SERVER_SAP, PUSH_SAP, frame.apdu).encode(), self)
            elif self.on_answer is not None:
                self.on_answer(frame)
            else:
                self._wrapper_port.garbage(
                    frame.encode(), f"no session expects an APDU for SAP {frame.destination}", self
                )
        if splitter.failure is not None:
            self._wrapper_port.garbage(data, str(splitter.failure), self)
            self.close()
            return
        # Buffers live only while a frame is unfinished.
        self._splitter = splitter if splitter.pending else None
        self.unfinished_since = self._wrapper_port.now_s() if splitter.pending else None

    def _is_push(self, frame: Frame) -> bool:
        """Return whether a frame is addressed to a push SAP. Without a session, any ciphered push counts."""
        if frame.destination in self._wrapper_port.push_saps:
            return True
        return self.on_answer is None and frame.apdu.startswith(_CIPHERED)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not isinstance(exc, OSError):
            # An exception in `data_received` ends this connection alone: the event loop closes it.
            self._wrapper_port.log_fault(exc, self)
        self._wrapper_port.closed(self)
        if self.on_answer is not None:
            self.on_answer(None)
        self.transport = None

    def send(self, frame: bytes) -> None:
        """Write the bytes of a wrapper frame. Raises ConnectionError where the connection is closed."""
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the meter's connection is closed")
        self.transport.write(frame)

    def close(self) -> None:
        """Close; `connection_lost` follows."""
        if self.transport is not None:
            self.transport.close()

    def peer(self) -> tuple[str, int]:
        """Address and port of the other side; `("gone", 0)` where they were never known."""
        return self._peer

    def describe(self) -> str:
        host, port = self._peer
        return f"tcp {host}:{port}"

    def recognise(self, meter: Meter) -> None:
        self._wrapper_port.recognise(self, meter)


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP side of the port. A datagram holds one frame; datagrams that arrive while reading is paused are
    counted.
    """

    def __init__(self, wrapper_port: "WrapperPort") -> None:
        self._wrapper_port = wrapper_port

    def datagram_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        try:
            self._wrapper_port.datagram(data, addr)
        except Exception as error:  # noqa: BLE001 - uvloop would close the UDP port for good
            self._wrapper_port.log_fault(error, _DatagramOrigin(addr))


class _DatagramOrigin:
    """The sender of one datagram."""

    __slots__ = ("_address", "slot")

    def __init__(self, address: tuple[object, ...]) -> None:
        self._address = address
        self.slot = -1

    def describe(self) -> str:
        return f"udp {self._address[0]}:{self._address[1]}"

    @property
    def network(self) -> str:
        return network_of(str(self._address[0]))

    def recognise(self, meter: Meter) -> None:
        """Do nothing: sessions do not run over datagrams."""


class _DialledOrigin:
    """A meter that we dialled and that pushes over the same connection."""

    __slots__ = ("_address", "slot")

    def __init__(self, address: str) -> None:
        self._address = address
        self.slot = -1

    def describe(self) -> str:
        return f"dialled {self._address}"

    @property
    def network(self) -> str:
        return network_of(self._address.rpartition(":")[0])

    def recognise(self, meter: Meter) -> None:
        """Do nothing: its sessions use its address."""


class WrapperPort:
    """The listening sockets and all connections. `by_slot` maps a meter's slot to its connection."""

    def __init__(self, metrics: Metrics, settings: HeadendSettings, push_saps: AbstractSet[int]) -> None:
        self._metrics = metrics
        self.push_saps = push_saps
        """Client SAPs that the known meters push to."""
        self.room = connection_limit(settings.connections)
        """The number of connections that may be open at once."""
        self._admission = Admission[MeterConnection](
            most=self.room,
            most_unknown=settings.unknown_connections,
            share_percent=settings.unknown_share_percent,
        )
        self._connections: set[MeterConnection] = set()
        self.by_slot: dict[int, MeterConnection] = {}
        self._intake: Intake | None = None
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[asyncio.DatagramTransport] = []
        self._held = False
        self.on_opened: Callable[[MeterConnection], None] | None = None
        """Called with each connection that is admitted; its meter is not known yet."""
        self._kernel_drops = 0
        self._udp_dropped = metrics.udp_dropped.labels("us")
        self.port = 0

    async def listen(self, intake: Intake, hosts: tuple[str, ...], port: int, *, udp: bool) -> None:
        """Open the port on each host. Raises WrapperPortError naming the address that cannot be opened."""
        self._intake = intake
        loop = asyncio.get_running_loop()
        self.now_s = loop.time
        self.port = port
        for host in hosts:
            stream = self._socket(host, socket.SOCK_STREAM)
            self.port = stream.getsockname()[1]
            server = await loop.create_server(
                lambda: MeterConnection(self, intake), sock=stream, backlog=_BACKLOG
            )
            self._servers.append(server)
            if udp:
                datagrams = self._socket(host, socket.SOCK_DGRAM)
                transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
                self._datagrams.append(transport)

    def _socket(self, host: str, kind: socket.SocketKind) -> socket.socket:
        try:
            found = socket.getaddrinfo(host, self.port, type=kind, flags=socket.AI_PASSIVE)
            family, _, protocol, _, address = found[0]
            opened = socket.socket(family, kind, protocol)
        except OSError as error:
            raise WrapperPortError(f"cannot listen on {host}: {error}") from error
        opened.setblocking(False)
        if kind is socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER)
        if family == socket.AF_INET6:
            # One socket for each family: the same port on both, and IPv4 peers keep their address form.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            opened.bind(address)
        except OSError as error:
            opened.close()
            taken = error.errno == errno.EADDRINUSE
            hint = "another program listens there; stop it or set headend.port" if taken else str(error)
            raise WrapperPortError(f"cannot listen on {host} port {self.port}: {hint}") from error
        return opened

    async def close(self) -> None:
        """Stop listening and close every connection."""
        for server in self._servers:
            server.close()
        for transport in self._datagrams:
            transport.close()
        for connection in list(self._connections):
            connection.close()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        self._datagrams.clear()

    @property
    def open_connections(self) -> int:
        """The number of open TCP connections."""
        return len(self._connections)

    @property
    def held(self) -> bool:
        """Whether reading from the sockets is paused."""
        return self._held

    # -- from the sockets -----------------------------------------------------------------------------------

    def datagram(self, data: bytes, address: tuple[object, ...]) -> None:
        """Pass the bytes of a datagram to the intake, or to quarantine where it is no push."""
        assert self._intake is not None
        if self._held:
            # UDP has no back-pressure: the datagram would be lost in the kernel's buffer anyway, and here the loss is
            # counted.
            self._udp_dropped.inc()
            return
        origin = _DatagramOrigin(address)
        if len(data) <= _LONGEST and data.startswith(_PUSH_HEADERS[len(data)]):
            self._intake.add_datagram(data, origin)
            return
        try:
            frame = decode_datagram(data)
        except DecodeError as error:
            self.garbage(data, f"not one wrapper frame: {error}", origin)
            return
        if len(data) > _LONGEST:
            self.garbage(data, f"an APDU of {len(frame.apdu)} bytes; {MAX_APDU} are taken", origin)
        elif frame.destination in self.push_saps or frame.apdu.startswith(_CIPHERED):
            self._intake.add_datagram(Frame(SERVER_SAP, PUSH_SAP, frame.apdu).encode(), origin)
        else:
            self.garbage(data, f"no session expects an APDU for SAP {frame.destination}", origin)

    def pushes_of(self, address: str) -> Callable[[bytes], None]:
        """The callback for pushes that come over a connection dialled to `address` (`host:port`)."""
        assert self._intake is not None
        intake, origin = self._intake, _DialledOrigin(address)

        def on_push(apdu: bytes) -> None:
            intake.add(Frame(SERVER_SAP, PUSH_SAP, apdu).encode(), origin)

        return on_push

    def log_fault(self, error: Exception, origin: MeterConnection | _DatagramOrigin) -> None:
        """Count and log an exception that bytes of one connection caused; other connections continue."""
        self._metrics.faults.inc()
        log.error("an exception while handling a meter's bytes", peer=origin.describe(), exc_info=error)

    def garbage(self, data: bytes, why: str, origin: MeterConnection | _DatagramOrigin) -> None:
        """Quarantine bytes that are no frame addressed to us."""
        assert self._intake is not None
        self._intake.rejections.quarantine_garbage(data[:MAX_APDU], why, origin)

    def opened(self, connection: MeterConnection) -> None:
        """Admit a connection. Where the limit is reached, an unknown one is closed for it: this one or an older one."""
        closing = self._admission.admit(connection, connection.network)
        if closing is not None:
            self._metrics.refused_connections.inc()
            self._forget(closing)
            closing.close()
        if closing is connection:
            return
        self._connections.add(connection)
        self._metrics.connections.inc()
        if self._held and connection.transport is not None:
            connection.transport.pause_reading()
        if self.on_opened is not None:
            self.on_opened(connection)

    def closed(self, connection: MeterConnection) -> None:
        """Remove a connection that was closed."""
        if connection in self._connections:
            self._admission.forget(connection)
            self._forget(connection)

    def _forget(self, connection: MeterConnection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            self._metrics.connections.dec()
        for slot in connection.slots:
            del self.by_slot[slot]
        connection.slots.clear()

    def recognise(self, connection: MeterConnection, meter: Meter) -> None:
        """Note that a meter has proven to be at this connection. One connection may serve many meters (a
        concentrator).
        """
        if connection not in self._connections:
            return
        connection.slot = meter.slot
        before = self.by_slot.get(meter.slot)
        if before is connection:
            return
        if before is not None:
            before.slots.discard(meter.slot)
            if not before.slots:
                # Otherwise one meter's keys could open any number of connections that may never be closed.
                before.slot = -1
                self._admission.mark_unknown(before, before.network)
        self.by_slot[meter.slot] = connection
        connection.slots.add(meter.slot)
        self._admission.recognise(connection)

    # -- control --------------------------------------------------------------------------------------------

    def hold(self, held: bool) -> None:
        """Pause reading from every TCP connection, or resume it."""
        self._held = held
        for connection in self._connections:
            transport = connection.transport
            if transport is None or transport.is_closing():
                continue
            if held:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def sweep(self) -> None:
        """Close connections with an unfinished frame; count datagrams that the kernel dropped."""
        now_s = self.now_s()
        for connection in list(self._connections):
            since = connection.unfinished_since
            if since is not None and now_s - since > UNFINISHED_FRAME_S and not self._held:
                log.info("connection closed: a frame was left unfinished", peer=connection.describe())
                connection.close()
        if self._datagrams:
            drops = kernel_drops(self.port)
            self._metrics.udp_dropped.labels("kernel").inc(max(0, drops - self._kernel_drops))
            self._kernel_drops = max(drops, self._kernel_drops)


def kernel_drops(port: int) -> int:
    """The number of datagrams the kernel dropped on our UDP sockets since they were opened (Linux; elsewhere 0)."""
    drops = 0
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rsplit(":", 1)[1], 16) == port:
                    drops += int(fields[12])
    return drops
