"""The HDLC data link: two ends on a bus that loses, repeats, delays and corrupts frames.

The clock is a number.
"""

import heapq
import itertools
import random

import pytest
from hypothesis import given, strategies as st

from urja.cosem.axdr import Limits
from urja.cosem.errors import DecodeError, LocalError
from urja.cosem.hdlc import Address, Control, HdlcFrame, Kind, LinkParameters, Splitter
from urja.cosem.hdlc_link import (
    INACTIVITY_S,
    ApduArrived,
    ClientLink,
    EndReason,
    LinkConnected,
    LinkEnded,
    ServerLink,
    Timing,
    negotiate,
)

CLIENT, SERVER = Address(48), Address(1, 17, 2)
FINE = "fine"
FATES = ("lost", "twice", "late", "spoilt", FINE, FINE, FINE, FINE)
TRANSIT_S = 0.01
LATE_S = 3.5
"""Later than a client waits: it repeats, and both arrive."""


def answer_to(apdu):
    return bytes(reversed(apdu)) * 2


class Line:
    """A client and a server with a bus between them.

    Frames under way arrive in the order in which they were sent.
    """

    def __init__(self, fates=(), *, proposed=None, offered=None, server=None):
        self.now_s = 0.0
        self.client = ClientLink(CLIENT, SERVER, proposed=proposed or LinkParameters())
        self.server = server or ServerLink(offered=offered or LinkParameters(1024, 1024, 7, 7))
        self._fates = itertools.chain(fates, itertools.repeat(FINE))
        self._on_the_way = []
        self._numbers = itertools.count()
        self._free_at_s = {"up": 0.0, "down": 0.0}
        self._splitters = {"up": Splitter(), "down": Splitter()}
        self.said = []
        self.heard_by_server = []
        self.heard_by_client = []
        self.end = None
        self.parameters = None

    def exchange(self, apdu):
        """Send, and run until the answer or the end of the link; whether it came."""
        self.said.append(apdu)
        self.client.send(apdu, self.now_s)
        return self.run(len(self.heard_by_client) + 1)

    def run(self, answers):
        for _ in range(20_000):
            self._put("up", self.client.take_output())
            if len(self.heard_by_client) >= answers:
                return True
            if self.end is not None:
                return False
            self._step()
        raise AssertionError("the link neither delivers nor ends")

    def _step(self):
        arrives_s = self._on_the_way[0][0] if self._on_the_way else float("inf")
        wakes_s = self.client.wake_at_s if self.client.wake_at_s is not None else float("inf")
        if arrives_s == wakes_s == float("inf"):
            # Nothing is under way and the client does not wait: its owner asks.
            self.client.poll(self.now_s)
            assert self.client.wake_at_s is not None
            return
        self.now_s = min(arrives_s, wakes_s)
        if wakes_s < arrives_s:
            self._client_events(self.client.handle_timer(self.now_s))
            return
        _, _, way, raw = heapq.heappop(self._on_the_way)
        for frame in self._splitters[way].feed(raw):
            if way == "down":
                self._client_events(self.client.receive(frame, self.now_s))
                continue
            for event in self.server.receive(frame, self.now_s):
                if isinstance(event, ApduArrived):
                    self.heard_by_server.append(event.apdu)
                    self.server.send(answer_to(event.apdu))
            self._put("down", self.server.take_output())

    def _client_events(self, events):
        for event in events:
            match event:
                case ApduArrived(apdu):
                    self.heard_by_client.append(apdu)
                case LinkEnded():
                    self.end = event
                case LinkConnected(parameters):
                    self.parameters = parameters

    def _put(self, way, output):
        for frame in Splitter().feed(output):
            raw, fate = frame.encode(), next(self._fates)
            if fate == "lost":
                continue
            if fate == "spoilt":
                raw = raw[:6] + bytes([raw[6] ^ 0x10]) + raw[7:]
            at_s = max(self._free_at_s[way], self.now_s + (LATE_S if fate == "late" else TRANSIT_S))
            self._free_at_s[way] = at_s
            for _ in range(2 if fate == "twice" else 1):
                heapq.heappush(self._on_the_way, (at_s, next(self._numbers), way, raw))


