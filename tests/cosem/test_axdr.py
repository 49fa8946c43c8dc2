"""A-XDR: round trips, worked bytes, and the offset of each refusal."""

import math

import pytest
from hypothesis import given, strategies as st

from urja.cosem import axdr
from urja.cosem.axdr import BitString, CompactArray, Data, Limits, Tag, TypeDescription
from urja.cosem.errors import CosemError, DecodeError, LimitExceededError, LocalError
from urja.cosem.obis import CosemAttribute
from urja.cosem.time import CosemDate, CosemDateTime, CosemTime

WIDTHS = {
    Tag.INT8: (-(1 << 7), (1 << 7) - 1),
    Tag.INT16: (-(1 << 15), (1 << 15) - 1),
    Tag.INT32: (-(1 << 31), (1 << 31) - 1),
    Tag.INT64: (-(1 << 63), (1 << 63) - 1),
    Tag.UINT8: (0, 0xFF),
    Tag.UINT16: (0, 0xFFFF),
    Tag.UINT32: (0, 0xFFFF_FFFF),
    Tag.UINT64: (0, 0xFFFF_FFFF_FFFF_FFFF),
    Tag.ENUM: (0, 0xFF),
    Tag.BCD: (-128, 127),
    Tag.DELTA_INT8: (-128, 127),
    Tag.DELTA_INT16: (-(1 << 15), (1 << 15) - 1),
    Tag.DELTA_INT32: (-(1 << 31), (1 << 31) - 1),
    Tag.DELTA_UINT8: (0, 0xFF),
    Tag.DELTA_UINT16: (0, 0xFFFF),
    Tag.DELTA_UINT32: (0, 0xFFFF_FFFF),
}


@st.composite
def bit_strings(draw):
    data = draw(st.binary(max_size=40))
    length = draw(st.integers(max(0, len(data) * 8 - 7), len(data) * 8))
    return axdr.bits(data, length)


scalars = st.one_of(
    *(st.builds(Data, st.just(tag), st.integers(*ends)) for tag, ends in WIDTHS.items()),
    st.builds(axdr.boolean, st.booleans()),
    st.builds(axdr.float32, st.floats(width=32, allow_nan=False)),
    st.builds(axdr.float64, st.floats(allow_nan=False)),
    st.builds(axdr.octets, st.binary(max_size=300)),
    st.builds(axdr.visible, st.text(st.characters(max_codepoint=0xFF), max_size=200)),
    st.builds(axdr.utf8, st.text(max_size=200)),
    bit_strings(),
    st.builds(axdr.date_time, st.binary(min_size=12, max_size=12).map(CosemDateTime.from_bytes)),
    st.builds(Data, st.just(Tag.DATE), st.binary(min_size=5, max_size=5).map(CosemDate.from_bytes)),
    st.builds(Data, st.just(Tag.TIME), st.binary(min_size=4, max_size=4).map(CosemTime.from_bytes)),
    st.sampled_from([axdr.null(), Data(Tag.DONT_CARE, None)]),
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5).map(lambda items: axdr.structure(*items)),
        st.lists(inner, max_size=5).map(lambda items: axdr.array(*items)),
    ),
    max_leaves=20,
)


@given(trees)
def test_a_tree_survives_the_wire(tree):
    raw = axdr.encode(tree)
    assert axdr.decode_all(raw) == tree
    assert axdr.encode(axdr.decode_all(raw)) == raw


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_typed_error_inside_them(raw):
    for untagged in (False, True):
        try:
            _, end = axdr.decode(raw, untagged_descriptors=untagged)
        except DecodeError as error:
            end = error.offset
        assert end is not None
        assert 0 <= end <= len(raw)


