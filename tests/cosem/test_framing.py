"""Wrapper, HDLC, wired M-Bus, general block transfer, and the reader of captures over all of them."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from urja.cosem import gbt, hdlc, mbus, wrapper
from urja.cosem.apdu import decode_apdu
from urja.cosem.axdr import Limits
from urja.cosem.capture import CaptureReader, Keys
from urja.cosem.errors import AuthenticationError, DecodeError, LimitExceededError, LocalError, PeerError
from urja.cosem.hdlc import Address, Control, HdlcFrame, Kind, LinkParameters

NO_KEYS = Keys()
APDU = bytes.fromhex("0f40000000000101020309060100010700ff060000011802020f00161b")


def pieces(raw, cuts):
    """Return `raw` cut at the given offsets."""
    places = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    return [raw[start:end] for start, end in pairwise(places)]


cuts = st.lists(st.integers(0, 400), max_size=8)


# --- wrapper --------------------------------------------------------------------------------------------

frames = st.builds(wrapper.Frame, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=60))


@given(st.lists(frames, max_size=5), cuts)
def test_wrapper_frames_survive_any_cutting(sent, where):
    splitter = wrapper.Splitter()
    raw = b"".join(frame.encode() for frame in sent)
    assert [frame for piece in pieces(raw, where) for frame in splitter.feed(piece)] == sent
    assert splitter.pending == 0


def test_wrapper_gives_what_came_before_the_garbage_then_fails():
    splitter = wrapper.Splitter()
    good = wrapper.Frame(1, 16, b"\x01")
    assert splitter.feed(good.encode() + b"\x00\x02garbage") == [good]
    assert splitter.failure is not None
    with pytest.raises(DecodeError):
        splitter.feed(b"")


def test_wrapper_refuses_other_versions_and_long_apdus():
    with pytest.raises(DecodeError):
        wrapper.Splitter().feed(b"GET / HTTP/1.1\r\n")
    with pytest.raises(LimitExceededError):
        wrapper.Splitter(max_apdu=10).feed(wrapper.Frame(1, 1, bytes(11)).encode())
    with pytest.raises(LocalError):
        wrapper.Frame(1, 1, bytes(0x10000)).encode()
    with pytest.raises(LocalError):
        wrapper.encode(wrapper.Frame(-1, 1, b""))


def test_datagram_is_one_frame():
    frame = wrapper.Frame(1, 64, APDU)
    assert wrapper.decode_datagram(wrapper.encode(frame)) == frame
    for wrong in (frame.encode()[:-1], frame.encode() + b"\x00", b"\x00\x01"):
        with pytest.raises(DecodeError):
            wrapper.decode_datagram(wrong)


# --- HDLC -----------------------------------------------------------------------------------------------

addresses = st.one_of(
    st.builds(Address, st.integers(0, 127)),
    st.builds(Address, st.integers(0, 127), st.integers(0, 127), st.just(2)),
    st.builds(Address, st.integers(0, 0x3FFF), st.integers(0, 0x3FFF), st.just(4)),
)
sequences = st.integers(0, 7)
controls = st.one_of(
    st.builds(Control, st.just(Kind.INFORMATION), st.booleans(), sequences, sequences),
    st.builds(
        Control,
        st.sampled_from([Kind.RECEIVE_READY, Kind.RECEIVE_NOT_READY]),
        st.booleans(),
        st.just(0),
        sequences,
    ),
    st.builds(Control, st.sampled_from(sorted(hdlc._UNNUMBERED_CODE, key=str)), st.booleans()),
)
hdlc_frames = st.builds(HdlcFrame, addresses, addresses, controls, st.binary(max_size=100), st.booleans())


@given(st.lists(hdlc_frames, max_size=4), cuts)
def test_hdlc_frames_survive_any_cutting(sent, where):
    splitter = hdlc.Splitter()
    raw = b"".join(frame.encode() for frame in sent)
    assert [frame for piece in pieces(raw, where) for frame in splitter.feed(piece)] == sent


@given(hdlc_frames, st.binary(max_size=30).filter(lambda noise: 0x7E not in noise), cuts)
def test_hdlc_finds_its_way_through_noise(frame, noise, where):
    splitter = hdlc.Splitter()
    raw = noise + frame.encode() + noise + frame.encode()
    found = [found for piece in pieces(raw, where) for found in splitter.feed(piece)]
    # Noise may look like the beginning of a long frame: then the end of the stream settles it.
    assert found + splitter.finish() == [frame, frame]


def test_one_flag_between_frames_is_enough():
    frame = HdlcFrame(Address(16), Address(1, 17, 2), Control(Kind.UNNUMBERED_INFORMATION), b"\x01\x02")
    raw = frame.encode()
    assert hdlc.Splitter().feed(raw + raw[1:] + raw[1:]) == [frame] * 3


@pytest.mark.parametrize("information", [b"", bytes(20)])
@pytest.mark.parametrize("bit", range(8 + 3))
def test_a_wrong_bit_in_the_length_costs_one_frame(information, bit):
    frame = HdlcFrame(Address(16), Address(1, 17, 2), Control(Kind.INFORMATION), information)
    whole = frame.encode()
    wrong = (int.from_bytes(whole[1:3]) ^ 1 << bit).to_bytes(2)
    splitter = hdlc.Splitter()
    assert splitter.feed(whole[:1] + wrong + whole[3:]) == []
    assert splitter.feed(whole) == [frame]


def test_a_frame_that_was_cut_is_ended_and_a_closing_flag_is_no_loss():
    whole = HdlcFrame(Address(16), Address(1, 17, 2), Control(Kind.INFORMATION), bytes(500)).encode()
    splitter = hdlc.Splitter()
    assert len(splitter.feed(whole)) == 1
    assert splitter.finish() == []
    assert (splitter.discarded, splitter.last_error) == (0, None)
    splitter.feed(whole[:100])
    assert splitter.finish() == []
    assert splitter.discarded == 100
    assert "announces" in str(splitter.last_error)


@given(st.binary(max_size=300))
def test_the_hdlc_splitter_never_raises_and_holds_little(raw):
    splitter = hdlc.Splitter()
    for _ in range(20):
        splitter.feed(raw)
    assert len(splitter._buffer) <= hdlc.MAX_LENGTH + 2


def test_hdlc_control_bytes_of_the_standard():
    expected = {
        0x93: Control(Kind.SET_NORMAL_RESPONSE_MODE),
        0x53: Control(Kind.DISCONNECT),
        0x73: Control(Kind.UNNUMBERED_ACKNOWLEDGE),
        0x1F: Control(Kind.DISCONNECTED_MODE),
        0x97: Control(Kind.FRAME_REJECT),
        0x13: Control(Kind.UNNUMBERED_INFORMATION),
        0x03: Control(Kind.UNNUMBERED_INFORMATION, poll_final=False),
        0x10: Control(Kind.INFORMATION, True, 0, 0),
        0x32: Control(Kind.INFORMATION, True, 1, 1),
        0x51: Control(Kind.RECEIVE_READY, True, 0, 2),
        0x15: Control(Kind.RECEIVE_NOT_READY, True, 0, 0),
    }
    for byte, control in expected.items():
        assert Control.from_byte(byte) == control
        assert control.to_byte() == byte
    for byte in range(256):
        control = Control.from_byte(byte)
        assert control is None or control.to_byte() == byte


def test_snrm_of_the_green_book():
    # Client 16 to logical device 1, physical device 17; 4-byte server address.
    raw = bytes.fromhex("7ea00a00020023219318717e")
    frame, _ = hdlc.decode_frame(raw)
    assert frame == HdlcFrame(Address(1, 17, 4), Address(16), Control(Kind.SET_NORMAL_RESPONSE_MODE))
    assert frame.encode() == raw


def test_link_parameters():
    raw = bytes.fromhex("81801405020080060200800704000000010804000000 01".replace(" ", ""))
    assert LinkParameters.decode(raw) == LinkParameters()
    assert LinkParameters.decode(b"") == LinkParameters()
    wide = LinkParameters(1024, 512, 1, 7)
    assert LinkParameters.decode(wide.encode()) == wide
    for wrong in ("8180", "818005050100", "828000", "81800305ff00"):
        with pytest.raises(DecodeError):
            LinkParameters.decode(bytes.fromhex(wrong))


@pytest.mark.parametrize(
    ("change", "offset"),
    [
        (lambda raw: raw[:-1], 12),
        (lambda raw: raw[:6], 6),
        (lambda raw: raw[:-3] + b"\x00" + raw[-2:], 9),
        (lambda raw: b"\x7e\xb0" + raw[2:], 1),
        (lambda raw: raw[:2], 2),
        (lambda raw: b"\x00" + raw, 0),
    ],
)
def test_a_broken_frame_says_where(change, offset):
    raw = bytes.fromhex("7ea00a00020023219318717e")
    with pytest.raises(DecodeError) as caught:
        hdlc.decode_frame(change(raw))
    assert caught.value.offset in (offset, offset - 1)


@given(st.binary(min_size=1, max_size=500), st.integers(1, 128))
def test_hdlc_segments(apdu, size):
    parts = hdlc.segment(apdu, llc=hdlc.LLC_RESPONSE, max_information=size)
    reassembler = hdlc.Reassembler()
    control = Control(Kind.UNNUMBERED_INFORMATION)
    results = [
        reassembler.push(HdlcFrame(Address(1), Address(2), control, part, number < len(parts)))
        for number, part in enumerate(parts, 1)
    ]
    assert results[-1] == apdu
    assert not any(results[:-1])


def test_hdlc_segments_are_bounded():
    reassembler = hdlc.Reassembler(Limits(max_apdu=10))
    frame = HdlcFrame(Address(1), Address(2), Control(Kind.INFORMATION), bytes(6), segmented=True)
    assert reassembler.push(frame) is None
    with pytest.raises(LimitExceededError):
        reassembler.push(frame)
    assert reassembler.push(HdlcFrame(Address(1), Address(2), Control(Kind.RECEIVE_READY))) is None


def test_what_does_not_fit_hdlc_is_our_fault():
    control = Control(Kind.INFORMATION)
    for wrong in (
        lambda: Address(128).encode(),
        lambda: Address(1, 1, 3).encode(),
        lambda: Address(1, None, 2).encode(),
        lambda: Control(Kind.INFORMATION, send=8).to_byte(),
        lambda: HdlcFrame(Address(1), Address(2), control, bytes(2040)).encode(),
        lambda: hdlc.segment(b"\x00", llc=b"", max_information=0),
        lambda: LinkParameters(70000).encode(),
    ):
        with pytest.raises(LocalError):
            wrong()


# --- wired M-Bus ----------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=1500))
def test_mbus_telegrams_come_back(apdu):
    raw, pos, found = b"".join(telegram.encode() for telegram in mbus.split(apdu)), 0, []
    reassembler = mbus.Reassembler()
    while pos < len(raw):
        telegram, pos = mbus.decode_telegram(raw, pos)
        found.append(reassembler.push(telegram))
    assert found[-1] == apdu


def test_more_than_sixteen_telegrams_count_on():
    telegrams = mbus.split(bytes(mbus.MAX_DATA * 17 + 1))
    assert [telegram.sequence for telegram in telegrams] == [*range(16), 0, 1]
    reassembler = mbus.Reassembler()
    results = [reassembler.push(telegram) for telegram in telegrams]
    assert results[-1] == bytes(mbus.MAX_DATA * 17 + 1)


def test_a_lost_telegram_is_seen():
    first, second, third = mbus.split(bytes(600))
    reassembler = mbus.Reassembler()
    reassembler.push(first)
    with pytest.raises(PeerError):
        reassembler.push(third)
    reassembler.push(first)
    reassembler.push(first)  # begins again
    reassembler.push(second)
    assert reassembler.push(third) == bytes(600)
    with pytest.raises(PeerError):
        reassembler.push(second)
    small = mbus.Reassembler(Limits(max_apdu=300))
    small.push(first)
    with pytest.raises(LimitExceededError):
        small.push(second)


@pytest.mark.parametrize(
    ("change", "offset"),
    [
        (lambda raw: raw[:3], 3),
        (lambda raw: raw[:-1], 13),
        (lambda raw: raw[:-2] + b"\x00" + raw[-1:], 12),
        (lambda raw: raw[:-1] + b"\x17", 13),
        (lambda raw: b"\x67" + raw[1:], 0),
    ],
)
def test_a_broken_telegram_says_where(change, offset):
    raw = mbus.split(b"\x0f\x01\x02")[0].encode()
    assert len(raw) == 14
    with pytest.raises(DecodeError) as caught:
        mbus.decode_telegram(change(raw))
    assert caught.value.offset == offset


def test_what_does_not_fit_a_telegram_is_our_fault():
    with pytest.raises(LocalError):
        mbus.Telegram(0x53, 255, 16, True, 1, 1, b"").encode()
    with pytest.raises(LocalError):
        mbus.Telegram(0x53, 256, 0, True, 1, 1, b"").encode()


# --- general block transfer -----------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=300), st.integers(1, 64))
def test_block_transfer(apdu, size):
    reassembler = gbt.Reassembler()
    blocks = list(gbt.split(apdu, size))
    for block in blocks:
        assert decode_apdu(block.encode()) == block
    results = [reassembler.push(block) for block in blocks]
    assert results[-1] == apdu
    assert not any(results[:-1])


def test_block_transfer_gaps_repeats_and_limits():
    one, two, three = gbt.split(bytes(30), 10)
    reassembler = gbt.Reassembler()
    reassembler.push(one)
    reassembler.push(two)
    assert reassembler.push(two) is None
    assert reassembler.push(three) == bytes(30)
    reassembler.push(one)
    with pytest.raises(PeerError):
        reassembler.push(three)
    small = gbt.Reassembler(Limits(max_apdu=15))
    small.push(one)
    with pytest.raises(LimitExceededError):
        small.push(two)
    with pytest.raises(DecodeError):
        gbt.Reassembler().push(gbt.GeneralBlockTransfer(True, False, 0, 1, 0, b""))
    with pytest.raises(LocalError):
        list(gbt.split(b"", 10))
    with pytest.raises(LocalError):
        gbt.GeneralBlockTransfer(True, False, 64, 1, 0, b"").encode()


# --- captures of any kind -------------------------------------------------------------------------------


def as_hdlc(apdu, *, llc=hdlc.LLC_RESPONSE, size=40):
    parts = hdlc.segment(apdu, llc=llc, max_information=size)
    control = Control(Kind.UNNUMBERED_INFORMATION)
    return b"".join(
        HdlcFrame(Address(32), Address(1, 17, 2), control, part, number < len(parts) - 1).encode()
        for number, part in enumerate(parts)
    )


def as_mbus(apdu):
    return b"".join(telegram.encode() for telegram in mbus.split(apdu))


DRESSED = [
    ("raw", APDU),
    ("raw", hdlc.LLC_RESPONSE + APDU),
    ("wrapper", wrapper.Frame(1, 16, APDU).encode()),
    ("hdlc", as_hdlc(APDU)),
    ("hdlc", as_hdlc(APDU, llc=hdlc.LLC_COMMAND)),
    ("hdlc", as_hdlc(APDU, llc=b"", size=10)),
    ("mbus", as_mbus(APDU)),
    ("hdlc", b"".join(as_hdlc(block.encode()) for block in gbt.split(APDU, 10))),
    ("wrapper", b"".join(wrapper.Frame(1, 1, b.encode()).encode() for b in gbt.split(APDU, 10))),
]


def opened(raw, keys=NO_KEYS):
    return list(CaptureReader(keys).open(raw))


@pytest.mark.parametrize(("transport", "raw"), DRESSED)
def test_any_dress_is_recognised(transport, raw):
    (found,) = opened(raw)
    assert (found.packet.transport, found.plain, found.error) == (transport, APDU, None)


@pytest.mark.parametrize("raw", [as_hdlc(APDU), as_mbus(APDU), wrapper.Frame(1, 16, APDU).encode()])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ff", ""),
        ("", "ff00"),
        ("7e7eff", "7e"),
        ("68040468", "7ea0"),
        ("7ea7ff", "68ffff68"),
        ("68ffff68", "7ea7ff"),
        ("17", "68"),
    ],
)
def test_garbage_around_is_stepped_over(raw, before, after):
    found = opened(bytes.fromhex(before) + raw + bytes.fromhex(after))
    assert [item.plain for item in found if item.error is None] == [APDU]


def test_several_apdus_and_their_addresses():
    raw = wrapper.Frame(1, 16, APDU).encode() + wrapper.Frame(2, 32, APDU).encode()
    assert [(found.plain, found.packet.addresses) for found in opened(raw)] == [
        (APDU, {"source": 1, "destination": 16}),
        (APDU, {"source": 2, "destination": 32}),
    ]
    assert len(opened(as_hdlc(APDU) * 2)) == 2


@pytest.mark.parametrize(
    ("raw", "offset"),
    [
        (as_hdlc(APDU, size=100)[:-4], len(as_hdlc(APDU, size=100)) - 4),
        (as_mbus(APDU)[:-4], len(as_mbus(APDU)) - 4),
        (wrapper.Frame(1, 16, APDU).encode()[:-4], len(APDU) + 4),
        (b"", 0),
    ],
)
def test_a_cut_capture_says_where(raw, offset):
    assert opened(raw)[-1].error.offset == offset


def test_missing_segments_are_said():
    assert opened(as_hdlc(APDU, size=20)[: len(as_hdlc(APDU, size=20)) // 2])[-1].error is not None
    first = next(gbt.split(APDU, 10))
    assert opened(wrapper.Frame(1, 1, first.encode()).encode())[-1].error is not None


@given(st.binary(max_size=120), st.sampled_from(DRESSED), st.data())
def test_any_capture_gives_apdus_or_says_why_not(noise, dressed, data):
    raw = bytearray(dressed[1])
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for candidate in (noise, bytes(raw), noise[:20] + bytes(raw)):
        assert all(
            found.plain is not None or found.error is not None or found.packet for found in opened(candidate)
        )


def test_a_layer_that_does_not_open_names_the_fault():
    sealed = bytes.fromhex("C81E3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B")
    (untitled,) = opened(sealed, Keys(bytes(16), bytes(16)))
    assert "system title" in untitled.missing
    (wrong,) = opened(sealed, Keys(bytes(16), bytes(16), bytes(8)))
    assert isinstance(wrong.error, AuthenticationError)
    only_encrypted = bytes.fromhex("db08 4b464d6750000009 0a 20 00000023 88d5ab4f97".replace(" ", ""))
    (nonsense,) = opened(only_encrypted, Keys(bytes(16), bytes(16)))
    assert "wrong key" in str(nonsense.error)
