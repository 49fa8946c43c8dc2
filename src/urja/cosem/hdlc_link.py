"""The data link of HDLC (IEC 62056-46, 6.4) for both roles: connection, numbered frames, time-outs.

Without input, output or clock. The client polls and the server answers. Every turn ends with the poll/final
bit, and the station that has it begins again with everything that the other has not acknowledged: this one
rule covers loss, duplication and resumption. A frame out of sequence is dropped, a turn without an answer is
repeated, and a link without progress ends with a reason.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Limits
from urja.cosem.errors import DecodeError, LimitExceededError, LocalError
from urja.cosem.hdlc import (
    LLC_COMMAND,
    LLC_RESPONSE,
    Address,
    Control,
    HdlcFrame,
    Kind,
    LinkParameters,
    Reassembler,
    segment,
)

MAX_INFORMATION: Final = 2030
"""Bytes of the longest information field that can be negotiated (IEC 62056-46, 6.4.4.4.3.2)."""
MAX_WINDOW: Final = 7
"""Frames that may be unacknowledged at most, with numbers modulo 8."""

CLIENT_PARAMETERS: Final = LinkParameters(512, 512, 1, 1)
"""What our client proposes. Every meter can do a window of 1; longer frames save turns of the bus."""
SERVER_PARAMETERS: Final = LinkParameters(1024, 1024, 7, 7)
"""The most that our meter accepts."""
INACTIVITY_S: Final = 120.0
"""Seconds without a frame after which a server ends the link: the default of class 23, IEC HDLC setup."""

_RECEIVE_READY: Final = (Kind.RECEIVE_READY, Kind.RECEIVE_NOT_READY)
_TOO_LONG, _BAD_RECEIVE_NUMBER = 0x04, 0x08
"""Reasons of a FRMR: bits Y and Z (ISO/IEC 13239, 5.5.3.4.2)."""


class EndReason(Enum):
    """Why a link has ended."""

    RELEASED = "released"
    """By a DISC, or by a new SNRM."""
    NO_ANSWER = "no answer"
    """The other side did not answer, or did nothing but acknowledge."""
    REFUSED = "refused"
    """The server does not accept the link."""
    DROPPED = "dropped"
    """The server does not know the link any more."""
    REJECTED = "rejected"
    """One side cannot accept a frame (FRMR)."""


@dataclass(frozen=True, slots=True)
class LinkConnected:
    """The link is connected; the negotiated parameters are seen from this side."""

    parameters: LinkParameters


@dataclass(frozen=True, slots=True)
class ApduArrived:
    """An APDU is complete."""

    apdu: bytes


@dataclass(frozen=True, slots=True)
class LinkEnded:
    """The link has ended; `why` gives the reason in words."""

    reason: EndReason
    why: str


type LinkEvent = LinkConnected | ApduArrived | LinkEnded
"""Any event of a link."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The time-outs of a client, in seconds on the owner's clock."""

    response_s: float = 3.0
    """Wait for the answer to one turn."""
    retries: int = 2
    """Number of repetitions of a turn without an answer."""
    connect_retries: int = 2
    """Number of repetitions of a request for a link: 0 for a server that is probably away."""
    poll_s: float = 0.5
    """Pause before a server is polled again that answers and has nothing to send yet."""
    answer_s: float = 15.0
    """Longest time without progress with a server that answers."""


def negotiate(own: LinkParameters, other: LinkParameters) -> LinkParameters:
    """Return the parameters that both sides can use, seen from `own`.

    Raises DecodeError where the other side proposes a size or a window of 0.
    """
    if not min(other.max_information_transmit, other.max_information_receive):
        raise DecodeError("link parameters with information fields of no bytes")
    if not min(other.window_transmit, other.window_receive):
        raise DecodeError("link parameters with a window of no frames")
    return LinkParameters(
        min(own.max_information_transmit, other.max_information_receive, MAX_INFORMATION),
        min(own.max_information_receive, other.max_information_transmit, MAX_INFORMATION),
        min(own.window_transmit, other.window_receive, MAX_WINDOW),
        min(own.window_receive, other.window_transmit, MAX_WINDOW),
    )


