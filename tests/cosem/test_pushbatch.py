"""Ciphered pushes in batches: which are accepted, why others are not, and what the window remembers."""

import pytest
from hypothesis import given, strategies as st
from tests.cosem.pushes import ALERT, BLOCK, D1, INSTANTANEOUS, PUSHES, ciphered, plaintext

from urja.cosem.apdu import decode_apdu
from urja.cosem.companion import load_device_type
from urja.cosem.errors import LocalError, PeerError
from urja.cosem.layout import LayoutSet
from urja.cosem.push_batch import Reason, decode_pushes
from urja.cosem.push_meters import PushMeters
from urja.cosem.replay_window import WIDTH, Verdict
from urja.cosem.security import AUTHENTICATED, ENCRYPTED, SuiteKeys

TITLES = [b"URJ" + number.to_bytes(5) for number in range(6)]
KEYS = [SuiteKeys(bytes([number] * 16), bytes([100 + number] * 16)) for number in range(6)]


def of_all():
    known = PushMeters(0x9E3779B97F4A7C15)
    for number, (title, keys) in enumerate(zip(TITLES, KEYS, strict=True)):
        known.put(title, keys, PUSHES, 1000 + number)
    return known


@pytest.fixture
def meters():
    return of_all()


def push(number, counter, layout=BLOCK, **options):
    return ciphered(KEYS[number], TITLES[number], counter, plaintext(layout, number), **options)


def test_pushes_of_many_meters_become_columns_by_layout(meters):
    frames = [push(n, 5, layout) for n in range(6) for layout in [(BLOCK, INSTANTANEOUS, ALERT)[n % 3]]]
    batch = decode_pushes(frames, meters)
    assert batch.rejected == []
    assert {group.layout: group.index.tolist() for group in batch.groups} == {
        PUSHES.layouts[2]: [0, 3],
        PUSHES.layouts[0]: [1, 4],
        PUSHES.layouts[1]: [2, 5],
    }
    (blocks,) = [group for group in batch.groups if group.layout is PUSHES.layouts[2]]
    assert blocks.refs.tolist() == [1000, 1003]
    assert blocks.decoded.column("voltage")[0].tolist() == [0, 3]
    assert blocks.decoded.strings("device_id") == [b"URJ00000000", b"URJ00000003"]


def test_the_batch_opens_what_the_codec_opens():
    """The long forms of the content length are covered by the instantaneous push."""
    frame = push(1, 77, INSTANTANEOUS)
    assert frame[10] == 0x81
    assert decode_apdu(frame).open(KEYS[1]) == plaintext(INSTANTANEOUS, 1)


def test_the_window_advances_on_commit_alone(meters):
    batch = decode_pushes([push(0, 5)], meters)
    assert meters.window(TITLES[0]).highest == -1
    assert meters.window(TITLES[0]).check(5) is Verdict.IN_FLIGHT
    assert [r.reason for r in decode_pushes([push(0, 5)], meters).rejected] == [Reason.IN_FLIGHT]
    batch.commit()
    assert meters.window(TITLES[0]).highest == 5
    assert [r.reason for r in decode_pushes([push(0, 5)], meters).rejected] == [Reason.DUPLICATE]
    late = decode_pushes([push(0, 4), push(0, 200)], meters)
    assert late.rejected == []
    late.commit([1])
    late.rollback([0])
    assert [r.reason for r in decode_pushes([push(0, 4)], meters).rejected] == [Reason.TOO_OLD]


def test_a_replay_says_which_counter_is_the_first_that_is_still_taken(meters):
    """So that a meter whose counter was set back can be distinguished from one that repeats itself."""
    decode_pushes([push(0, 5)], meters).commit()
    (early,) = decode_pushes([push(0, 5)], meters).rejected
    assert (early.error.counter, early.error.expected) == (5, 0)
    decode_pushes([push(0, 1000)], meters).commit()
    (late,) = decode_pushes([push(0, 5)], meters).rejected
    assert (late.reason, late.error.expected) == (Reason.TOO_OLD, 1000 - WIDTH + 1)
    first = late.error.expected
    assert [r.reason for r in decode_pushes([push(0, first - 1)], meters).rejected] == [Reason.TOO_OLD]
    assert decode_pushes([push(0, first)], meters).rejected == []


def test_what_was_rolled_back_may_come_again(meters):
    decode_pushes([push(0, 5)], meters).rollback()
    again = decode_pushes([push(0, 5), push(0, 5)], meters)
    assert [r.reason for r in again.rejected] == [Reason.IN_FLIGHT]
    assert again.groups[0].index.tolist() == [0]
    again.commit()
    with pytest.raises(LocalError, match="not in flight"):
        again.commit([0])


def cut(frame):
    return frame[:-1]


def flipped(frame):
    return frame[:-1] + bytes([frame[-1] ^ 1])


