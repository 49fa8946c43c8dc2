"""Profile buffers: order, overwriting of the oldest row, and selection by range and by entry."""

from collections import deque

from hypothesis import given, strategies as st

from urja.meter.buffers import ProfileBuffer


@given(
    st.integers(1, 200), st.lists(st.integers(0, 50), max_size=400), st.integers(0, 50), st.integers(0, 50)
)
def test_a_ring_behaves_like_a_bounded_queue(capacity, stamps, low, high):
    ring = ProfileBuffer(capacity, 1)
    model = deque(maxlen=capacity)
    for number, stamp in enumerate(stamps):
        ring.append(stamp, 0, [number])
        model.append((stamp, 0, number))
    assert len(ring) == len(model)
    assert [tuple(map(int, row)) for row in ring.by_entry(1, 0)] == list(model)
    within = [row for row in model if low <= row[0] <= high]
    assert [tuple(map(int, row)) for row in ring.by_range(low, high)] == within
    assert [tuple(map(int, row)) for row in ring.by_entry(2, 4)] == list(model)[1:4]
    newest = ring.newest()
    assert (newest is None) if not model else tuple(map(int, newest)) == model[-1]


def test_cleared_ring_is_empty():
    ring = ProfileBuffer(4, 1)
    for number in range(6):
        ring.append(number, 0, [number])
    ring.clear()
    assert len(ring) == 0
    assert ring.newest() is None