class _Numbered:
    """The numbered frames of a link, both ways: queued, unacknowledged and received."""

    def __init__(self, parameters: LinkParameters, llc: bytes, limits: Limits) -> None:
        self.parameters = parameters
        self._llc = llc
        self._limits = limits
        self._waiting: deque[tuple[bytes, bool]] = deque()
        """Information fields that are not sent yet, and whether more of the same APDU follows."""
        self._under_way: deque[tuple[bytes, bool]] = deque()
        """Fields sent and not acknowledged, oldest first: at most a window."""
        self._first = 0
        """Number of the oldest unacknowledged frame, or of the next to be sent."""
        self.expected = 0
        """Number of the next frame to be accepted."""
        self._incoming = Reassembler(limits)

    @property
    def next_send(self) -> int:
        """Number of the next new frame."""
        return (self._first + len(self._under_way)) & 7

    @property
    def has_more(self) -> bool:
        """Whether anything is queued or not acknowledged by the other side."""
        return bool(self._under_way or self._waiting)

    def put(self, apdu: bytes) -> None:
        """Queue an APDU; LocalError where more than `limits.max_apdu` bytes are queued."""
        held = sum(len(information) for information, _ in (*self._under_way, *self._waiting))
        if held + len(apdu) > self._limits.max_apdu:
            raise LocalError(
                f"{held} bytes are queued on the link; {len(apdu)} more exceed {self._limits.max_apdu}"
            )
        fields = segment(apdu, llc=self._llc, max_information=self.parameters.max_information_transmit)
        self._waiting += ((field, number + 1 < len(fields)) for number, field in enumerate(fields))

    def acknowledge(self, receive: int) -> int | None:
        """Apply a receive number; returns the number of frames acknowledged, None for a number out of range."""
        # Numbers are modulo 8, so a late repetition and an acknowledgement in advance look alike: more frames
        # than are unacknowledged cannot be meant.
        count = (receive - self._first) & 7
        if count > len(self._under_way):
            return None
        for _ in range(count):
            self._under_way.popleft()
        self._first = receive
        return count

    def take(self, frame: HdlcFrame) -> tuple[bool, bytes | None]:
        """Return whether an I frame is the next one, and the APDU that it completes.

        Raises LimitExceededError.
        """
        if frame.control.send != self.expected:
            return False, None
        self.expected = (self.expected + 1) & 7
        return True, self._incoming.push(frame)

    def turn(self) -> Iterator[tuple[Control, bytes, bool]]:
        """Yield the I frames of one turn: all that are not acknowledged, then new ones up to the window."""
        while self._waiting and len(self._under_way) < self.parameters.window_transmit:
            self._under_way.append(self._waiting.popleft())
        last = len(self._under_way) - 1
        for number, (information, segmented) in enumerate(self._under_way):
            send = (self._first + number) & 7
            yield Control(Kind.INFORMATION, number == last, send, self.expected), information, segmented


class _State(Enum):
    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"


