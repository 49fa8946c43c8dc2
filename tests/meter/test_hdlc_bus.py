"""Meters on an HDLC bus, read by the client side of the data link."""

import random
from datetime import timedelta

import pytest
from tests.meter.helpers import MIDNIGHT_S, moment
from tests.meter.wire import SAPS, client_for, entropy

from urja.cosem.apdu import AccessResult
from urja.cosem.association import Associated, GetResult, NeedsSend
from urja.cosem.errors import ServiceRejectedError
from urja.cosem.hdlc import Address, Control, HdlcFrame, Kind, Splitter, check_sequence
from urja.cosem.hdlc_link import ApduArrived, ClientLink, EndReason, LinkEnded
from urja.cosem.obis import CosemAttribute
from urja.meter.faults import FaultPlan
from urja.meter.hdlc_bus import HdlcBus, _Port
from urja.meter.identity import seeded_identity
from urja.meter.meter import Meter
from urja.meter.object_model import Role
from urja.meter.station import Station

SERIAL = CosemAttribute.of(1, "0.0.96.1.0.255", 2)
REGISTER = CosemAttribute.of(3, "1.0.1.8.0.255", 2)


def station(serial):
    identity = seeded_identity(serial, "urja-d1-listen", 7, start_wh=5000, listen="127.0.0.1:0")
    meter = Meter(identity, moment(MIDNIGHT_S))
    now = moment(MIDNIGHT_S) + timedelta(hours=1)
    return Station(meter, now=lambda: now, entropy=entropy(), plan=FaultPlan(serial))


@pytest.fixture
async def stations():
    return {17: station("00000001"), 18: station("00000002")}


@pytest.fixture
async def bus(stations):
    return HdlcBus(stations, lambda: 0.0)


class Caller:
    """A client of one meter on the bus."""

    def __init__(self, bus, meter, physical, role=Role.PUBLIC, size=2):
        self._bus = bus
        self.association = client_for(meter, role)
        self.link = ClientLink(Address(SAPS[role]), Address(1, physical, size))
        self.now_s = 0.0

    def ask(self, apdu):
        """The association's event, or the end of the link."""
        self.link.send(apdu, self.now_s)
        while True:
            for event in self._step():
                if isinstance(event, LinkEnded):
                    return event
                if not isinstance(event, ApduArrived):
                    continue
                for told in self.association.receive(event.apdu):
                    if not isinstance(told, NeedsSend):
                        return told
                    self.link.send(told.apdu, self.now_s)

    def _step(self):
        output = self.link.take_output()
        answers = b"".join(self._bus.receive(frame) for frame in Splitter().feed(output))
        if answers:
            frames = Splitter().feed(answers)
            return [event for frame in frames for event in self.link.receive(frame, self.now_s)]
        if not output:
            self.now_s = self.link.wake_at_s
            return self.link.handle_timer(self.now_s)
        return []

    def open(self):
        assert isinstance(self.ask(self.association.associate()), Associated)
        return self

    def get(self, attribute):
        event = self.ask(self.association.get(attribute))
        assert isinstance(event, GetResult), event
        return event.result

    def close_at_once(self):
        self.link.disconnect(self.now_s)
        while not self.link.is_over:
            self._step()


async def test_each_meter_answers_at_its_own_address(bus, stations):
    callers = {physical: Caller(bus, one.meter, physical).open() for physical, one in stations.items()}
    told = {physical: caller.get(SERIAL).value for physical, caller in callers.items()}
    assert told == {17: b"00000001", 18: b"00000002"}


@pytest.mark.parametrize("size", [2, 4])
async def test_addresses_of_two_and_four_bytes_are_answered_alike(bus, stations, size):
    assert Caller(bus, stations[18].meter, 18, size=size).open().get(SERIAL).value == b"00000002"


