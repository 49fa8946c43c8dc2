"""The compiled path and the general decoder read the same, whatever bytes arrive."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from tests.cosem.pushes import (
    ALERT,
    BLOCK,
    CLOCK,
    D1,
    INSTANTANEOUS,
    PUSHES,
    elements,
    notification,
    obis_bytes,
    plaintext,
)

from urja.cosem import axdr
from urja.cosem.axdr import BitString, Data, Tag
from urja.cosem.columns import INSTANT, epoch_seconds
from urja.cosem.companion import Column
from urja.cosem.errors import CosemError, DecodeError, LocalError
from urja.cosem.layout import NULL, Layout, LayoutSet, decode_general
from urja.cosem.push_object_list import PushObject, PushObjectList, matches_type
from urja.cosem.time import CosemDateTime, DeviationSign

LAYOUTS = [BLOCK, INSTANTANEOUS, ALERT]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A layout with every type that the fast path knows, signed and unsigned, 64 bits, both clocks.
EVERY_TYPE = Layout.compile(
    "every type",
    [
        Column(tag.name.lower(), 3, "1.0.1.8.0.255", 2, tag)
        for tag in (
            Tag.BOOLEAN, Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64,
            Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64, Tag.ENUM, Tag.DATE_TIME, Tag.VISIBLE_STRING,
        )
    ]
    + [Column("at", 8, "0.0.1.0.0.255", 2, Tag.OCTET_STRING, 12), Column("bits", 1, "0.0.94.91.18.255", 2, Tag.BIT_STRING, 13)],
)  # fmt: skip

clock_bytes = st.one_of(
    st.binary(min_size=12, max_size=12),
    st.builds(
        lambda moment, weekday, second, hundredths, deviation, status: CosemDateTime(
            moment.year, moment.month, moment.day, weekday, moment.hour, moment.minute, second, hundredths,
            deviation, status,
        ).to_bytes(),
        st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)),  # noqa: DTZ001 - a COSEM time has no zone
        st.sampled_from([1, 7, 255]),
        st.sampled_from([0, 59, 60, 255]),
        st.sampled_from([0, 99, 100, 255]),
        st.sampled_from([-0x8000, 330, -60, 0, 1440, 1441, -1441]),
        st.sampled_from([0, 0x80, 255]),
    ),
)  # fmt: skip

any_data = st.one_of(
    st.just(axdr.null()),
    st.integers(0, 255).map(axdr.uint8),
    st.integers(-(2**63), 2**63 - 1).map(axdr.int64),
    st.integers(0, 2**64 - 1).map(axdr.uint64),
    st.integers(0, 65535).map(axdr.uint16),
    st.integers(0, 2**32 - 1).map(axdr.uint32),
    st.integers(-(2**31), 2**31 - 1).map(axdr.int32),
    st.integers(0, 255).map(axdr.enum),
    st.booleans().map(axdr.boolean),
    st.floats(width=32).map(axdr.float32),
    st.binary(max_size=20).map(axdr.octets),
    clock_bytes.map(axdr.octets),
    clock_bytes.map(lambda raw: Data(Tag.DATE_TIME, CosemDateTime.from_bytes(raw))),
    st.text("abcé", max_size=6).map(axdr.utf8),
    st.text("abc", max_size=6).map(axdr.visible),
    st.binary(min_size=2, max_size=2).map(lambda raw: Data(Tag.BIT_STRING, BitString(raw, 13))),
    st.just(axdr.structure(axdr.null())),
)


@st.composite
def near_pushes(draw):
    """A push of one of the layouts with some elements changed, then perhaps some bytes."""
    layout = draw(st.sampled_from([*LAYOUTS, EVERY_TYPE]))
    if layout is EVERY_TYPE:
        items = [draw(fitting(column)) for column in layout.columns]
    else:
        items = elements(layout, draw(st.integers(0, 10**7)))
    for position in draw(st.lists(st.integers(0, len(items) - 1), max_size=3)):
        items[position] = draw(any_data)
    items = items[: draw(st.sampled_from([None, None, None, -1, 1]))]
    raw = bytearray(
        notification(axdr.structure(*items), date_time=draw(st.sampled_from([b"", CLOCK, bytes(12)])))
    )
    for position, value in draw(
        st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)), max_size=2)
    ):
        raw[position] = value
    cut = draw(st.one_of(st.just(len(raw)), st.just(len(raw)), st.integers(0, len(raw))))
    return bytes(raw[:cut]) + draw(st.sampled_from([b"", b"", b"\0", b"\x11\x05"]))


def fitting(column):
    if column.tag == Tag.BOOLEAN:
        return st.booleans().map(axdr.boolean)
    if column.tag == Tag.DATE_TIME:
        return clock_bytes.map(lambda raw: Data(Tag.DATE_TIME, CosemDateTime.from_bytes(raw)))
    if column.key == "at":
        return clock_bytes.map(axdr.octets)
    if column.tag == Tag.VISIBLE_STRING:
        return st.binary(max_size=9).map(lambda raw: Data(Tag.VISIBLE_STRING, raw.decode("latin-1")))
    if column.tag == Tag.BIT_STRING:
        return st.binary(min_size=2, max_size=2).map(lambda raw: Data(Tag.BIT_STRING, BitString(raw, 13)))
    bits = {Tag.INT8: 8, Tag.INT16: 16, Tag.INT32: 32, Tag.INT64: 64, Tag.UINT8: 8, Tag.ENUM: 8,
            Tag.UINT16: 16, Tag.UINT32: 32, Tag.UINT64: 64}[column.tag]  # fmt: skip
    signed = column.tag.name.startswith("INT")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.integers(low, high).map(lambda value: Data(column.tag, value))


def general(raw, layout):
    try:
        return decode_general(raw, layout)
    except CosemError as error:
        return type(error)


def as_row(decoded, i):
    strings = tuple(decoded.strings(key)[i] for key in decoded.layout.string_keys)
    return (
        tuple(decoded.values[:, i].tolist()),
        tuple(decoded.valid[:, i].tolist()),
        tuple(decoded.status[:, i].tolist()),
        strings,
    )


@settings(max_examples=200)
@given(st.lists(near_pushes(), min_size=1, max_size=8), st.sampled_from([*LAYOUTS, EVERY_TYPE]))
def test_both_decoders_agree_on_any_input(raws, layout):
    decoded = layout.decode(raws)
    for i, raw in enumerate(raws):
        expected = general(raw, layout)
        if isinstance(expected, type):
            assert not decoded.ok[i]
            assert type(decoded.errors[i]) is expected
        else:
            assert decoded.ok[i]
            assert i not in decoded.errors
            assert as_row(decoded, i) == (expected.values, expected.valid, expected.status, expected.strings)


@settings(max_examples=100)
@given(st.lists(near_pushes(), max_size=8))
def test_a_set_sorts_by_push_and_loses_nothing(raws):
    done = PUSHES.decode(raws)
    placed = {}
    for rows, decoded in done.parts:
        for position, row in enumerate(rows.tolist()):
            assert decoded.ok[position]
            placed[row] = (decoded.layout, as_row(decoded, position))
    assert sorted([*placed, *done.errors]) == list(range(len(raws)))
    for row, (layout, found) in placed.items():
        expected = decode_general(raws[row], layout)
        assert found == (expected.values, expected.valid, expected.status, expected.strings)
    for row in done.errors:
        assert all(isinstance(general(raws[row], layout), type) for layout in PUSHES.layouts)


@given(st.lists(clock_bytes, min_size=1, max_size=30), st.sampled_from(DeviationSign), st.integers(-720, 720))
def test_clocks_convert_as_the_scalar_conversion_does(raws, sign, default):
    seconds, valid = epoch_seconds(np.frombuffer(b"".join(raws), dtype=INSTANT), sign, default)
    for i, raw in enumerate(raws):
        try:
            at = CosemDateTime.from_bytes(raw).to_utc(sign, default)
        except DecodeError:
            assert not valid[i]
            assert seconds[i] == NULL
        else:
            assert valid[i]
            assert seconds[i] == (at - EPOCH) // timedelta(seconds=1)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_conforming_pushes_take_the_fast_path(layout):
    """The bar is 99.9 %; meters with serials of several lengths, with and without the push's own date-time."""
    raws = [
        notification(axdr.structure(*elements(layout, 10**6 * (n % 40 + 1) + n)), date_time=CLOCK * (n % 2))
        for n in range(4000)
    ]
    decoded = layout.decode(raws)
    assert decoded.fast.mean() >= 0.999
    assert decoded.ok.all()
    assert not decoded.errors


