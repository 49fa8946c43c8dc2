"""The replay window, compared with a plain model: the set of all counters that were ever committed."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, strategies as st

from urja.cosem.errors import LocalError
from urja.cosem.replay_window import MAX_COUNTER, VERDICTS, WIDTH, ReplayWindow, ReplayWindows, Verdict

near = st.integers(0, 300)
counters = st.one_of(near, near, st.integers(0, MAX_COUNTER), st.integers(MAX_COUNTER - 100, MAX_COUNTER))
steps = st.lists(st.tuples(st.sampled_from(["reserve", "commit", "rollback"]), counters), max_size=80)


def modelled(committed, in_flight, counter):
    if counter in in_flight:
        return Verdict.IN_FLIGHT
    if committed and counter <= max(committed) - WIDTH:
        return Verdict.TOO_OLD
    return Verdict.DUPLICATE if counter in committed else Verdict.FRESH


@given(steps, st.lists(counters, max_size=10))
def test_window_agrees_with_a_set_of_everything(script, probes):
    window, committed, in_flight = ReplayWindow(), set(), set()
    for action, counter in script:
        allowed = (
            modelled(committed, in_flight, counter) is Verdict.FRESH
            if action == "reserve"
            else counter in in_flight
        )
        if not allowed:
            with pytest.raises(LocalError):
                getattr(window, action)(counter)
            continue
        getattr(window, action)(counter)
        if action == "reserve":
            in_flight.add(counter)
        else:
            in_flight.discard(counter)
        if action == "commit":
            committed.add(counter)
        for probe in {*probes, counter, *(c for _, c in script)}:
            assert window.check(probe) is modelled(committed, in_flight, probe)


@given(steps)
def test_each_counter_is_accepted_once(script):
    window, accepted = ReplayWindow(), []
    for _, counter in script:
        if window.check(counter) is Verdict.FRESH:
            window.reserve(counter)
            window.commit(counter)
            accepted.append(counter)
    assert len(accepted) == len(set(accepted))


@given(st.lists(counters, max_size=40))
def test_bytes_carry_what_is_committed(arrivals):
    window = ReplayWindow()
    for counter in arrivals:
        if window.check(counter) is Verdict.FRESH:
            window.reserve(counter)
            if counter % 3:
                window.commit(counter)
    restored = ReplayWindow.from_bytes(window.to_bytes())
    assert (restored.highest, restored.bitmap, restored.at_rest) == (window.highest, window.bitmap, True)
    assert len(window.to_bytes()) in {0, 12}


@pytest.mark.parametrize("encoded", [b"\0", bytes(11), bytes(12), bytes(13)])
def test_other_bytes_are_refused(encoded):
    with pytest.raises(LocalError, match="12 bytes"):
        ReplayWindow.from_bytes(encoded)


def test_what_is_in_flight_is_held_in_any_number():
    window = ReplayWindow()
    for counter in (5, 3, 9):
        window.reserve(counter)
    for counter in (5, 9, 3):
        assert window.check(counter) is Verdict.IN_FLIGHT
        window.commit(counter)
        assert window.check(counter) is Verdict.DUPLICATE
    assert window.at_rest
    for counter in (5, -1, 4):
        with pytest.raises(LocalError, match="was not reserved"):
            window.commit(counter)


@pytest.mark.parametrize("counter", [-1, MAX_COUNTER + 1])
def test_a_counter_is_32_bits(counter):
    with pytest.raises(LocalError, match="32-bit"):
        ReplayWindow().reserve(counter)


def test_what_is_overtaken_while_in_flight_is_too_old_after():
    window = ReplayWindow()
    window.reserve(1)
    window.reserve(1000)
    window.commit(1000)
    window.commit(1)
    assert window.highest == 1000
    assert window.check(1) is Verdict.TOO_OLD
    assert window.at_rest


# -- the windows of a fleet as arrays: each of them as the scalar window has it ---------------------------------

ROWS = 3
places = st.tuples(st.integers(0, ROWS - 1), counters)
batches = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "commit", "rollback"]),
        st.lists(places, max_size=12),
        st.integers(0, 2**12 - 1),
    ),
    max_size=25,
)


def columns(pairs):
    return np.array([row for row, _ in pairs], np.intp), np.array([counter for _, counter in pairs], np.int64)


def reserve_both(windows, scalars, pairs):
    """Reserve a batch's fresh counters (of equal ones the first) in arrays and scalar windows."""
    rows, counted = columns(pairs)
    verdicts = [VERDICTS[code] for code in windows.check(rows, counted)]
    assert verdicts == [scalars[row].check(counter) for row, counter in pairs]
    taken = []
    for position, (row, counter) in enumerate(pairs):
        if scalars[row].check(counter) is Verdict.FRESH:
            scalars[row].reserve(counter)
            taken.append(position)
    flight = windows.flight(len(pairs))
    chosen = np.array(taken, np.intp)
    flight.reserve(chosen, rows[chosen], counted[chosen])
    return flight, {position: pairs[position] for position in taken}


