"""Unusual clients: an acceptance-test tool of a utility, an unknown client, a defective one.

Each gets the answer that the standard prescribes, and the meter keeps serving the others. Sans-IO where bytes are
enough; with sockets where connections matter.
"""

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, make_meter, moment
from tests.meter.wire import SAPS, FakeWire, client_for, entropy

from urja.cosem import axdr
from urja.cosem.acse import AssociationResult, Diagnostic
from urja.cosem.apdu import (
    Aare,
    AccessResult,
    ActionResult,
    ExceptionResponse,
    GetRequestNormal,
    ServiceError,
    StateError,
    decode_apdu,
)
from urja.cosem.association import ActionResult as ActionDone, AssociationConfig, Mechanism, SetResult, State
from urja.cosem.axdr import Tag
from urja.cosem.errors import AssociationRejectedError
from urja.cosem.obis import CosemAttribute, CosemMethod, Obis
from urja.cosem.security import SuiteKeys
from urja.cosem.wrapper import Frame, Splitter
from urja.cosem.xdlms.selection import CaptureObject, EntryAccess, RangeAccess
from urja.meter import station as stations
from urja.meter.association_objects import CONFORMANCE
from urja.meter.faults import FaultPlan
from urja.meter.object_model import Role
from urja.meter.relay import ControlState
from urja.meter.session import Sessions
from urja.meter.station import Station

CLOCK = CosemAttribute.of(8, "0.0.1.0.0.255", 2)
BLOCKS = (7, "1.0.99.1.0.255", 2)
LIVED = 3 * DAY + HOUR
READABLE, WRITABLE = 1, 2


@pytest.fixture
def meter():
    meter, _ = make_meter()
    meter.advance(moment(MIDNIGHT_S + LIVED))
    return meter


def object_list(wire):
    """(class, name, {attribute: access mode}, {method: allowed}) of what the association lets see."""
    for entry in wire.get(15, "0.0.40.0.0.255", 2).value:
        class_id, _version, name, rights = entry.value
        attributes, methods = (
            {item.value[0].value: item.value[1].value for item in part.value} for part in rights.value
        )
        yield class_id.value, str(Obis.from_bytes(name.value)), attributes, methods


# --- the object list, and what it promises ----------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("max_pdu", [0, 64, 128, 0xFFFF])
def test_everything_listed_is_read_by_any_size_of_pdu(meter, role, max_pdu):
    config = replace(client_for(meter, role).config, max_pdu=max_pdu)
    wire = FakeWire(meter, role, client_for(meter, role, config=config)).associate()
    listed = list(object_list(wire))
    names = {name for _, name, _, _ in listed}
    assert {"0.0.40.0.0.255", "0.0.41.0.0.255", "0.0.42.0.0.255", "0.0.1.0.0.255"} <= names
    long = {"1.0.99.1.0.255", "0.0.40.0.0.255"} | {f"0.0.40.0.{int(each)}.255" for each in Role}
    for class_id, name, attributes, _methods in listed:
        for attribute, mode in attributes.items():
            if name in long and max_pdu == 64 and attribute == 2:
                continue  # read above, or so long that it says nothing new in pieces of 14 bytes
            value = wire.get(class_id, name, attribute)
            assert isinstance(value, axdr.Data) is bool(mode & READABLE), (name, attribute, value)


@pytest.mark.parametrize("role", Role)
def test_what_is_not_listed_is_refused_with_its_reason(meter, role):
    everything = list(object_list(FakeWire(meter, Role.UTILITY).associate()))
    wire = FakeWire(meter, role).associate()
    seen = {(class_id, name) for class_id, name, _, _ in object_list(wire)}
    for class_id, name, attributes, methods in everything:
        if (class_id, name) not in seen:
            refused = {wire.get(class_id, name, attribute) for attribute in attributes}
            assert refused == {AccessResult.READ_WRITE_DENIED}, name
        assert wire.get(class_id, name, 99) in (
            AccessResult.OBJECT_UNAVAILABLE,
            AccessResult.READ_WRITE_DENIED,
        )
        assert wire.get(class_id + 1, name, 2) is AccessResult.OBJECT_CLASS_INCONSISTENT
        if role is not Role.UTILITY:
            for method in methods:
                [done] = wire.run(wire.client.action(CosemMethod.of(class_id, name, method)))
                assert done.result is ActionResult.READ_WRITE_DENIED
    assert wire.get(1, "0.0.94.91.99.255", 2) is AccessResult.OBJECT_UNDEFINED
    assert wire.get(8, "0.0.1.0.0.255", 2).tag is Tag.OCTET_STRING, "and the association goes on"