def test_a_block_push_by_hand():
    body = axdr.structure(
        axdr.octets(b"URJ00000042"),
        axdr.octets(obis_bytes("0.5.25.9.0.255")),
        axdr.octets(CLOCK),
        axdr.uint16(23150),
        axdr.uint32(412),
        axdr.uint32(430),
        axdr.uint32(0),
        axdr.uint32(0),
        axdr.uint16(372),
        axdr.uint8(0),
    )
    decoded = BLOCK.decode([notification(body)])
    at = int(datetime(2026, 8, 24, 5, 0, tzinfo=UTC).timestamp())
    read = {key: decoded.column(key)[0].tolist() for key in BLOCK.value_keys}
    assert read == {
        "clock": [at],
        "voltage": [23150],
        "import_wh": [412],
        "import_vah": [430],
        "export_wh": [0],
        "export_vah": [0],
        "current": [372],
        "health": [0],
    }
    assert decoded.strings("device_id") == [b"URJ00000042"]
    assert decoded.strings("push_obis") == [obis_bytes("0.5.25.9.0.255")]
    assert decoded.clock_status("clock").tolist() == [0]
    assert decoded.fast.all()


def test_null_data_is_a_missing_value_of_its_column_alone():
    items = elements(BLOCK)
    items[4] = axdr.null()
    decoded = BLOCK.decode([plaintext(BLOCK), notification(axdr.structure(*items))])
    values, valid = decoded.column("import_wh")
    assert valid.tolist() == [True, False]
    assert values.tolist() == [1, NULL]
    assert decoded.ok.all()
    assert decoded.fast.tolist() == [True, False]