def check(line):
    """Check that every APDU arrived once, in order and whole, and so did the answers."""
    assert line.heard_by_server == line.said[: len(line.heard_by_server)]
    answers = [answer_to(apdu) for apdu in line.said]
    assert line.heard_by_client == answers[: len(line.heard_by_client)]


parameters = st.builds(
    LinkParameters, st.integers(1, 300), st.integers(1, 300), st.integers(1, 7), st.integers(1, 7)
)


@given(
    st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=4),
    st.lists(st.sampled_from(FATES), max_size=60),
    parameters,
    parameters,
)
def test_all_octets_arrive_in_order_or_the_link_ends_with_a_reason(apdus, fates, proposed, offered):
    line = Line(fates, proposed=proposed, offered=offered)
    for apdu in apdus:
        if not line.exchange(apdu):
            assert line.end.reason is EndReason.NO_ANSWER
            assert line.end.why
            check(line)
            return
    check(line)
    assert len(line.heard_by_client) == len(apdus)
    assert line.end is None


@pytest.mark.parametrize("window", [1, 3, 7])
def test_single_losses_never_end_a_link(window):
    """Whichever frame of a long exchange is lost, repeated, late or corrupted: everything arrives."""
    sizes = LinkParameters(20, 20, window, window)
    apdus = [bytes(range(100)), b"short", bytes(150)]
    for fate in ("lost", "twice", "late", "spoilt"):
        for place in range(70):
            line = Line([FINE] * place + [fate], proposed=sizes, offered=sizes)
            assert all(line.exchange(apdu) for apdu in apdus), (fate, place, line.end)
            check(line)


def test_losses_in_a_row_are_survived_up_to_the_number_of_repetitions():
    fine = Line([FINE, FINE, "lost", "lost"])
    assert fine.exchange(b"abc")
    silent = Line([FINE, FINE, "lost", "lost", "lost"])
    assert not silent.exchange(b"abc")
    assert silent.end.reason is EndReason.NO_ANSWER
    assert "sent 3 times" in silent.end.why


def test_a_meter_that_is_not_there_costs_three_time_outs():
    line = Line(["lost"] * 10)
    assert not line.exchange(b"abc")
    assert line.now_s == pytest.approx(9.0)
    assert "no answer to a request for a link" in line.end.why


def test_the_smaller_side_settles_size_and_window():
    line = Line(proposed=LinkParameters(512, 400, 1, 5), offered=LinkParameters(128, 256, 7, 7))
    assert line.exchange(bytes(1000))
    assert line.parameters == LinkParameters(256, 128, 1, 5)
    # A UA without parameters means the standard's.
    client = ClientLink(CLIENT, SERVER, proposed=LinkParameters(512, 512, 7, 7))
    client.send(b"abc", 0.0)
    [connected] = client.receive(HdlcFrame(CLIENT, SERVER, Control(Kind.UNNUMBERED_ACKNOWLEDGE)), 0.1)
    assert connected.parameters == LinkParameters(128, 128, 1, 1)


def test_the_largest_field_and_window_are_bounded():
    huge = LinkParameters(60_000, 60_000, 200, 200)
    assert negotiate(huge, huge) == LinkParameters(2030, 2030, 7, 7)
    for wrong in (LinkParameters(0, 1, 1, 1), LinkParameters(1, 1, 0, 1)):
        with pytest.raises(DecodeError):
            negotiate(huge, wrong)


def only(output):
    [frame] = Splitter().feed(output)
    return frame


def connected_server(**options):
    server = ServerLink(**options)
    server.receive(HdlcFrame(SERVER, CLIENT, Control(Kind.SET_NORMAL_RESPONSE_MODE)), 0.0)
    assert only(server.take_output()).control.kind is Kind.UNNUMBERED_ACKNOWLEDGE
    return server


def told(server, control, information=b"", now_s=1.0):
    events = server.receive(HdlcFrame(SERVER, CLIENT, control, information), now_s)
    output = server.take_output()
    return events, only(output) if output else None


def test_a_server_answers_only_when_it_is_polled():
    server = connected_server(offered=LinkParameters(128, 128, 7, 7))
    events, answer = told(server, Control(Kind.INFORMATION, False, 0, 0), b"\xe6\xe6\x00ab")
    assert events == [ApduArrived(b"ab")]
    assert answer is None
    _, answer = told(server, Control(Kind.RECEIVE_READY))
    assert answer.control == Control(Kind.RECEIVE_READY, True, 0, 1)