@pytest.mark.parametrize("role", [Role.PUBLIC, Role.READER])
def test_only_the_utility_writes(meter, role):
    wire = FakeWire(meter, role).associate()
    for class_id, name, attributes, _ in list(object_list(wire)):
        for attribute, mode in attributes.items():
            assert not mode & WRITABLE, name
            [done] = wire.run(wire.client.set(CosemAttribute.of(class_id, name, attribute), axdr.uint8(1)))
            assert done.result is AccessResult.READ_WRITE_DENIED


VALUES = [
    axdr.null(), axdr.boolean(value=True), axdr.uint8(200), axdr.int8(-1), axdr.uint16(0xFFFF), axdr.int16(-900),
    axdr.uint32(0xFFFF_FFFF), axdr.int32(-(2**31)), axdr.enum(255), axdr.octets(b""), axdr.octets(bytes(12)),
    axdr.octets(b"\xff" * 12), axdr.octets(bytes(300)), axdr.bits(b"\xff" * 16), axdr.bits(b"\x80", 1),
    axdr.structure(), axdr.array(axdr.uint8(1), axdr.uint8(2)),
]  # fmt: skip


def test_values_of_any_type_are_taken_or_refused_by_type(meter):
    """What is written to what can be written, and given to what can be called, is answered, and the meter lives."""
    wire = FakeWire(meter, Role.UTILITY).associate()
    for class_id, name, attributes, methods in list(object_list(wire)):
        for value in VALUES:
            for attribute, mode in attributes.items():
                [done] = wire.run(wire.client.set(CosemAttribute.of(class_id, name, attribute), value))
                assert isinstance(done, SetResult)
                if not mode & WRITABLE:
                    assert done.result is AccessResult.READ_WRITE_DENIED
                else:
                    assert done.result in (AccessResult.SUCCESS, AccessResult.TYPE_UNMATCHED)
            for method in methods:
                [done] = wire.run(wire.client.action(CosemMethod.of(class_id, name, method), value))
                assert isinstance(done, ActionDone)
    meter.advance(moment(meter.engine.true_s + DAY))
    assert wire.get(8, "0.0.1.0.0.255", 2).tag is Tag.OCTET_STRING


# --- profiles ---------------------------------------------------------------------------------------------


def column(class_id, obis, attribute=2):
    return CaptureObject(CosemAttribute.of(class_id, obis, attribute))


def at(seconds):
    """A moment as the meter's clock shows it, without a deviation: the meter takes its own."""
    local = moment(seconds + 330 * 60)
    date = local.year.to_bytes(2) + bytes((local.month, local.day, 0xFF))
    return axdr.octets(date + bytes((local.hour, local.minute, local.second, 0xFF)) + b"\x80\x00\xff")


def test_a_range_with_some_columns_in_the_order_asked_for(meter):
    wire = FakeWire(meter, Role.READER).associate()
    first, last = MIDNIGHT_S + DAY, MIDNIGHT_S + DAY + HOUR
    access = RangeAccess(
        column(8, "0.0.1.0.0.255"),
        at(first),
        at(last),
        (column(3, "1.0.1.29.0.255"), column(8, "0.0.1.0.0.255")),
    )
    rows = wire.get(*BLOCKS, access).value
    assert [[cell.tag for cell in row.value] for row in rows] == [[Tag.UINT32, Tag.OCTET_STRING]] * 3
    assert wire.get(*BLOCKS, RangeAccess(column(8, "0.0.1.0.0.255"), at(last), at(first))).value == ()
    assert wire.get(*BLOCKS, RangeAccess(column(8, "0.0.1.0.0.255"), at(0), at(1))).value == ()


@pytest.mark.parametrize(
    ("access", "rows", "columns"),
    [
        (EntryAccess(1, 1), 1, 8),
        (EntryAccess(1, 2, 2, 3), 2, 2),
        (EntryAccess(3, 0), 144, 8),
        (EntryAccess(0, 1), 1, 8),
        (EntryAccess(140, 4000, 8, 0), 7, 1),
        (EntryAccess(5, 4), 0, 0),
        (EntryAccess(4000, 0), 0, 0),
        (EntryAccess(2**32 - 1, 2**32 - 1), 0, 0),
    ],
)
def test_entries_within_and_beyond_the_buffer(meter, access, rows, columns):
    found = FakeWire(meter, Role.READER).associate().get(*BLOCKS, access).value
    assert (len(found), len(found[0].value) if found else 0) == (rows, columns)