async def test_a_meter_that_is_alone_needs_no_physical_address(stations):
    bus = HdlcBus({17: stations[17]}, lambda: 0.0)
    caller = Caller(bus, stations[17].meter, None, size=1).open()
    assert caller.get(SERIAL).value == b"00000001"


async def test_clients_have_links_of_their_own(bus, stations):
    """A public and a utility client take turns at one meter; neither loses its place."""
    meter = stations[17].meter
    public, utility = Caller(bus, meter, 17), Caller(bus, meter, 17, Role.UTILITY)
    public.open()
    utility.open()
    assert public.get(SERIAL).value == b"00000001"
    assert utility.get(REGISTER).value >= 5000
    assert public.get(REGISTER) is AccessResult.READ_WRITE_DENIED


async def test_the_association_ends_with_its_link(bus, stations):
    meter = stations[17].meter
    utility = Caller(bus, meter, 17, Role.UTILITY).open()
    request = utility.association.get(REGISTER)
    utility.close_at_once()
    again = Caller(bus, meter, 17, Role.UTILITY)
    again.association = utility.association
    with pytest.raises(ServiceRejectedError, match="SERVICE_NOT_ALLOWED"):
        again.ask(request)


async def test_no_power_no_such_address_and_no_such_client_get_no_answer(bus, stations):
    stations[17].cut_power()
    dead = Caller(bus, stations[17].meter, 17)
    assert dead.ask(dead.association.associate()).reason is EndReason.NO_ANSWER
    stranger = Caller(bus, stations[18].meter, 99)
    assert stranger.ask(stranger.association.associate()).reason is EndReason.NO_ANSWER
    knock = Control(Kind.SET_NORMAL_RESPONSE_MODE)
    for to, by in (
        (Address(1, 18, 2), Address(99)),
        (Address(2, 18, 2), Address(16)),
        (Address(1), Address(16)),
    ):
        assert bus.receive(HdlcFrame(to, by, knock)) == b""
    assert bus.receive(HdlcFrame(Address(1, 18, 2), Address(16), knock)) != b""


async def test_a_frame_that_was_cut_is_dropped_after_a_pause(stations):
    now_s = [0.0]
    answers: list[bytes] = []
    port = _Port(HdlcBus(stations, lambda: now_s[0]), answers.append)
    snrm = HdlcFrame(Address(1, 17, 2), Address(16), Control(Kind.SET_NORMAL_RESPONSE_MODE)).encode()
    long = HdlcFrame(Address(1, 17, 2), Address(16), Control(Kind.INFORMATION), bytes(100)).encode()
    port.receive(long[:50])
    now_s[0] = 0.5
    port.receive(snrm)
    assert not answers
    now_s[0] = 2.0
    port.receive(snrm)
    assert len(answers) == 2


async def test_mutated_frames_raise_nothing_and_leave_the_meters_well(bus, stations):
    """Frames of real sessions with bytes changed, cut and doubled; their check sequences are made right again in half."""
    chance = random.Random(11)
    taped: list[bytes] = []
    listening = bus.receive
    bus.receive = lambda frame: (taped.append(frame.encode()), listening(frame))[1]
    utility = Caller(bus, stations[17].meter, 17, Role.UTILITY).open()
    utility.get(REGISTER)
    utility.close_at_once()
    bus.receive = listening
    answers: list[bytes] = []
    port = _Port(bus, answers.append)
    for _ in range(4000):
        raw = bytearray(chance.choice(taped))
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(1, len(raw) - 1)
            raw[place] = chance.choice((0, 0x7E, 0xFF, raw[place] ^ 1 << chance.randrange(8)))
        if chance.random() < 0.5:
            body = bytes(raw[1:-3])
            raw = bytearray(b"\x7e" + body + check_sequence(body) + b"\x7e")
        port.receive(bytes(raw))
    assert len(answers) > 100
    assert all(Splitter().feed(answer) for answer in answers)
    assert Caller(bus, stations[18].meter, 18).open().get(SERIAL).value == b"00000002"