@pytest.mark.parametrize(
    ("frame", "reason", "offset"),
    [
        (b"", Reason.MALFORMED, 0),
        (b"\xdb", Reason.MALFORMED, 1),
        (b"\x7e" * 80, Reason.MALFORMED, 0),
        (b"\x7e" + push(0, 1)[1:], Reason.MALFORMED, 0),
        (b"\xdb\x07" + push(0, 1)[2:], Reason.MALFORMED, 1),
        (cut(push(0, 1)), Reason.MALFORMED, 10),
        (push(0, 1) + b"\0", Reason.MALFORMED, 99),
        (b"\xdb\x08" + TITLES[0] + b"\x0a\x30" + bytes(9), Reason.MALFORMED, 21),
        (push(0, 1)[:10] + b"\x81" + push(0, 1)[10:], None, None),
        (push(0, 1)[:10] + b"\x83" + push(0, 1)[11:], Reason.MALFORMED, 10),
        (cut(push(0, 1, INSTANTANEOUS)), Reason.MALFORMED, 10),
        (push(0, 1).replace(TITLES[0], b"XXXXXXXX"), Reason.UNKNOWN_METER, 2),
        (push(0, 1, control=ENCRYPTED), Reason.UNPROTECTED, 11),
        (push(0, 1, control=AUTHENTICATED), Reason.UNPROTECTED, 11),
        (flipped(push(0, 1)), Reason.WRONG_KEY, None),
        (push(0, 1)[:12] + b"\0\0\0\2" + push(0, 1)[16:], Reason.WRONG_KEY, None),
        (ciphered(KEYS[1], TITLES[0], 1, plaintext(BLOCK)), Reason.WRONG_KEY, None),
        (ciphered(KEYS[0], TITLES[0], 1, b"\x0f\0\0\0\0\0\x02\x01\x11\x05"), Reason.UNDECODABLE, None),
        (ciphered(KEYS[0], TITLES[0], 1, b""), Reason.UNDECODABLE, None),
        (ciphered(KEYS[0], TITLES[0], 1, plaintext(BLOCK)[:-1]), Reason.UNDECODABLE, None),
    ],
)
@pytest.mark.parametrize("others", [1, 20], ids=["by itself", "in the matrix"])
def test_each_fault_has_its_reason_and_leaves_the_others_alone(meters, frame, reason, offset, others):
    frames = [push(1, counter) for counter in range(others)] + [frame, push(2, 1)]
    batch = decode_pushes(frames, meters)
    if reason is None:  # a length in another form than the shortest is read all the same
        assert batch.rejected == []
        return
    (rejected,) = batch.rejected
    assert (rejected.index, rejected.reason) == (others, reason)
    assert isinstance(rejected.error, PeerError)
    if offset is not None:
        assert rejected.error.offset == offset
    assert sorted(batch.groups[0].index.tolist()) == [*range(others), others + 1]
    assert meters.window(TITLES[0]).check(1) is Verdict.FRESH


@pytest.mark.parametrize("size", range(40))
def test_many_pieces_too_short_for_a_push_are_refused_and_stop_no_other(meters, size):
    batch = decode_pushes([*[push(0, 1)[:size]] * 20, push(1, 1)], meters)
    assert {rejected.reason for rejected in batch.rejected} == {Reason.MALFORMED}
    assert len(batch.rejected) == 20
    assert batch.groups[0].index.tolist() == [20]


def test_doubles_and_forgeries_within_one_batch(meters):
    """A forged copy ahead of the genuine push must not shadow it, in either path."""
    for count in (1, 20):
        genuine = [push(n, 50 + count) for n in range(3)] * count
        batch = decode_pushes([flipped(frame) for frame in genuine] + genuine, meters)
        reasons = [r.reason for r in batch.rejected]
        assert reasons.count(Reason.WRONG_KEY) == 3 * count
        assert reasons.count(Reason.IN_FLIGHT) == 3 * count - 3
        assert sum(len(group.index) for group in batch.groups) == 3
        batch.commit()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9), st.booleans()), min_size=8, max_size=40))
def test_a_batch_is_judged_as_its_pushes_would_be_one_after_the_other(sent):
    frames = [
        push(number, counter) if honest else flipped(push(number, counter))
        for number, counter, honest in sent
    ]
    together = decode_pushes(frames, of_all())
    singly = of_all()
    reasons = {
        at: rejected.reason
        for at, frame in enumerate(frames)
        for rejected in decode_pushes([frame], singly).rejected
    }
    assert {rejected.index: rejected.reason for rejected in together.rejected} == reasons


def test_the_matrix_and_the_single_path_agree(meters):
    """Frames with all lengths of header, many of each."""
    layouts = [BLOCK, INSTANTANEOUS, ALERT]
    frames = [push(n, counter, layouts[counter % 3]) for counter in range(30) for n in range(6)]
    together = decode_pushes(frames, meters)
    together.rollback()
    singly = [decode_pushes([frame], meters) for frame in frames]
    assert together.rejected == []
    for group in together.groups:
        for position, index in enumerate(group.index.tolist()):
            (alone,) = singly[index].groups
            assert alone.layout is group.layout
            assert alone.decoded.values[:, 0].tolist() == group.decoded.values[:, position].tolist()
            assert alone.refs[0] == group.refs[position]


def test_meters_of_several_types_in_one_batch(meters):
    listen = load_device_type("urja-d1-listen")
    meters.change(TITLES[1], LayoutSet.of(listen))
    batch = decode_pushes([push(0, 1), push(1, 1), push(1, 2, INSTANTANEOUS), push(0, 2)], meters)
    assert [(r.index, r.reason) for r in batch.rejected] == [(1, Reason.UNDECODABLE)]
    assert sorted(group.layout.name for group in batch.groups) == [
        "urja-d1-listen/instantaneous",
        "urja-d1/block",
    ]


def test_a_push_meter_needs_an_authentication_key():
    with pytest.raises(LocalError, match="authentication key"):
        PushMeters(0x9E3779B97F4A7C15).put(TITLES[0], SuiteKeys(bytes(16)), PUSHES, 1)


def test_the_listed_pushes_are_those_of_the_type():
    assert [layout.name for layout in PUSHES.layouts] == [f"urja-d1/{key}" for key in D1.pushes]