@pytest.mark.parametrize(
    ("access", "reason"),
    [
        (
            RangeAccess(column(3, "1.0.1.29.0.255"), axdr.uint32(0), axdr.uint32(9)),
            "SCOPE_OF_ACCESS_VIOLATED",
        ),
        (RangeAccess(column(8, "0.0.1.0.0.255"), axdr.uint8(0), axdr.uint8(9)), "TYPE_UNMATCHED"),
        (
            RangeAccess(column(8, "0.0.1.0.0.255"), at(0), at(1), (column(3, "1.0.99.99.0.255"),)),
            "SCOPE_OF_ACCESS_VIOLATED",
        ),
    ],
)
def test_a_selection_that_cannot_be_is_refused_and_the_association_goes_on(meter, access, reason):
    wire = FakeWire(meter, Role.READER).associate()
    assert wire.get(*BLOCKS, access) is AccessResult[reason]
    assert wire.get(3, "1.0.1.8.0.255", 2, EntryAccess(1, 1)) is AccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert len(wire.get(*BLOCKS, EntryAccess(1, 1)).value) == 1


# --- clock and switch -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("07ea0401ff060000ff8000ff", AccessResult.SUCCESS),
        ("ffffffffffffffffff8000ff", AccessResult.TYPE_UNMATCHED),
        ("07ea021fff060000ff8000ff", AccessResult.TYPE_UNMATCHED),
        ("270f0c1fff173b3bff8000ff", AccessResult.TYPE_UNMATCHED),
        ("00010101ff000000ff8000ff", AccessResult.TYPE_UNMATCHED),
    ],
)
def test_the_clock_takes_moments_and_nothing_else(meter, date, reason):
    wire = FakeWire(meter, Role.UTILITY).associate()
    [done] = wire.run(wire.client.set(CLOCK, axdr.octets(bytes.fromhex(date))))
    assert done.result is reason
    meter.advance(moment(meter.engine.true_s + HOUR))
    assert wire.get(8, "0.0.1.0.0.255", 2).tag is Tag.OCTET_STRING


def test_the_switch_by_both_methods_with_whatever_parameter_clients_send(meter):
    wire = FakeWire(meter, Role.UTILITY).associate()
    switch = (70, "0.0.96.3.10.255")
    for parameter in (axdr.int8(0), None, axdr.null()):
        for method, closed, state in (
            (1, False, ControlState.DISCONNECTED),
            (2, True, ControlState.CONNECTED),
        ):
            [done] = wire.run(wire.client.action(CosemMethod.of(*switch, method), parameter))
            assert done.result is ActionResult.SUCCESS
            assert (wire.get(*switch, 2).value, wire.get(*switch, 3).value) == (closed, state)
    [done] = wire.run(wire.client.action(CosemMethod.of(*switch, 3)))
    assert done.result is ActionResult.OBJECT_UNAVAILABLE


# --- who may associate, and how often ---------------------------------------------------------------------


def sealed_out(meter, **changes):
    """A config of the utility's association with something wrong in it."""
    right = {"mechanism": Mechanism.HLS_GMAC, "ciphered": True, "keys": meter.identity.keys}
    return AssociationConfig(**(right | {"system_title": b"CLNT0001"} | changes))


def test_one_connection_bears_refusals_and_then_the_right_one(meter):
    """Wrong keys, a wrong proof, a replayed counter, no authentication: each refused, none in the way of the next."""
    sessions = Sessions(meter, entropy())
    guek, gak = meter.identity.keys.guek, meter.identity.keys.gak
    wrong = {
        "encryption key": sealed_out(meter, keys=SuiteKeys(bytes(16), gak)),
        "authentication key": sealed_out(meter, keys=SuiteKeys(guek, bytes(16))),
        "mechanism": sealed_out(meter, mechanism=Mechanism.HLS_SHA256, secret=b"12345678"),
        "no ciphering": AssociationConfig(),
    }
    for config in wrong.values():
        wire = FakeWire(meter, Role.UTILITY, client_for(meter, Role.UTILITY, config=config), sessions)
        with pytest.raises(AssociationRejectedError) as refused:
            wire.associate()
        assert refused.value.result == AssociationResult.REJECTED_PERMANENT
        assert refused.value.diagnostic != Diagnostic.NULL
    wire = FakeWire(meter, Role.UTILITY, None, sessions).associate()
    stale = FakeWire(meter, Role.UTILITY, client_for(meter, Role.UTILITY, counter=1), sessions)
    with pytest.raises(AssociationRejectedError):
        stale.associate()
    again = FakeWire(meter, Role.UTILITY, client_for(meter, Role.UTILITY), sessions).associate()
    assert again.get(3, "1.0.1.8.0.255", 2).tag is Tag.UINT32
    again.release()
    assert len(sessions.take_faults()) == len(wrong) + 1
    assert wire.client.state is State.READY, "its association ended with the next AARQ; it has not been told"