def settle_both(scalars, flight, left, action, chosen):
    """Settle a part of a batch: in one call in the arrays, one by one in the scalar windows."""
    positions = [position for place, position in enumerate(left) if chosen >> place & 1]
    getattr(flight, action)(positions)
    for position in positions:
        row, counter = left.pop(position)
        getattr(scalars[row], action)(counter)


@given(batches, st.lists(places, max_size=10))
def test_windows_as_arrays_agree_with_the_scalar_one(script, probes):
    windows, scalars, flights = ReplayWindows(), [ReplayWindow() for _ in range(ROWS)], []
    assert [windows.add() for _ in scalars] == list(range(ROWS))
    for action, pairs, chosen in script:
        if action == "reserve":
            flights.append(reserve_both(windows, scalars, pairs))
        elif flights:
            flight, left = flights[chosen % len(flights)]
            settle_both(scalars, flight, left, action, chosen)
        asked = [*probes, *pairs]
        found = windows.check(*columns(asked))
        assert [VERDICTS[code] for code in found] == [scalars[row].check(counter) for row, counter in asked]
    for row, scalar in enumerate(scalars):
        window = windows.at(row)
        assert (window.highest, window.bitmap) == (scalar.highest, scalar.bitmap)
        assert in_flight_of(window) == in_flight_of(scalar)
        assert windows.to_bytes(row) == scalar.to_bytes()
        assert windows.highest(row) == scalar.highest


def in_flight_of(window):
    return ({window.pending} - {-1}) | (window.others or set())


@given(st.lists(counters, min_size=1, max_size=40))
def test_a_window_goes_into_the_arrays_and_out_again(arrivals):
    scalar = ReplayWindow()
    for counter in arrivals:
        if scalar.check(counter) is Verdict.FRESH:
            scalar.reserve(counter)
            scalar.commit(counter)
    windows = ReplayWindows()
    rows = [windows.add(ReplayWindow.from_bytes(scalar.to_bytes())) for _ in range(200)]
    assert len(windows) == 200
    assert {windows.to_bytes(row) for row in rows} == {scalar.to_bytes()}
    assert [VERDICTS[code] for code in windows.check(*columns([(199, one) for one in arrivals]))] == [
        scalar.check(one) for one in arrivals
    ]


def test_a_flight_refuses_what_the_scalar_window_refuses():
    windows = ReplayWindows()
    windows.add()
    flight = windows.flight(3)
    with pytest.raises(LocalError, match="not fresh"):
        flight.reserve(np.arange(2), *columns([(0, 5), (0, 5)]))
    flight.reserve(np.arange(2), *columns([(0, 5), (0, 6)]))
    with pytest.raises(LocalError, match="not fresh"):
        windows.flight(1).reserve(np.arange(1), *columns([(0, 6)]))
    with pytest.raises(LocalError, match="push 2 is not in flight"):
        flight.commit([0, 2])
    with pytest.raises(LocalError, match="twice"):
        flight.commit([0, 0])
    assert windows.to_bytes(0) == b"", "a call that is refused changes nothing"
    flight.commit([0])
    flight.rollback()
    assert (windows.at(0).highest, windows.at(0).at_rest) == (5, True)
    with pytest.raises(LocalError, match="push 0 is not in flight"):
        flight.rollback([0])


def test_the_memory_of_windows_grows_with_their_number():
    """A million meters need tens of bytes each, and the last ones no more than the first."""
    tracemalloc.start()
    windows = ReplayWindows()
    for _ in range(1000):
        windows.add()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1000 * 100
