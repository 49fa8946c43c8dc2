"""The COSEM objects of the meter: attributes, access rights, selective access and methods."""

import pytest
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, StatusBit, make_meter, moment

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult, CaptureObject, EntryAccess, RangeAccess, decode_apdu
from urja.cosem.companion import BILLING_DATE, load_companion
from urja.cosem.layout import Layout
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.time import CosemDateTime, DeviationSign
from urja.meter.object_model import RefusedError, Role
from urja.meter.object_values import NEVER, clock_data, selection_of
from urja.meter.relay import ControlState

CLOCK = (8, "0.0.1.0.0.255", 2)
REGISTER = (3, "1.0.1.8.0.255", 2)
SWITCH = (70, "0.0.96.3.10.255", 1)
BLOCKS = (7, "1.0.99.1.0.255", 2)
POWER_LOG = (7, "0.0.99.98.2.255", 2)


def target(class_id, obis, number):
    return class_id, Obis.parse(obis), number


def read(meter, role, what, access=None):
    selection = access and selection_of(meter.identity.type, access.selection())
    return meter.catalogue.read(meter, role, target(*what), selection)


def refusal(call, *args):
    with pytest.raises(RefusedError) as refused:
        call(*args)
    return refused.value.reason


@pytest.mark.parametrize(
    ("role", "what", "answer"),
    [
        (Role.PUBLIC, CLOCK, None),
        (Role.PUBLIC, (1, "0.0.42.0.0.255", 2), None),
        (Role.PUBLIC, (1, "0.0.96.1.0.255", 2), None),
        (Role.PUBLIC, (1, "0.0.43.1.2.255", 2), None),
        (Role.PUBLIC, (1, "0.0.43.1.3.255", 2), None),
        (Role.PUBLIC, (1, "0.0.43.1.4.255", 2), None),
        (Role.PUBLIC, (1, "0.0.43.1.5.255", 2), None),
        (Role.PUBLIC, REGISTER, AccessResult.READ_WRITE_DENIED),
        (Role.PUBLIC, BLOCKS, AccessResult.READ_WRITE_DENIED),
        (Role.PUBLIC, (15, "0.0.40.0.3.255", 2), AccessResult.READ_WRITE_DENIED),
        (Role.READER, REGISTER, None),
        (Role.READER, BLOCKS, None),
        (Role.READER, POWER_LOG, None),
        (Role.UTILITY, REGISTER, None),
        (Role.UTILITY, (1, "0.0.99.99.99.255", 2), AccessResult.OBJECT_UNDEFINED),
        (Role.UTILITY, (1, "1.0.1.8.0.255", 2), AccessResult.OBJECT_CLASS_INCONSISTENT),
        (Role.UTILITY, (3, "1.0.1.8.0.255", 9), AccessResult.OBJECT_UNAVAILABLE),
        (Role.UTILITY, (15, "0.0.40.0.3.255", 7), AccessResult.OBJECT_UNAVAILABLE),
    ],
)
def test_reading_by_association(role, what, answer):
    meter, _ = make_meter()
    if answer is None:
        read(meter, role, what)
    else:
        assert refusal(read, meter, role, what) is answer


@pytest.mark.parametrize("role", [Role.PUBLIC, Role.READER])
def test_only_the_utility_writes_and_acts(role):
    meter, _ = make_meter()
    time = clock_data(meter.identity.type, MIDNIGHT_S, 0)
    denied = AccessResult.READ_WRITE_DENIED
    assert refusal(meter.catalogue.write, meter, role, target(*CLOCK), time) is denied
    assert refusal(meter.catalogue.invoke, meter, role, target(*SWITCH), axdr.int8(0)) is denied
    meter.catalogue.write(meter, Role.UTILITY, target(*CLOCK), time)
    meter.catalogue.invoke(meter, Role.UTILITY, target(*SWITCH), axdr.int8(0))
    assert meter.engine.switch.state is ControlState.DISCONNECTED


