"""The channel to one meter for APDUs: requests out, answers in, with time-outs on the monotonic clock.

With the DLMS wrapper (IEC 62056-4-7) the meter may have dialled in (a `MeterConnection` of the wrapper port, which
continues to carry pushes) or be dialled here; `hdlc_channel` has the channel over HDLC. One session uses a channel at
a time.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, Self, cast

from urja.cosem.errors import DecodeError
from urja.cosem.wrapper import Frame, Splitter
from urja.headend.failures import FailureKind, SessionFailedError

ANSWER_S = 10.0
"""Seconds a meter may take for one answer."""
CONNECT_S = 10.0


class ApduChannel(Protocol):
    """Requests and answers of one session."""

    def send(self, client_sap: int, apdu: bytes) -> None:
        """Send an APDU (bytes without wrapper or HDLC frame) from a client SAP. Raises SessionFailedError (cut)."""
        ...

    async def receive(self, client_sap: int) -> bytes:
        """The next APDU (bytes without frame) for a client SAP. Raises SessionFailedError (timeout, cut)."""
        ...


class FrameConnection(Protocol):
    """A connection that carries wrapper frames. `on_answer` is called with each frame that is not a push, and with
    None when it closes.
    """

    on_answer: Callable[[Frame | None], None] | None

    def send(self, frame: bytes) -> None:
        """Write a frame. Raises ConnectionError where the connection is closed."""
        ...


class WrapperChannel:
    """A channel over wrapper frames. Used as a context manager, during which it receives its connection's answers."""

    def __init__(self, carrier: FrameConnection, server_sap: int, answer_s: float = ANSWER_S) -> None:
        self.carrier = carrier
        self._server_sap = server_sap
        self._answer_s = answer_s
        self._answers: asyncio.Queue[Frame | None] = asyncio.Queue()

    def __enter__(self) -> Self:
        if self.carrier.on_answer is not None:
            raise RuntimeError("another session uses this connection")
        self.carrier.on_answer = self._answers.put_nowait
        return self

    def __exit__(self, *_: object) -> None:
        self.carrier.on_answer = None

    def send(self, client_sap: int, apdu: bytes) -> None:
        """Send an APDU from a client SAP. Raises SessionFailedError (cut)."""
        try:
            self.carrier.send(Frame(client_sap, self._server_sap, apdu).encode())
        except ConnectionError as error:
            raise SessionFailedError(FailureKind.CUT, str(error)) from error

    async def receive(self, client_sap: int) -> bytes:
        """The next APDU for a client SAP, within `answer_s` seconds. Raises SessionFailedError (timeout, cut).

        An APDU for another SAP is the late answer to a session that has given up: it is dropped.
        """
        try:
            async with asyncio.timeout(self._answer_s):
                while True:
                    frame = await self._answers.get()
                    if frame is None:
                        raise SessionFailedError(FailureKind.CUT, "the meter's connection was lost")
                    if frame.destination == client_sap:
                        return frame.apdu
        except TimeoutError:
            raise SessionFailedError(FailureKind.TIMEOUT, f"no answer within {self._answer_s:g} s") from None


class DialledConnection(asyncio.Protocol):
    """A connection that we opened to a listening meter. Its pushes go to `on_push`."""

    def __init__(self, on_push: Callable[[bytes], None] | None = None, push_sap: int = 0) -> None:
        self.on_answer: Callable[[Frame | None], None] | None = None
        self._on_push = on_push
        self._push_sap = push_sap
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._splitter.feed(data)
        except DecodeError:
            # Frame boundaries are lost, so that nothing after this can be read: for the session the connection is cut.
            self.close()
            return
        for frame in frames:
            if frame.destination == self._push_sap and self._on_push is not None:
                self._on_push(frame.apdu)
            elif self.on_answer is not None:
                self.on_answer(frame)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lost = True
        if self.on_answer is not None:
            self.on_answer(None)

    def send(self, frame: bytes) -> None:
        """Write a frame. Raises ConnectionResetError where the connection is closed."""
        if self.lost or self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the meter closed the connection")
        self._transport.write(frame)

    def close(self) -> None:
        """Close; `connection_lost` follows."""
        if self._transport is not None:
            self._transport.close()


async def dial(
    host: str,
    port: int,
    on_push: Callable[[bytes], None] | None = None,
    push_sap: int = 0,
) -> DialledConnection:
    """Connect to a listening meter within `CONNECT_S` seconds. Raises SessionFailedError (unreachable)."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            _, connection = await loop.create_connection(
                lambda: DialledConnection(on_push, push_sap), host, port
            )
    except TimeoutError:
        raise SessionFailedError(
            FailureKind.UNREACHABLE, f"{host} port {port} did not answer within {CONNECT_S:g} s"
        ) from None
    except OSError as error:
        raise SessionFailedError(FailureKind.UNREACHABLE, f"{host} port {port}: {error}") from error
    return connection