class ClientLink:
    """The polling side of a link.

    `wake_at_s` is when `handle_timer` is due (None: never), on the owner's clock; `take_output` returns the
    bytes to send.
    """

    def __init__(
        self,
        client: Address,
        server: Address,
        *,
        proposed: LinkParameters = CLIENT_PARAMETERS,
        timing: Timing = Timing(),
        limits: Limits = axdr.DEFAULT_LIMITS,
    ) -> None:
        self.client, self._server = client, server
        self._proposed, self._timing, self._limits = proposed, timing, limits
        self._state = _State.DISCONNECTED
        self._numbered: _Numbered | None = None
        self._early: deque[bytes] = deque()
        """APDUs queued before the link is connected."""
        self._output = bytearray()
        self._repeats = 0
        self._server_busy = False
        self._awaiting = False
        """Whether an answer is expected, so that the server is polled for it."""
        self._progress = False
        """Whether the turn under way has acknowledged or delivered anything."""
        self._progress_at_s = 0.0
        self.wake_at_s: float | None = None

    @property
    def is_connected(self) -> bool:
        return self._state is _State.CONNECTED

    @property
    def is_over(self) -> bool:
        return self._state is _State.DISCONNECTED

    # -- requests of the owner --------------------------------------------------------------------------------

    def send(self, apdu: bytes, now_s: float) -> None:
        """Queue an APDU to which an answer is expected, and connect where necessary.

        Raises LocalError while the link is being released, and where too much is queued.
        """
        if self._state is _State.DISCONNECTING:
            raise LocalError("the link is being released: wait for its end")
        self._awaiting = True
        self._progress_at_s = now_s
        if self._numbered is None:
            if sum(map(len, self._early)) + len(apdu) > self._limits.max_apdu:
                raise LocalError(
                    f"more than {self._limits.max_apdu} bytes are queued before the link is connected"
                )
            self._early.append(apdu)
            if self._state is _State.DISCONNECTED:
                self._state = _State.CONNECTING
                self._repeats = 0
                self._request_link(now_s)
            return
        idle = self.wake_at_s is None
        self._numbered.put(apdu)
        if idle:
            self._begin_turn(now_s)

    def poll(self, now_s: float) -> None:
        """Ask the server for what it has yet to send, if the client has the right to send."""
        if self._state is _State.CONNECTED and self.wake_at_s is None:
            self._awaiting = True
            self._progress_at_s = now_s
            self._begin_turn(now_s)

    def disconnect(self, now_s: float) -> None:
        """Send one DISC; a server that does not receive it ends the link after its inactivity time."""
        self._awaiting = False
        self._early.clear()
        if self._state is _State.CONNECTED:
            self._state = _State.DISCONNECTING
            self._emit(Kind.DISCONNECT)
            self.wake_at_s = now_s + self._timing.response_s
        elif self._state is _State.CONNECTING:
            self._end()

    def take_output(self) -> bytes:
        """Return the bytes to write now, and forget them."""
        output = bytes(self._output)
        self._output.clear()
        return output

    # -- frames and time --------------------------------------------------------------------------------------

    def receive(self, frame: HdlcFrame, now_s: float) -> list[LinkEvent]:
        """Process a frame and return its events; a frame of another link, or unexpected now, is dropped."""
        if frame.destination.upper != self.client.upper or not _same(frame.source, self._server):
            return []
        kind = frame.control.kind
        match self._state:
            case _State.CONNECTING if kind is Kind.UNNUMBERED_ACKNOWLEDGE:
                return self._connected(frame, now_s)
            case _State.CONNECTING if kind is Kind.DISCONNECTED_MODE:
                return [self._end(EndReason.REFUSED, "the meter refuses the link (DM)")]
            case _State.DISCONNECTING if kind in (Kind.UNNUMBERED_ACKNOWLEDGE, Kind.DISCONNECTED_MODE):
                return [self._end()]
            case _State.CONNECTED if kind is Kind.DISCONNECTED_MODE:
                return [self._end(EndReason.DROPPED, "the meter has dropped the link (DM)")]
            case _State.CONNECTED if kind is Kind.FRAME_REJECT:
                information = frame.information.hex() or "without a reason"
                return [self._end(EndReason.REJECTED, f"the meter rejects a frame (FRMR, {information})")]
            case _State.CONNECTED if kind in _RECEIVE_READY or kind is Kind.INFORMATION:
                return self._numbered_frame(frame, now_s)
            case _:
                return []

    def handle_timer(self, now_s: float) -> list[LinkEvent]:
        """Repeat, poll again or give up, where `wake_at_s` is reached; returns the events."""
        if self.wake_at_s is None or now_s < self.wake_at_s:
            return []
        if self._state is _State.DISCONNECTING:
            return [self._end()]
        connecting = self._state is _State.CONNECTING
        if not connecting and self._is_overdue(now_s):
            return [self._give_up()]
        if self._repeats >= (self._timing.connect_retries if connecting else self._timing.retries):
            times = self._repeats + 1
            sent = "a request for a link" if connecting else "a frame"
            return [
                self._end(EndReason.NO_ANSWER, f"no answer to {sent}, sent {times} time{'s' * (times > 1)}")
            ]
        self._repeats += 1
        if connecting:
            self._request_link(now_s)
        else:
            self._begin_turn(now_s)
        return []

    # -- turns --------------------------------------------------------------------------------------------------

    def _request_link(self, now_s: float) -> None:
        # Where only the defaults are proposed the field is left out, as the oldest meters require.
        default = self._proposed == LinkParameters()
        self._emit(Kind.SET_NORMAL_RESPONSE_MODE, b"" if default else self._proposed.encode())
        self.wake_at_s = now_s + self._timing.response_s

    def _connected(self, frame: HdlcFrame, now_s: float) -> list[LinkEvent]:
        try:
            parameters = negotiate(self._proposed, LinkParameters.decode(frame.information))
        except DecodeError as error:
            return [self._end(EndReason.REFUSED, f"the meter's UA cannot be read: {error}")]
        self._state = _State.CONNECTED
        self._numbered = _Numbered(parameters, LLC_COMMAND, self._limits)
        self._server_busy = False
        self._made_progress(now_s)
        self.wake_at_s = None
        for apdu in self._early:
            self._numbered.put(apdu)
        self._early.clear()
        if self._numbered.has_more:
            self._begin_turn(now_s)
        return [LinkConnected(parameters)]

    def _begin_turn(self, now_s: float) -> None:
        """Send what is not acknowledged, or poll the server."""
        assert self._numbered is not None
        self._progress = False
        turn = () if self._server_busy else tuple(self._numbered.turn())
        for control, information, segmented in turn:
            self._output += HdlcFrame(self._server, self.client, control, information, segmented).encode()
        if not turn:
            ready = Control(Kind.RECEIVE_READY, receive=self._numbered.expected)
            self._output += HdlcFrame(self._server, self.client, ready).encode()
        self.wake_at_s = now_s + self._timing.response_s

    def _numbered_frame(self, frame: HdlcFrame, now_s: float) -> list[LinkEvent]:
        assert self._numbered is not None
        events: list[LinkEvent] = []
        control = frame.control
        acknowledged = self._numbered.acknowledge(control.receive)
        if acknowledged is None:
            # A late repetition of an earlier frame: the frames under way are newer than it.
            return events
        taken = False
        if control.kind is Kind.INFORMATION:
            try:
                taken, apdu = self._numbered.take(frame)
            except LimitExceededError as error:
                return [self._end(EndReason.REJECTED, str(error))]
            if apdu is not None:
                events.append(ApduArrived(apdu))
                self._awaiting = self._numbered.has_more
        else:
            was_busy, self._server_busy = self._server_busy, control.kind is Kind.RECEIVE_NOT_READY
            # The end of busy is progress; a server that is busy again and again makes none.
            self._progress |= was_busy and not self._server_busy
        if acknowledged or taken:
            self._made_progress(now_s)
        if control.poll_final and self.wake_at_s is not None:
            if self._is_overdue(now_s):
                # Checked here as well: a server that sends without end never lets the time-out expire.
                return [self._give_up()]
            self._end_turn(control.kind, now_s)
        return events

    def _end_turn(self, kind: Kind, now_s: float) -> None:
        assert self._numbered is not None
        if self._progress and not self._server_busy and (self._awaiting or self._numbered.has_more):
            if kind is Kind.INFORMATION or self._numbered.has_more:
                self._begin_turn(now_s)
            else:
                # The server has acknowledged the request, and needs time for its answer.
                self._progress = False
                self.wake_at_s = now_s + self._timing.poll_s
        elif self._progress and not self._awaiting:
            self.wake_at_s = None
        elif kind in _RECEIVE_READY and (self._server_busy or not self._numbered.has_more):
            self._repeats = 0
            self.wake_at_s = now_s + self._timing.poll_s
        # Else this repeats an earlier turn, or the beginning of this turn was lost: the time-out repeats it.

    def _is_overdue(self, now_s: float) -> bool:
        return now_s - self._progress_at_s >= self._timing.answer_s

    def _give_up(self) -> LinkEnded:
        waited = f"{self._timing.answer_s:g} s"
        return self._end(EndReason.NO_ANSWER, f"the meter acknowledges and has not answered for {waited}")

    def _made_progress(self, now_s: float) -> None:
        self._progress = True
        self._progress_at_s = now_s
        self._repeats = 0

    def _emit(self, kind: Kind, information: bytes = b"") -> None:
        self._output += HdlcFrame(self._server, self.client, Control(kind), information).encode()

    def _end(self, reason: EndReason = EndReason.RELEASED, why: str = "released") -> LinkEnded:
        self._state = _State.DISCONNECTED
        self._numbered = None
        self._early.clear()
        self._awaiting = False
        self.wake_at_s = None
        return LinkEnded(reason, why)