def test_writing_checks_the_type():
    meter, _ = make_meter()
    limit = target(71, "0.0.17.0.0.255", 4)
    unmatched = AccessResult.TYPE_UNMATCHED
    assert refusal(meter.catalogue.write, meter, Role.UTILITY, limit, axdr.uint8(3)) is unmatched
    assert refusal(meter.catalogue.write, meter, Role.UTILITY, target(*CLOCK), axdr.uint8(3)) is unmatched
    meter.catalogue.write(meter, Role.UTILITY, limit, axdr.uint32(3000))
    assert read(meter, Role.UTILITY, (71, "0.0.17.0.0.255", 4)) == axdr.uint32(3000)
    balance = (1, "0.0.94.96.24.255", 2)
    meter.catalogue.write(meter, Role.UTILITY, target(*balance), axdr.int32(-12_345))
    assert read(meter, Role.READER, balance) == axdr.int32(-12_345)


def test_every_listed_attribute_reads_and_encodes_for_every_role():
    meter, _ = make_meter()
    meter.advance(moment(MIDNIGHT_S + DAY))
    for role in Role:
        listed = read(meter, role, (15, "0.0.40.0.0.255", 2))
        assert listed == read(meter, role, (15, f"0.0.40.0.{int(role)}.255", 2))
        for class_id, _version, name, (attributes, _methods) in axdr.to_python(listed):
            for number, mode, _selectors in attributes:
                if mode & 1:
                    value = meter.catalogue.read(meter, role, (class_id, Obis.from_bytes(name), number))
                    assert axdr.decode_all(axdr.encode(value)) == value


def test_the_companion_knows_every_object_with_its_class():
    meter, _ = make_meter()
    known = load_companion().objects
    for class_id, _version, name, _rights in axdr.to_python(
        read(meter, Role.UTILITY, (15, "0.0.40.0.0.255", 2))
    ):
        obis = str(Obis.from_bytes(name))
        if obis in known:
            assert known[obis].class_id == class_id, obis