@given(trees, st.data())
def test_every_cut_of_a_value_is_refused(tree, data):
    raw = axdr.encode(tree)
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(DecodeError):
        axdr.decode_all(raw[:cut])


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        (axdr.null(), "00"),
        (axdr.boolean(True), "0301"),
        (axdr.bits(b"\xa0", 3), "0403a0"),
        (axdr.int32(-2), "05fffffffe"),
        (axdr.uint32(182), "06000000b6"),
        (axdr.octets(b"\x01\x02"), "09020102"),
        (axdr.visible("AIDON"), "0a054149444f4e"),
        (axdr.utf8("₹"), "0c03e282b9"),
        (axdr.bcd(0x12), "0d12"),
        (axdr.int8(-1), "0fff"),
        (axdr.int16(93), "10005d"),
        (axdr.uint8(1), "1101"),
        (axdr.uint16(2500), "1209c4"),
        (axdr.int64(-1), "14ffffffffffffffff"),
        (axdr.uint64(1), "150000000000000001"),
        (axdr.enum(27), "161b"),
        (axdr.float32(1.5), "173fc00000"),
        (axdr.float64(1.5), "183ff8000000000000"),
        (axdr.structure(axdr.uint8(1), axdr.null()), "0202110100"),
        (axdr.array(), "0100"),
    ],
)
def test_worked_bytes(data, raw):
    assert axdr.encode(data).hex() == raw
    assert axdr.decode_all(bytes.fromhex(raw)) == data


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 65535, 65536])
def test_lengths_in_every_form(size):
    raw = axdr.encode(axdr.octets(bytes(size)))
    assert axdr.decode_all(raw).value == bytes(size)
    prefix = {127: "097f", 128: "098180", 256: "09820100", 65536: "0983010000"}.get(size)
    assert prefix is None or raw.hex().startswith(prefix)


def test_a_length_longer_than_needed_is_understood():
    assert axdr.decode_all(bytes.fromhex("0984000000020102")).value == b"\x01\x02"


def test_any_nonzero_byte_is_true():
    assert axdr.decode_all(b"\x03\xff").value is True


@pytest.mark.parametrize(
    ("raw", "offset"),
    [
        ("", 0),
        ("07", 0),  # no such tag
        ("0980", 1),  # indefinite length
        ("098500000000ff", 1),  # five bytes of length
        ("0905", 2),  # cut string
        ("06000000", 1),  # cut integer
        ("0202110107", 4),  # bad tag inside
        ("0184ffffffff", 1),  # four thousand million elements in no bytes
        ("0c01ff", 2),  # not UTF-8
        ("1105ff", 2),  # trailing byte
    ],
)
def test_what_is_wrong_and_where(raw, offset):
    with pytest.raises(DecodeError) as caught:
        axdr.decode_all(bytes.fromhex(raw))
    assert caught.value.offset == offset


def test_offsets_count_in_the_whole_buffer():
    with pytest.raises(DecodeError) as caught:
        axdr.decode(b"\xff\xff\xff\x07", offset=3)
    assert caught.value.offset == 3


def test_compact_array_of_structures():
    kind = TypeDescription(Tag.STRUCTURE, (TypeDescription(Tag.UINT16), TypeDescription(Tag.OCTET_STRING)))
    rows = tuple(axdr.structure(axdr.uint16(n), axdr.octets(bytes(n))) for n in range(3))
    data = Data(Tag.COMPACT_ARRAY, CompactArray(kind, rows))
    raw = axdr.encode(data)
    assert raw.hex() == "13" + "02021209" + "0c" + "000000" + "00010100" + "0002020000"
    assert axdr.decode_all(raw) == data
    assert axdr.to_python(data) == [[0, b""], [1, b"\x00"], [2, b"\x00\x00"]]


def test_compact_array_of_arrays():
    kind = TypeDescription(Tag.ARRAY, (TypeDescription(Tag.UINT8),), 2)
    data = axdr.decode_all(bytes.fromhex("13 01000211 04 01020304".replace(" ", "")))
    assert data.value == CompactArray(
        kind,
        (axdr.array(axdr.uint8(1), axdr.uint8(2)), axdr.array(axdr.uint8(3), axdr.uint8(4))),
    )
    assert axdr.encode(data).hex() == "1301000211" + "0401020304"


def test_compact_array_of_nothing_never_ends_so_it_is_refused():
    with pytest.raises(DecodeError):
        axdr.decode_all(bytes.fromhex("130001ff"))
    assert axdr.decode_all(bytes.fromhex("130000")).value.elements == ()


def test_compact_array_that_ends_inside_an_element():
    with pytest.raises(DecodeError):
        axdr.decode_all(bytes.fromhex("1312030001ff"))