class ServerLink:
    """The answering side of one client's link.

    It sends when it is polled: `take_output` after each `receive`.

    Answers go to the address, of whatever size, that the client has used.
    """

    def __init__(
        self,
        *,
        offered: LinkParameters = SERVER_PARAMETERS,
        inactivity_s: float = INACTIVITY_S,
        limits: Limits = axdr.DEFAULT_LIMITS,
    ) -> None:
        self._offered, self._inactivity_s, self._limits = offered, inactivity_s, limits
        self._numbered: _Numbered | None = None
        self._reply: HdlcFrame | None = None
        """An unnumbered answer that is to be sent."""
        self._polled: HdlcFrame | None = None
        """The frame that polled this side."""
        self._heard_at_s = 0.0

    @property
    def is_connected(self) -> bool:
        return self._numbered is not None

    def send(self, apdu: bytes) -> None:
        """Queue an APDU; LocalError where the link is not connected or too much is queued."""
        if self._numbered is None:
            raise LocalError("the link is not connected: a server answers, it does not begin")
        self._numbered.put(apdu)

    def receive(self, frame: HdlcFrame, now_s: float) -> list[LinkEvent]:
        """Process a frame that is addressed to this server, from this link's client; returns the events."""
        events: list[LinkEvent] = []
        # A server has no timer: its end is noticed with the next frame, before that frame is judged.
        if self._numbered is not None and now_s - self._heard_at_s > self._inactivity_s:
            events.append(self._end(EndReason.NO_ANSWER, f"nothing was heard for {self._inactivity_s:g} s"))
        self._heard_at_s = now_s
        match frame.control.kind:
            case Kind.SET_NORMAL_RESPONSE_MODE:
                events += self._connect(frame)
            case Kind.DISCONNECT:
                if self._numbered is None:
                    self._answer(frame, Kind.DISCONNECTED_MODE)
                else:
                    self._answer(frame, Kind.UNNUMBERED_ACKNOWLEDGE)
                    events.append(self._end())
            case Kind.INFORMATION | Kind.RECEIVE_READY | Kind.RECEIVE_NOT_READY:
                if self._numbered is not None:
                    events += self._numbered_frame(frame, self._numbered)
                elif frame.control.poll_final:
                    self._answer(frame, Kind.DISCONNECTED_MODE)
            case _:
                # Frames that only a server sends, and UI, which has no answer.
                pass
        return events

    def take_output(self) -> bytes:
        """Return the bytes to write now: nothing while the client has the right to send."""
        reply, self._reply = self._reply, None
        polled, self._polled = self._polled, None
        if reply is not None:
            return reply.encode()
        if polled is None or self._numbered is None:
            return b""
        to, own = polled.source, polled.destination
        frames = [
            HdlcFrame(to, own, control, information, segmented)
            for control, information, segmented in self._turn(polled)
        ]
        if not frames:
            ready = Control(Kind.RECEIVE_READY, receive=self._numbered.expected)
            frames = [HdlcFrame(to, own, ready)]
        return b"".join(answer.encode() for answer in frames)

    def _turn(self, polled: HdlcFrame) -> Iterator[tuple[Control, bytes, bool]]:
        assert self._numbered is not None
        return iter(()) if polled.control.kind is Kind.RECEIVE_NOT_READY else self._numbered.turn()

    def _connect(self, frame: HdlcFrame) -> list[LinkEvent]:
        try:
            parameters = negotiate(self._offered, LinkParameters.decode(frame.information))
        except DecodeError as error:
            self._answer(frame, Kind.DISCONNECTED_MODE)
            return [self._end(EndReason.REFUSED, str(error))] if self._numbered is not None else []
        # A client that lost its side of the link begins again with SNRM: the old link, and what was queued on
        # it, is over.
        ended = [] if self._numbered is None else [self._end()]
        self._numbered = _Numbered(parameters, LLC_RESPONSE, self._limits)
        self._answer(frame, Kind.UNNUMBERED_ACKNOWLEDGE, parameters.encode())
        return [*ended, LinkConnected(parameters)]

    def _numbered_frame(self, frame: HdlcFrame, numbered: _Numbered) -> list[LinkEvent]:
        if numbered.acknowledge(frame.control.receive) is None:
            return self._reject(frame, _BAD_RECEIVE_NUMBER, "a frame acknowledges one that was never sent")
        events: list[LinkEvent] = []
        if frame.control.kind is Kind.INFORMATION:
            if len(frame.information) > numbered.parameters.max_information_receive:
                return self._reject(frame, _TOO_LONG, f"{len(frame.information)} bytes of information")
            try:
                _, apdu = numbered.take(frame)
            except LimitExceededError as error:
                return self._reject(frame, _TOO_LONG, str(error))
            if apdu is not None:
                events.append(ApduArrived(apdu))
        if frame.control.poll_final:
            self._polled = frame
        return events

    def _reject(self, frame: HdlcFrame, reason: int, why: str) -> list[LinkEvent]:
        assert self._numbered is not None
        numbers = self._numbered.expected << 5 | self._numbered.next_send << 1
        self._answer(frame, Kind.FRAME_REJECT, bytes((frame.control.to_byte(), numbers, reason)))
        return [self._end(EndReason.REJECTED, why)]

    def _answer(self, frame: HdlcFrame, kind: Kind, information: bytes = b"") -> None:
        self._reply = HdlcFrame(frame.source, frame.destination, Control(kind), information)

    def _end(self, reason: EndReason = EndReason.RELEASED, why: str = "released") -> LinkEnded:
        self._numbered = None
        self._polled = None
        return LinkEnded(reason, why)


def _same(one: Address, other: Address) -> bool:
    """Whether two addresses name one station, in whatever size."""
    return (one.upper, one.lower) == (other.upper, other.lower)