def test_the_esw_of_an_alert_arrives_as_bytes():
    decoded = ALERT.decode([plaintext(ALERT)])
    assert decoded.fast.all()
    assert decoded.strings("esw") == [bytes(11) + b"\x10" + bytes(4)]


def as_told(layout):
    """Return the push object list of a meter that sends just these columns."""
    return [PushObject(column.class_id, column.obis, column.attribute) for column in layout.columns]


def told(objects, key="block"):
    return Layout.for_push(D1, D1.pushes[key], PushObjectList(key, tuple(objects)))


def test_a_meter_that_says_what_its_type_says_is_decoded_as_by_the_type():
    built = told(as_told(BLOCK))
    raws = [plaintext(BLOCK, n) for n in range(50)]
    assert (built.decode(raws).values == BLOCK.decode(raws).values).all()
    assert matches_type(D1, [PushObjectList("block", tuple(as_told(BLOCK)))])


def test_a_meter_that_says_another_order_and_scaler_is_decoded_by_it():
    objects = as_told(BLOCK)
    wh, vah = (at for at, one in enumerate(objects) if one.obis in {"1.0.1.29.0.255", "1.0.9.29.0.255"})
    objects[wh], objects[vah] = objects[vah], msgspec.structs.replace(objects[wh], scaler=1, unit=30)
    built = told(objects)
    raws = [plaintext(BLOCK, n) for n in range(50)]
    found, typed = built.decode(raws), BLOCK.decode(raws)
    assert found.fast.all()
    assert (found.column("import_wh")[0] == typed.column("import_vah")[0]).all()
    assert (found.column("import_vah")[0] == typed.column("import_wh")[0]).all()
    assert {column.key: column.scaler for column in built.columns}["import_wh"] == 1
    assert not matches_type(D1, [PushObjectList("block", tuple(objects))])