def test_a_replayed_request_is_answered_with_the_counter_that_is_due(meter):
    wire = FakeWire(meter, Role.UTILITY).associate()
    sent = wire.client.get(CLOCK)
    wire.run(sent)
    [answer] = wire.sessions.receive(Frame(48, 1, sent))
    error = decode_apdu(answer.apdu)
    assert isinstance(error, ExceptionResponse)
    assert error.service_error is ServiceError.INVOCATION_COUNTER_ERROR
    assert error.expected_counter == meter.received_counters[Role.UTILITY] + 1
    assert wire.get(8, "0.0.1.0.0.255", 2).tag is Tag.OCTET_STRING


def test_requests_without_an_association_get_an_exception(meter):
    sessions = Sessions(meter, entropy())
    for sap in SAPS.values():
        [answer] = sessions.receive(Frame(sap, 1, GetRequestNormal(0xC1, CLOCK).encode()))
        error = decode_apdu(answer.apdu)
        assert isinstance(error, ExceptionResponse)
        assert error.state_error is StateError.SERVICE_NOT_ALLOWED


def test_released_is_over_and_begins_again(meter):
    wire = FakeWire(meter, Role.READER).associate()
    for _ in range(3):
        wire.release()
        [answer] = wire.sessions.receive(Frame(32, 1, bytes.fromhex("6203800100")))
        assert isinstance(decode_apdu(answer.apdu), ExceptionResponse), "there is nothing left to release"
        wire = FakeWire(meter, Role.READER, None, wire.sessions).associate()
    assert wire.get(3, "1.0.1.8.0.255", 2).tag is Tag.UINT32


@pytest.mark.parametrize(
    "aarq",
    [
        # With what clients put into an AARQ beside the needed: invocation ids, qualifiers, a user id.
        "6027a109060760857405080101a803020101a903020105be10040e01000000065f1f0400001e1dffff",
        # Without acse requirements, which some take for implied.
        "601da109060760857405080101be10040e01000000065f1f0400001e1dffff",
        # With an unused title.
        "6029a109060760857405080101a60a0408434c4e5430303031be10040e01000000065f1f0400001e1dffff",
        # With quality of service and the default of response-allowed spelt out.
        "601fa109060760857405080101be120410010001010100065f1f0400001e1dffff",
    ],
)
def test_public_associations_in_the_forms_that_clients_write(meter, aarq):
    sessions = Sessions(meter, entropy())
    [answer] = sessions.receive(Frame(16, 1, bytes.fromhex(aarq)))
    accepted = decode_apdu(answer.apdu)
    assert isinstance(accepted, Aare)
    assert (accepted.result, accepted.diagnostic) == (0, 0)


def test_what_is_agreed_is_what_both_offer(meter):
    for role in Role:
        wire = FakeWire(meter, role).associate()
        assert wire.client.conformance == CONFORMANCE[role] & wire.client.config.conformance


# --- garbage ----------------------------------------------------------------------------------------------


def test_no_bytes_get_more_than_an_answer_and_none_ends_the_meter(meter):
    chance = random.Random(7)
    wire = FakeWire(meter, Role.UTILITY).associate()
    sound = [
        wire.client.get(CLOCK),
        bytes.fromhex("6203800100"),
        GetRequestNormal(0xC1, CLOCK).encode(),
        client_for(meter, Role.UTILITY).associate(),
    ]
    for _ in range(3000):
        apdu = bytearray(chance.choice(sound))
        for _ in range(chance.choice((1, 1, 2, 5))):
            apdu[chance.randrange(len(apdu))] = chance.choice(
                (0, 1, 0x7F, 0x80, 0x82, 0xFF, chance.randrange(256))
            )
        if chance.random() < 0.3:
            apdu = apdu[: chance.randrange(len(apdu) + 1)]
        answers = wire.sessions.receive(Frame(chance.choice((16, 32, 48, 7)), 1, bytes(apdu)))
        assert len(answers) <= 1
    fresh = FakeWire(meter, Role.UTILITY, None, wire.sessions).associate()
    assert fresh.get(8, "0.0.1.0.0.255", 2).tag is Tag.OCTET_STRING


def test_a_push_or_an_answer_is_nobodys_to_send_to_a_meter(meter):
    sessions = Sessions(meter, entropy())
    for apdu in ("0f00000001000006", "c401c1000000", "6103800100", "d80101", "0e010600", "e0c0000100000100"):
        for answer in sessions.receive(Frame(16, 1, bytes.fromhex(apdu))):
            assert isinstance(decode_apdu(answer.apdu), ExceptionResponse)


