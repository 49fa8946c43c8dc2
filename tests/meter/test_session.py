"""Associations over one connection: answers, errors, counters and ciphering."""

import pytest
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, make_meter, moment
from tests.meter.wire import CLIENT_TITLE, FakeWire, client_for

from urja.cosem import axdr
from urja.cosem.apdu import (
    AccessResult,
    AccessSelection,
    ActionResult,
    CaptureObject,
    EntryAccess,
    RangeAccess,
    decode_apdu,
)
from urja.cosem.association import Associated, AssociationConfig, Mechanism
from urja.cosem.axdr import Data
from urja.cosem.errors import AssociationRejectedError, PeerError, ServiceRejectedError
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.security import SuiteKeys
from urja.cosem.wrapper import Frame
from urja.meter.object_model import Role
from urja.meter.object_values import clock_data
from urja.meter.relay import ControlState

CLOCK = (8, "0.0.1.0.0.255", 2)
BLOCKS = (7, "1.0.99.1.0.255", 2)
SWITCH_OFF = CosemMethod.of(70, "0.0.96.3.10.255", 1)


def day_old_meter():
    meter, truth = make_meter()
    meter.advance(moment(MIDNIGHT_S + DAY))
    return meter, truth


@pytest.mark.parametrize("role", Role)
def test_each_association_reads_the_clock_and_is_released(role):
    meter, _ = day_old_meter()
    wire = FakeWire(meter, role).associate()
    assert wire.get(*CLOCK) == clock_data(meter.identity.type, MIDNIGHT_S + DAY, 0)
    wire.release()
    assert FakeWire(meter, role, sessions=wire.sessions).associate().get(*CLOCK).tag is axdr.Tag.OCTET_STRING


