"""The replay window against a plain model: a set of all that was ever committed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urja.cosem.errors import LocalError
from urja.cosem.window import MAX_COUNTER, WIDTH, ReplayWindow, Verdict

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