def test_a_repeated_request_is_not_heard_twice_and_its_answer_is_given_again():
    server = connected_server()
    request = (Control(Kind.INFORMATION, True, 0, 0), b"\xe6\xe6\x00ab")
    server.receive(HdlcFrame(SERVER, CLIENT, *request), 1.0)
    server.send(b"answer")
    first = server.take_output()
    assert only(first).information == b"\xe6\xe7\x00answer"
    events, answer = told(server, *request)
    assert events == []
    assert answer.encode() == first


def test_frames_without_a_link_are_answered_by_dm():
    for kind in (Kind.INFORMATION, Kind.RECEIVE_READY, Kind.DISCONNECT):
        _, answer = told(ServerLink(), Control(kind))
        assert answer.control.kind is Kind.DISCONNECTED_MODE


def test_a_disc_ends_the_link_and_a_second_one_is_told_so():
    server = connected_server()
    events, answer = told(server, Control(Kind.DISCONNECT))
    assert [event.reason for event in events] == [EndReason.RELEASED]
    assert answer.control.kind is Kind.UNNUMBERED_ACKNOWLEDGE
    _, answer = told(server, Control(Kind.DISCONNECT))
    assert answer.control.kind is Kind.DISCONNECTED_MODE


def test_a_new_snrm_ends_the_old_link_with_all_that_waited():
    server = connected_server()
    told(server, Control(Kind.INFORMATION, True, 0, 0), b"\xe6\xe6\x00ab")
    server.send(b"never fetched")
    events, answer = told(server, Control(Kind.SET_NORMAL_RESPONSE_MODE))
    assert [type(event) for event in events] == [LinkEnded, LinkConnected]
    assert answer.control.kind is Kind.UNNUMBERED_ACKNOWLEDGE
    _, answer = told(server, Control(Kind.RECEIVE_READY))
    assert answer.control == Control(Kind.RECEIVE_READY)


def test_a_link_without_frames_for_long_is_dropped():
    server = connected_server()
    events, answer = told(server, Control(Kind.RECEIVE_READY), now_s=INACTIVITY_S + 1)
    assert [event.reason for event in events] == [EndReason.NO_ANSWER]
    assert answer.control.kind is Kind.DISCONNECTED_MODE


def test_a_frame_that_a_server_cannot_take_is_rejected_with_its_reason():
    server = connected_server(offered=LinkParameters(128, 16, 1, 1))
    events, answer = told(server, Control(Kind.INFORMATION, True, 0, 0), bytes(17))
    assert [event.reason for event in events] == [EndReason.REJECTED]
    assert (answer.control.kind, answer.information) == (Kind.FRAME_REJECT, b"\x10\x00\x04")
    _, answer = told(connected_server(), Control(Kind.RECEIVE_READY, True, 0, 3))
    assert answer.information == b"\x71\x00\x08"


def test_a_client_tells_what_ended_its_link():
    for kind, reason in (
        (Kind.DISCONNECTED_MODE, EndReason.DROPPED),
        (Kind.FRAME_REJECT, EndReason.REJECTED),
    ):
        line = Line()
        assert line.exchange(b"abc")
        [end] = line.client.receive(HdlcFrame(CLIENT, SERVER, Control(kind)), line.now_s)
        assert end.reason is reason
        assert line.client.is_over
        assert line.client.wake_at_s is None


def test_a_client_whose_link_is_refused_hears_it_at_once():
    client = ClientLink(CLIENT, SERVER)
    client.send(b"abc", 0.0)
    refusal = HdlcFrame(CLIENT, SERVER, Control(Kind.DISCONNECTED_MODE))
    assert [end.reason for end in client.receive(refusal, 0.1)] == [EndReason.REFUSED]


def test_frames_of_other_stations_are_none_of_ours():
    client = ClientLink(CLIENT, SERVER)
    client.send(b"abc", 0.0)
    for to, by in ((Address(16), SERVER), (CLIENT, Address(1, 18, 2)), (CLIENT, Address(2, 17, 2))):
        assert client.receive(HdlcFrame(to, by, Control(Kind.UNNUMBERED_ACKNOWLEDGE)), 0.1) == []
    assert not client.is_connected
    # The same station may answer in another size.
    wide = HdlcFrame(CLIENT, Address(1, 17, 4), Control(Kind.UNNUMBERED_ACKNOWLEDGE))
    assert [type(event) for event in client.receive(wide, 0.1)] == [LinkConnected]