# --- connections ------------------------------------------------------------------------------------------


class Caller:
    """A client on a socket, by our own core."""

    def __init__(self, reader, writer, meter, role):
        self.reader, self.writer, self.meter, self.role = reader, writer, meter, role
        self.client = client_for(meter, role)
        self.splitter = Splitter()

    async def say(self, apdu):
        """One exchange; the events but those that ask for more to be sent."""
        self.writer.write(Frame(SAPS[self.role], 1, apdu).encode())
        while True:
            for frame in self.splitter.feed(await self.heard()):
                events = self.client.receive(frame.apdu)
                more = [event.apdu for event in events if hasattr(event, "apdu")]
                for each in more:
                    self.writer.write(Frame(SAPS[self.role], 1, each).encode())
                if not more:
                    return events

    async def heard(self):
        async with asyncio.timeout(60):
            return await self.reader.read(65536)


@asynccontextmanager
async def served(meter):
    """A meter that listens; a function that calls it."""
    station = Station(
        meter,
        now=lambda: moment(meter.engine.true_s),
        entropy=entropy(),
        plan=FaultPlan(meter.identity.serial),
    )
    server = await station.listen("127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    writers = []

    async def call(role=Role.PUBLIC):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return Caller(reader, writer, meter, role)

    try:
        yield call
    finally:
        server.close()
        station.drop_link()
        for writer in writers:
            writer.close()
        await server.wait_closed()


async def test_two_clients_at_once_do_not_know_of_each_other(meter):
    async with served(meter) as call:
        first, second = await call(Role.UTILITY), await call(Role.PUBLIC)
        await asyncio.gather(first.say(first.client.associate()), second.say(second.client.associate()))
        for _ in range(3):
            [[clock], [register]] = await asyncio.gather(
                second.say(second.client.get(CLOCK)),
                first.say(first.client.get(CosemAttribute.of(3, "1.0.1.8.0.255", 2))),
            )
            assert clock.data.tag is Tag.OCTET_STRING
            assert register.data.tag is Tag.UINT32
        second.writer.close()
        await first.say(first.client.release())
        assert first.client.state is State.IDLE


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x7e\xa0\x07\x03\x21\x93\x0f\x01\x7e", bytes(64), b"\x00\x02" + bytes(30)],
)
async def test_what_is_no_wrapper_ends_its_connection_and_no_other(meter, garbage):
    async with served(meter) as call:
        stranger, client = await call(), await call()
        stranger.writer.write(garbage)
        assert await stranger.heard() == b""
        await client.say(client.client.associate())
        assert client.client.state is State.READY


async def test_a_request_in_many_small_pieces_is_one(meter):
    async with served(meter) as call:
        client = await call()
        whole = Frame(16, 1, client.client.associate()).encode()
        for byte in whole:
            client.writer.write(bytes([byte]))
            await client.writer.drain()
        [frame] = client.splitter.feed(await client.heard())
        assert client.client.receive(frame.apdu)
        assert client.client.state is State.READY


async def test_a_client_that_sends_nothing_is_disconnected(meter, monkeypatch):
    monkeypatch.setattr(stations, "INACTIVITY_S", 0.05)
    async with served(meter) as call:
        silent = await call()
        assert await silent.heard() == b""
        slow = await call()
        hung_up = asyncio.create_task(slow.heard())
        # A frame that never comes to its end: byte by byte, and all the same nothing said.
        for byte in b"\0\1\0\x10\0\1\x10\0" + bytes(4000):
            slow.writer.write(bytes([byte]))
            await asyncio.wait({hung_up}, timeout=0.01)
            if hung_up.done():
                break
        assert hung_up.done(), "it was disconnected while it sent"
        assert await hung_up == b""


def test_a_proof_that_was_changed_on_the_way_opens_nothing_and_the_true_one_does(meter):
    """Pass 3 of HLS: an attacker who can change bytes on the line can neither open an association nor end it."""
    wire = FakeWire(meter, Role.UTILITY)
    [answer] = wire.sessions.receive(Frame(48, 1, wire.client.associate()))
    [event] = wire.client.receive(answer.apdu)
    forged = bytearray(event.apdu)
    forged[-1] ^= 1
    [refused] = wire.sessions.receive(Frame(48, 1, bytes(forged)))
    error = decode_apdu(refused.apdu)
    assert isinstance(error, ExceptionResponse)
    assert error.service_error is ServiceError.DECIPHERING_ERROR
    [accepted] = wire.sessions.receive(Frame(48, 1, event.apdu))
    wire.client.receive(accepted.apdu)
    assert wire.client.state is State.READY