def test_a_small_compact_array_cannot_make_millions_of_elements():
    # array of 65535 of array of 65535 of null-data: no byte per element.
    bomb = bytes.fromhex("13" + "01ffff" * 3 + "00" + "01" + "00")
    with pytest.raises(LimitExceededError):
        axdr.decode_all(bomb)


def test_a_compact_array_may_have_as_many_elements_as_the_limit_and_not_one_more():
    # The array, a description of three parts, and one element: a structure of a byte and an empty structure.
    data = bytes.fromhex("13" + "0202110200" + "01" + "05")
    assert [most for most in range(10) if _fits(data, most)] == [7, 8, 9]


def _fits(data: bytes, most: int) -> bool:
    try:
        axdr.decode_all(data, limits=Limits(max_elements=most))
    except LimitExceededError:
        return False
    return True


def test_depth_and_elements_are_bounded():
    with pytest.raises(LimitExceededError):
        axdr.decode_all(bytes.fromhex("0201" * 33 + "00"))
    assert axdr.decode_all(bytes.fromhex("0201" * 32 + "00"))
    with pytest.raises(LimitExceededError):
        axdr.decode_all(axdr.encode(axdr.array(*[axdr.null()] * 10)), limits=Limits(max_elements=10))
    deep_type = bytes.fromhex("13" + "0201" * 40 + "1100")
    with pytest.raises(LimitExceededError):
        axdr.decode_all(deep_type)


def test_a_described_structure_may_be_as_deep_as_the_limit_and_not_deeper():
    # A compact array of a structure of a structure of a byte: four levels, the array among them.
    data = bytes.fromhex("13" + "0201020111" + "01" + "05")
    for most in range(8):
        if most < 4:
            with pytest.raises(LimitExceededError):
                axdr.decode_all(data, limits=Limits(max_depth=most))
        else:
            assert axdr.decode_all(data, limits=Limits(max_depth=most)).tag is Tag.COMPACT_ARRAY


def test_a_date_time_ends_where_its_twelve_bytes_end():
    stamp = axdr.date_time(CosemDateTime.from_bytes(bytes.fromhex("07ea0b1e010c0000ff800000")))
    for data in (stamp, axdr.structure(stamp, axdr.uint8(7))):
        assert axdr.decode_all(axdr.encode(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        axdr.uint8(256),
        axdr.uint8(-1),
        axdr.enum(300),
        Data(Tag.UINT16, "text"),
        axdr.visible("₹"),
        Data(Tag.OCTET_STRING, 12.5),
        Data(Tag.DATE_TIME, b"not parsed"),
        Data(Tag.COMPACT_ARRAY, CompactArray(TypeDescription(Tag.UINT8), (axdr.uint16(1),))),
    ],
)
def test_a_value_that_does_not_fit_its_tag_is_our_fault(data):
    with pytest.raises(LocalError):
        axdr.encode(data)


def test_a_tree_too_deep_to_encode_is_our_fault():
    data = axdr.null()
    for _ in range(300):
        data = axdr.structure(data)
    with pytest.raises(LocalError):
        axdr.encode(data)


def test_bit_string():
    bits = BitString(b"\xa0\x80", 9)
    assert str(bits) == "101000001"
    assert bits[0]
    assert not bits[1]
    assert len(bits) == 9
    assert list(bits) == [c == "1" for c in "101000001"]
    with pytest.raises(LocalError):
        BitString(b"", 1)


def test_nan_stays_nan():
    value = axdr.decode_all(bytes.fromhex("177fc00000")).value
    assert math.isnan(value)


def test_untagged_descriptor():
    raw = bytes.fromhex("0202" + "0001" + "00002a0000ff" + "02" + "0901aa")
    data = axdr.decode_all(raw, untagged_descriptors=True)
    assert data.value[0].value == CosemAttribute.of(1, "0.0.42.0.0.255", 2)
    assert axdr.to_python(data) == [[1, bytes.fromhex("00002a0000ff"), 2], b"\xaa"]
    assert axdr.encode(data) == raw
    with pytest.raises(CosemError):
        axdr.decode_all(raw)