def test_the_whole_block_profile_comes_in_blocks():
    meter, truth = day_old_meter()
    wire = FakeWire(meter, Role.UTILITY).associate()
    before = wire.round_trips
    rows = wire.get(*BLOCKS).value
    assert wire.round_trips - before > 2
    assert [row.value[2].value for row in rows] == [record.drawn_mwh // 1000 for record in truth]


def test_block_profile_by_range_over_the_wire():
    meter, truth = day_old_meter()
    device_type = meter.identity.type
    access = RangeAccess(
        CaptureObject(CosemAttribute.of(*CLOCK)),
        clock_data(device_type, MIDNIGHT_S + 3 * HOUR, 0),
        clock_data(device_type, MIDNIGHT_S + 4 * HOUR, 0),
    )
    rows = FakeWire(meter, Role.READER).associate().get(*BLOCKS, access).value
    assert [row.value[2].value for row in rows] == [record.drawn_mwh // 1000 for record in truth[5:8]]


def test_range_by_tagged_date_time_and_without_deviation():
    meter, _ = day_old_meter()
    from urja.cosem.time import CosemDateTime

    bounds = [axdr.date_time(CosemDateTime(2026, 4, 1, 0xFF, hour, 0, 0)) for hour in (3, 4)]
    access = RangeAccess(CaptureObject(CosemAttribute.of(*CLOCK)), *bounds)
    assert len(FakeWire(meter, Role.READER).associate().get(*BLOCKS, access).value) == 3


def test_entries_over_the_wire():
    meter, _ = day_old_meter()
    wire = FakeWire(meter, Role.READER).associate()
    assert len(wire.get(*BLOCKS, EntryAccess(47, 48)).value) == 2
    assert len(wire.get(*BLOCKS, EntryAccess(47, 0)).value) == 2
    live = (7, "1.0.94.91.0.255", 2)
    assert [len(wire.get(*live, EntryAccess(first, 0)).value) for first in (0, 1, 2)] == [1, 1, 0]


def test_a_selection_that_cannot_be_read_is_refused_and_the_association_stays_open():
    meter, _ = day_old_meter()
    wire = FakeWire(meter, Role.READER).associate()
    entries = axdr.structure(*map(axdr.uint16, (1, 2, 1, 0)))  # entries are of 32 bits
    for selector, parameters in ((1, axdr.null()), (2, entries)):
        assert wire.get(*BLOCKS, AccessSelection(selector, parameters)) is AccessResult.TYPE_UNMATCHED
    assert len(wire.get(*BLOCKS, EntryAccess(47, 48)).value) == 2


def test_get_with_list_mixes_answers():
    meter, _ = day_old_meter()
    wire = FakeWire(meter, Role.UTILITY).associate()
    results = wire.get_list(CLOCK, (3, "1.0.1.8.0.255", 2), (1, "0.0.99.99.99.255", 2))
    assert isinstance(results[0], Data)
    assert isinstance(results[1], Data)
    assert results[2] is AccessResult.OBJECT_UNDEFINED


def test_public_is_refused_what_is_not_its_own():
    meter, _ = day_old_meter()
    wire = FakeWire(meter, Role.PUBLIC).associate()
    assert wire.get(3, "1.0.1.8.0.255", 2) is AccessResult.READ_WRITE_DENIED
    assert wire.get(*BLOCKS) is AccessResult.READ_WRITE_DENIED
    assert wire.get(1, "0.0.43.1.3.255", 2) == axdr.uint32(0)


def test_reader_cannot_switch_and_the_utility_can():
    meter, _ = day_old_meter()
    reader = FakeWire(meter, Role.READER).associate()
    [event] = reader.run(reader.client.action(SWITCH_OFF, axdr.int8(0)))
    assert event.result is ActionResult.READ_WRITE_DENIED
    assert meter.engine.switch.state is ControlState.CONNECTED
    utility = FakeWire(meter, Role.UTILITY).associate()
    [event] = utility.run(utility.client.action(SWITCH_OFF, axdr.int8(0)))
    assert event.result is ActionResult.SUCCESS
    assert utility.get(70, "0.0.96.3.10.255", 3) == axdr.enum(0)
    assert [push.kind.value for push in meter.advance(moment(MIDNIGHT_S + DAY))] == ["alert"]


def test_the_utility_sets_the_clock():
    meter, _ = day_old_meter()
    wire = FakeWire(meter, Role.UTILITY).associate()
    wanted = clock_data(meter.identity.type, MIDNIGHT_S + DAY + 120, 0)
    [event] = wire.run(wire.client.set(CosemAttribute.of(*CLOCK), wanted))
    assert event.result is AccessResult.SUCCESS
    assert wire.get(*CLOCK) == wanted
    [event] = wire.run(wire.client.set(CosemAttribute.of(*CLOCK), axdr.octets(b"\xff" * 12)))
    assert event.result is AccessResult.TYPE_UNMATCHED


def test_wrong_password_wrong_key_wrong_mechanism_are_rejected():
    meter, _ = day_old_meter()
    identity = meter.identity
    good = {"ciphered": True, "keys": identity.keys, "system_title": CLIENT_TITLE}
    password = bytes.fromhex(identity.lls_secret)
    wrong = SuiteKeys(bytes(16), bytes(16))
    attempts = [
        (Role.READER, AssociationConfig(**good, mechanism=Mechanism.LLS, secret=b"wrong")),
        (Role.READER, AssociationConfig(**good | {"keys": wrong}, mechanism=Mechanism.LLS, secret=password)),
        (Role.UTILITY, AssociationConfig(**good, mechanism=Mechanism.LLS, secret=password)),
        (Role.UTILITY, AssociationConfig()),
        (Role.UTILITY, AssociationConfig(**good | {"keys": wrong}, mechanism=Mechanism.HLS_GMAC)),
    ]
    for role, config in attempts:
        wire = FakeWire(meter, role, client=client_for(meter, role, counter=100, config=config))
        with pytest.raises((AssociationRejectedError, ServiceRejectedError, PeerError)):
            wire.run(wire.client.associate())
        assert wire.sessions.take_faults()


def test_a_counter_that_does_not_advance_is_refused_over_connections():
    meter, _ = day_old_meter()
    FakeWire(meter, Role.UTILITY, client=client_for(meter, Role.UTILITY, counter=500)).associate()
    assert meter.invocation_counter(3) >= 500
    public = FakeWire(meter, Role.PUBLIC).associate()
    assert public.get(1, "0.0.43.1.3.255", 2).value == meter.invocation_counter(3)
    stale = FakeWire(meter, Role.UTILITY, client=client_for(meter, Role.UTILITY, counter=400))
    with pytest.raises(PeerError):
        stale.run(stale.client.associate())


def test_no_counter_is_used_twice_between_pushes_and_sessions():
    meter, _ = make_meter()
    wire = FakeWire(meter, Role.UTILITY).associate()
    used = []
    sealed_receive = wire.client.receive

    def receive(raw):
        apdu = decode_apdu(raw)
        if hasattr(apdu, "counter"):
            used.append(apdu.counter)
        return sealed_receive(raw)

    wire.client.receive = receive
    for step in range(1, 6):
        used += [push.counter for push in meter.advance(moment(MIDNIGHT_S + step * 1800))]
        wire.get(*CLOCK)
        wire.get(*BLOCKS)
    assert len(used) == len(set(used)) > 15
    assert used == sorted(used)


def test_two_connections_do_not_share_an_association():
    meter, _ = day_old_meter()
    one = FakeWire(meter, Role.UTILITY).associate()
    other = FakeWire(meter, Role.UTILITY).associate()
    assert isinstance(other.get(*CLOCK), Data)
    # The first client's counter is behind the second's now: its next request is a replay to the meter.
    with pytest.raises(PeerError):
        one.get(*CLOCK)


def test_no_answer_for_foreign_ports_or_without_power():
    meter, _ = day_old_meter()
    wire = FakeWire(meter, Role.PUBLIC)
    aarq = wire.client.associate()
    assert wire.sessions.receive(Frame(99, 1, aarq)) == []
    assert wire.sessions.receive(Frame(16, 2, aarq)) == []
    meter.cut_power(moment(MIDNIGHT_S + DAY))
    assert wire.sessions.receive(Frame(16, 1, aarq)) == []
    meter.restore_power(moment(MIDNIGHT_S + DAY + 1))
    [event] = wire.run(aarq)
    assert isinstance(event, Associated)