def test_register_is_start_plus_truth():
    meter, truth = make_meter(start_wh=5000)
    meter.advance(moment(MIDNIGHT_S + DAY))
    assert read(meter, Role.READER, REGISTER) == axdr.uint32(5000 + truth[-1].cumulative_mwh // 1000)
    assert axdr.to_python(read(meter, Role.READER, (3, "1.0.1.8.0.255", 3))) == [0, 30]


def test_clock_writes_the_indian_sign():
    meter, _ = make_meter()
    meter.advance(moment(MIDNIGHT_S + HOUR))
    shown = CosemDateTime.from_bytes(read(meter, Role.PUBLIC, CLOCK).value)
    assert (shown.hour, shown.minute, shown.deviation_min) == (1, 0, 330)
    assert shown.to_utc(DeviationSign.INDIAN) == moment(MIDNIGHT_S + HOUR)


def clock_range(meter, from_s, to_s, columns=()):
    clock = CaptureObject(CosemAttribute.of(*CLOCK))
    device_type = meter.identity.type
    return RangeAccess(clock, clock_data(device_type, from_s, 0), clock_data(device_type, to_s, 0), columns)


def test_block_profile_by_range_and_by_entry():
    meter, truth = make_meter()
    meter.advance(moment(MIDNIGHT_S + DAY))
    rows = read(meter, Role.READER, BLOCKS).value
    assert len(rows) == 48
    some = read(
        meter, Role.READER, BLOCKS, clock_range(meter, MIDNIGHT_S + HOUR, MIDNIGHT_S + 2 * HOUR)
    ).value
    assert list(some) == list(rows[1:4])  # both ends included
    assert list(read(meter, Role.READER, BLOCKS, EntryAccess(2, 4)).value) == list(rows[1:4])
    assert [row.value[2].value for row in some] == [record.drawn_mwh // 1000 for record in truth[1:4]]


def test_columns_can_be_picked():
    meter, _ = make_meter()
    meter.advance(moment(MIDNIGHT_S + 2 * HOUR))
    wh = CaptureObject(CosemAttribute.of(3, "1.0.1.29.0.255", 2))
    whole = read(meter, Role.READER, BLOCKS).value
    picked = read(
        meter, Role.READER, BLOCKS, clock_range(meter, MIDNIGHT_S, MIDNIGHT_S + DAY, columns=(wh,))
    ).value
    assert [row.value for row in picked] == [(row.value[2],) for row in whole]
    assert read(meter, Role.READER, BLOCKS, EntryAccess(1, 0, 3, 3)).value == picked
    stranger = CaptureObject(CosemAttribute.of(3, "1.0.1.8.0.255", 2))
    access = clock_range(meter, MIDNIGHT_S, MIDNIGHT_S + DAY, columns=(stranger,))
    assert refusal(read, meter, Role.READER, BLOCKS, access) is AccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_selection_where_there_is_none_is_refused():
    meter, _ = make_meter()
    assert (
        refusal(read, meter, Role.READER, REGISTER, EntryAccess(1, 1))
        is AccessResult.SCOPE_OF_ACCESS_VIOLATED
    )


@pytest.mark.parametrize("key", ["instantaneous", "block", "daily", "billing"])
def test_scaler_profile_has_one_row_in_step_with_its_columns(key):
    meter, _ = make_meter()
    profile = meter.identity.type.profiles[key]
    [row] = read(meter, Role.READER, (7, profile.scaler_obis, 2)).value
    captured = axdr.to_python(read(meter, Role.READER, (7, profile.scaler_obis, 3)))
    columns = {(c.class_id, c.obis_bytes): c for c in profile.columns if c.attribute == 2}
    assert len(row.value) == len(captured) > 0
    for pair, (class_id, name, attribute, _index) in zip(axdr.to_python(row), captured, strict=True):
        column = columns[class_id, name]
        assert attribute == 3
        assert pair == [column.scaler, column.unit]


def test_a_closed_billing_period_is_readable():
    meter, _ = make_meter()
    profile = meter.identity.type.profiles["billing"]
    buffer = (7, profile.obis, 2)
    assert read(meter, Role.READER, buffer).value == ()
    assert read(meter, Role.READER, (3, BILLING_DATE, 2)) == NEVER
    meter.run_without_pushing(moment(MIDNIGHT_S + 30 * DAY))
    [row] = read(meter, Role.READER, buffer).value
    assert [data.tag for data in row.value] == [column.tag for column in profile.columns]
    said = {column.key: data.value for column, data in zip(profile.columns, row.value, strict=True)}
    assert said["import_wh"] == read(meter, Role.READER, REGISTER).value
    assert CosemDateTime.from_bytes(said["billing_date"]).to_utc(DeviationSign.INDIAN) == moment(
        MIDNIGHT_S + 30 * DAY
    )
    at = CosemDateTime.from_bytes(said["max_demand_w_at"]).to_utc(DeviationSign.INDIAN)
    assert moment(MIDNIGHT_S) < at <= moment(MIDNIGHT_S + 30 * DAY)
    # The demands of the period that is open count again, the date is of the one that was closed.
    assert read(meter, Role.READER, (4, "1.0.1.6.0.255", 2)).value == 0
    assert read(meter, Role.READER, (4, "1.0.1.6.0.255", 5)) == NEVER
    assert read(meter, Role.READER, (3, BILLING_DATE, 2)).value == said["billing_date"]
    # IS 15959 reads it by entry.
    assert read(meter, Role.READER, buffer, EntryAccess(1, 1)).value == (row,)
    assert read(meter, Role.READER, (7, profile.obis, 8)).value == 12


def test_power_log_is_readable():
    meter, _ = make_meter()
    meter.cut_power(moment(MIDNIGHT_S + HOUR))
    meter.restore_power(moment(MIDNIGHT_S + 3 * HOUR))
    rows = axdr.to_python(read(meter, Role.READER, POWER_LOG))
    assert [row[1] for row in rows] == [101, 102]
    assert read(meter, Role.READER, (1, "0.0.96.11.2.255", 2)) == axdr.uint16(102)


def opened(meter, push):
    sealed = decode_apdu(push.apdu)
    assert sealed.system_title == meter.identity.title
    return decode_apdu(sealed.open(meter.identity.keys))


def test_pushes_decrypt_and_follow_their_setup():
    meter, truth = make_meter(start_wh=5000)
    pushes = meter.advance(moment(MIDNIGHT_S + 1800))
    assert [push.kind.value for push in pushes] == ["block", "instantaneous"]
    for push in pushes:
        layout = meter.identity.type.pushes[push.kind.value]
        setup = read(meter, Role.UTILITY, (40, layout.obis, 2)).value
        body = opened(meter, push).body
        assert len(body.value) == len(setup) == 3 + len(layout.columns)
        assert body.value[1].value == bytes(Obis.parse(layout.obis))
        stamp = CosemDateTime.from_bytes(body.value[2].value).to_utc(DeviationSign.INDIAN)
        assert stamp == moment(MIDNIGHT_S + 1800)
        for column, data in zip(layout.columns, body.value[3:], strict=True):
            assert data.tag == column.tag
    block, instantaneous = (opened(meter, push).body.value for push in pushes)
    assert block[4].value == truth[0].drawn_mwh // 1000
    keys = [column.key for column in meter.identity.type.pushes["instantaneous"].columns]
    assert instantaneous[3 + keys.index("import_wh")].value == 5000 + truth[0].cumulative_mwh // 1000


def test_an_instantaneous_push_holds_the_register_of_its_own_instant():
    meter, truth = make_meter(start_wh=0)
    pushes = [push for push in meter.advance(moment(MIDNIGHT_S + DAY)) if push.kind.value == "instantaneous"]
    keys = [column.key for column in meter.identity.type.pushes["instantaneous"].columns]
    registers = [opened(meter, push).body.value[3 + keys.index("import_wh")].value for push in pushes]
    assert registers == [record.cumulative_mwh // 1000 for record in truth]


def test_alerts_and_their_counters():
    meter, _ = make_meter()
    *_, gasp = meter.cut_power(moment(MIDNIGHT_S + HOUR))
    [breath] = meter.restore_power(moment(MIDNIGHT_S + HOUR + 60))
    for push, bit in ((gasp, StatusBit.LAST_GASP), (breath, StatusBit.FIRST_BREATH)):
        word = opened(meter, push).body.value[3].value
        assert [index for index in range(128) if word[index]] == [bit]
    assert breath.counter > gasp.counter
    assert read(meter, Role.PUBLIC, (1, "0.0.43.1.4.255", 2)) == axdr.uint32(breath.counter)


def test_switching_alerts_with_the_next_advance():
    meter, _ = make_meter()
    meter.operate(1)
    [alert] = meter.advance(moment(MIDNIGHT_S))
    assert alert.kind.value == "alert"
    meter.operate(1)
    assert meter.advance(moment(MIDNIGHT_S)) == []


def test_time_that_has_passed_changes_nothing():
    meter, truth = make_meter()
    meter.advance(moment(MIDNIGHT_S + HOUR))
    assert meter.advance(moment(MIDNIGHT_S)) == []
    assert len(truth) == 2


def test_the_filter_holds_alerts_back():
    meter, _ = make_meter()
    eswf = target(1, "0.0.94.91.26.255", 2)
    too_short = refusal(meter.catalogue.write, meter, Role.UTILITY, eswf, axdr.bits(bytes(2)))
    assert too_short is AccessResult.TYPE_UNMATCHED
    only_gasps = 1 << 127 - StatusBit.LAST_GASP
    meter.catalogue.write(meter, Role.UTILITY, eswf, axdr.bits(only_gasps.to_bytes(16)))
    [gasp] = meter.cut_power(moment(MIDNIGHT_S + 60))
    assert gasp.kind.value == "alert"
    assert meter.restore_power(moment(MIDNIGHT_S + 120)) == []


def test_every_push_takes_the_head_ends_fast_path():
    meter, truth = make_meter()
    pushes = [push for push in meter.advance(moment(MIDNIGHT_S + DAY)) if push.kind.value == "block"]
    plaintexts = [decode_apdu(push.apdu).open(meter.identity.keys) for push in pushes]
    layout = Layout.for_push(meter.identity.type, meter.identity.type.pushes["block"])
    decoded = layout.decode(plaintexts)
    assert decoded.ok.all()
    assert decoded.fast.all()
    energy, _ = decoded.column("import_wh")
    stamps, _ = decoded.column("clock")
    assert energy.tolist() == [record.drawn_mwh // 1000 for record in truth]
    assert stamps.tolist() == [record.end_s for record in truth]


@pytest.mark.parametrize("energy_before", [True, False])
def test_an_instantaneous_push_takes_it_too_with_and_without_a_demand(energy_before):
    meter, _ = make_meter()
    meter.engine.supply.relay_closed = energy_before
    [_block, push] = meter.advance(moment(MIDNIGHT_S + 1800))
    layout = Layout.for_push(meter.identity.type, meter.identity.type.pushes["instantaneous"])
    decoded = layout.decode([decode_apdu(push.apdu).open(meter.identity.keys)])
    assert decoded.fast.all()
    _, valid = decoded.column("max_demand_w_at")
    assert valid.tolist() == [energy_before]