def connected_client(**timing):
    client = ClientLink(CLIENT, SERVER, timing=Timing(**timing))
    client.send(b"request", 0.0)
    client.receive(HdlcFrame(CLIENT, SERVER, Control(Kind.UNNUMBERED_ACKNOWLEDGE)), 0.0)
    client.take_output()
    return client


def test_a_busy_server_is_asked_until_it_is_ready():
    client = connected_client()
    not_yet = Control(Kind.RECEIVE_NOT_READY, True, 0, 0)
    assert client.receive(HdlcFrame(CLIENT, SERVER, not_yet), 0.1) == []
    client.handle_timer(client.wake_at_s)
    assert only(client.take_output()).control.kind is Kind.RECEIVE_READY
    client.receive(HdlcFrame(CLIENT, SERVER, Control(Kind.RECEIVE_READY)), 1.0)
    assert only(client.take_output()).information == b"\xe6\xe6\x00request"


def test_a_server_that_only_says_that_it_is_alive_ends_the_link():
    client = connected_client(answer_s=5.0)
    now_s, events = 0.0, []
    while not events:
        client.receive(HdlcFrame(CLIENT, SERVER, Control(Kind.RECEIVE_READY, True, 0, 1)), now_s)
        now_s = client.wake_at_s
        events = client.handle_timer(now_s)
        client.take_output()
    assert now_s == pytest.approx(5.0, abs=1.0)
    assert events[0].reason is EndReason.NO_ANSWER
    assert "acknowledges and has not answered" in events[0].why


def test_a_release_is_asked_for_once():
    line = Line()
    assert line.exchange(b"abc")
    line.client.disconnect(line.now_s)
    assert only(line.client.take_output()).control.kind is Kind.DISCONNECT
    with pytest.raises(LocalError):
        line.client.send(b"more", line.now_s)
    assert [end.reason for end in line.client.handle_timer(line.now_s + 3)] == [EndReason.RELEASED]
    # The link can be had again.
    assert line.exchange(b"again")


def test_nothing_is_held_without_bound():
    limits = Limits(max_apdu=1000)
    server = connected_server(limits=limits)
    server.send(bytes(900))
    with pytest.raises(LocalError):
        server.send(bytes(200))
    client = ClientLink(CLIENT, SERVER, limits=limits)
    client.send(bytes(900), 0.0)
    with pytest.raises(LocalError):
        client.send(bytes(200), 0.0)
    server = connected_server(limits=limits)
    reasons, sent = [], 0
    while not reasons:
        control = Control(Kind.INFORMATION, True, sent & 7, 0)
        events = server.receive(HdlcFrame(SERVER, CLIENT, control, bytes(100), segmented=True), 1.0)
        reasons = [event.reason for event in events]
        sent += 1
    assert (reasons, sent) == ([EndReason.REJECTED], 11)


@pytest.mark.parametrize("seed", range(40))
def test_any_frames_in_any_state_give_typed_events_and_bounded_links(seed):
    """Both ends against frames drawn at random: no exception, no growth, a client that comes to its end."""
    chance = random.Random(seed)
    kinds = list(Kind)
    client, server = ClientLink(CLIENT, SERVER), ServerLink()
    now_s = 0.0
    for _ in range(1500):
        control = Control(
            chance.choice(kinds), chance.random() < 0.7, chance.randrange(8), chance.randrange(8)
        )
        information = chance.choice((b"", b"\x81\x80\x00", bytes(3), chance.randbytes(chance.randrange(300))))
        segmented = chance.random() < 0.5
        now_s += chance.random()
        if client.is_over:
            client.send(b"request", now_s)
        client.receive(HdlcFrame(CLIENT, SERVER, control, information, segmented), now_s)
        client.handle_timer(now_s)
        if chance.random() < 0.1:
            client.poll(now_s)
        assert len(client.take_output()) < 3000
        for event in server.receive(HdlcFrame(SERVER, CLIENT, control, information, segmented), now_s):
            if isinstance(event, ApduArrived):
                server.send(b"answer")
        assert len(server.take_output()) < 8 * 1100