def buffered(n=0, rows=1):
    """Return device id, push OBIS, the time of sending, and the profile's buffer: clock and columns."""
    device_id, push_obis, clock, *columns = elements(BLOCK, n)
    row = axdr.structure(clock, *columns)
    sent = axdr.octets(CLOCK)
    return notification(axdr.structure(device_id, push_obis, sent, axdr.array(*[row] * rows)))


def test_a_push_of_a_profile_s_buffer_is_decoded_by_what_the_profile_captures():
    head, captured = as_told(BLOCK)[:3], as_told(BLOCK)[2:]
    buffer = PushObject(7, "1.0.99.1.0.255", 2, captured=tuple(captured))
    built = told([*head, buffer])
    raws = [buffered(n) for n in range(20)]
    found = built.decode(raws)
    typed = BLOCK.decode([plaintext(BLOCK, n) for n in range(20)])
    assert found.fast.all()
    for key in BLOCK.value_keys:
        assert (found.column(key)[0] == typed.column(key)[0]).all(), key
    for n, raw in enumerate(raws):
        assert decode_general(raw, built).values == tuple(found.values[:, n].tolist())
    wrong = built.decode([buffered(rows=2), buffered(rows=0), plaintext(BLOCK, 0)])
    assert not wrong.ok.any()
    assert "one row is expected" in str(wrong.errors[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda objects: [*objects, PushObject(3, "1.0.99.9.9.255", 2)], r"no wire type is known for it"),
        (lambda objects: objects[:1] + objects[2:], r"does not send its push_obis"),
        (lambda objects: objects[:2] + objects[3:], r"does not send its clock"),
        (lambda objects: [one for one in objects if one.obis != "1.0.1.29.0.255"], r"not send its import_wh"),
        # The cumulative register is known from other profiles; it must not become the energy of an interval.
        (lambda objects: [*objects[:4], PushObject(3, "1.0.1.8.0.255", 2), *objects[5:]], r"not send its import_wh"),
        (lambda objects: [*objects, PushObject(3, "1.0.1.29.0.255", 2)], r"distinct keys"),
        (lambda objects: [*objects[:4], PushObject(3, "1.0.1.29.0.255", 2, 0, 31), *objects[5:]], r"in VAh, not in Wh"),
        (lambda objects: [*objects[:4], PushObject(3, "1.0.1.29.0.255", 2, data_index=1), *objects[5:]], r"a part of"),
        (lambda objects: [PushObject(40, "0.4.25.9.0.255", 1), *objects], r"the name of another one"),
        (lambda objects: [*objects, PushObject(7, "1.0.99.1.0.255", 2)], r"captures nothing"),
        (lambda objects: [*objects, PushObject(3, "1.0.1.8", 2)], r"OBIS"),
    ],
)  # fmt: skip
def test_what_a_meter_says_and_cannot_be_decoded_by_is_told(change, says):
    with pytest.raises(LocalError, match=says):
        told(change(as_told(BLOCK)))


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ([], "distinct keys"),
        ([Column("a", 3, "1.0.1.8.0.255", 2, Tag.UINT32)] * 2, "distinct keys"),
        ([Column("a", 3, "1.0.1.8.0.255", 2, Tag.FLOAT32)], "not possible"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(columns, complaint):
    with pytest.raises(LocalError, match=complaint):
        Layout.compile("x", columns)


def test_a_set_needs_distinct_pushes():
    with pytest.raises(LocalError, match="distinct push OBIS"):
        LayoutSet([BLOCK, BLOCK])


def test_nothing_to_decode():
    decoded = BLOCK.decode([])
    assert decoded.values.shape == (len(BLOCK.value_keys), 0)
    assert PUSHES.decode([]).parts == []
