"""Overload: the meter disconnects above the limit, retries and locks out, with the numbers of type urja-d1."""

import pytest
from hypothesis import given, settings, strategies as st
from tests.meter.helpers import HOUR, MIDNIGHT_S, make_engine

from urja.meter.events import EventCode, Log
from urja.meter.load import Draw, InstantaneousReading
from urja.meter.overload import GuardState
from urja.meter.relay import ControlState, Order
from urja.meter.surroundings import RelayOptions

WATCHING = RelayOptions(overload=True, load_limit_w=2000)
TRIP, RETRY, RETRIES, LOCKOUT = 60, 60, 3, 1800


class Kettle:
    """3,600 W from one whole minute on, until another."""

    def __init__(self, on_s, off_s):
        self.on_s, self.off_s = on_s, off_s

    def between(self, start_s, end_s):
        seconds = max(min(end_s, self.off_s) - max(start_s, self.on_s), 0)
        return Draw(1000 * seconds, 1000 * seconds, 23_000 * (end_s - start_s))

    def at(self, instant_s):
        return InstantaneousReading(self.watts(instant_s), self.watts(instant_s), 230.0)

    def watts(self, instant_s):
        return 3600.0 if self.on_s <= instant_s < self.off_s else 0.0


def kettle_engine(minutes, **more):
    on_s = MIDNIGHT_S + 600
    return make_engine(source=Kettle(on_s, on_s + 60 * minutes), relay=WATCHING, **more)[0]


def log_of(engine, log):
    return [(int(row[0]) - MIDNIGHT_S - 600, int(row[2])) for row in engine.logs[log].by_entry(1, 0)]


def test_trips_retries_and_lock_out_as_the_type_says():
    engine = kettle_engine(minutes=24 * 60)
    engine.run_to(MIDNIGHT_S + 600 + 2 * HOUR)
    moves = log_of(engine, Log.CONTROL)
    first_round = []
    at = 0
    for attempt in range(RETRIES + 1):
        first_round.append((at + TRIP, EventCode.DISCONNECTED))
        pause = RETRY if attempt < RETRIES else LOCKOUT
        first_round.append((at + TRIP + pause, EventCode.CONNECTED))
        at += TRIP + pause
    assert moves[: len(first_round)] == first_round
    assert moves[len(first_round)] == (at + TRIP, EventCode.DISCONNECTED)  # and again
    assert log_of(engine, Log.OTHER) == [(TRIP, EventCode.OVERLOADED)]


def test_the_overload_ends_when_the_load_does():
    engine = kettle_engine(minutes=2)
    engine.run_to(MIDNIGHT_S + HOUR)
    assert log_of(engine, Log.CONTROL) == [(60, EventCode.DISCONNECTED), (120, EventCode.CONNECTED)]
    assert log_of(engine, Log.OTHER) == [(60, EventCode.OVERLOADED), (120, EventCode.OVERLOAD_OVER)]
    assert engine.switch.state is ControlState.CONNECTED


def test_a_short_peak_is_forgiven():
    engine = make_engine(source=Kettle(MIDNIGHT_S + 630, MIDNIGHT_S + 660), relay=WATCHING)[0]
    engine.run_to(MIDNIGHT_S + HOUR)
    assert log_of(engine, Log.CONTROL) == []


@given(st.lists(st.integers(1, 900), min_size=1, max_size=25))
@settings(max_examples=25)
def test_the_step_of_time_does_not_matter(steps):
    whole, stepped = kettle_engine(minutes=50), kettle_engine(minutes=50)
    at, told = MIDNIGHT_S, []
    for step in steps:
        at += step
        told += stepped.run_to(at)
        stepped.next_wake_s()
    assert told == whole.run_to(at)
    assert stepped.quantities() == whole.quantities()
    assert log_of(stepped, Log.CONTROL) == log_of(whole, Log.CONTROL)


def test_a_remote_cut_ends_the_attempts():
    engine = kettle_engine(minutes=24 * 60)
    engine.run_to(MIDNIGHT_S + 600 + 90)
    assert engine.switch.state is ControlState.READY
    assert engine.operate_switch(Order.REMOTE_DISCONNECT) == []
    engine.run_to(MIDNIGHT_S + 2 * HOUR)
    assert engine.switch.state is ControlState.DISCONNECTED
    assert engine.guard.state is GuardState.WATCHING


def test_without_power_the_reconnection_is_delayed():
    engine = kettle_engine(minutes=24 * 60)
    engine.run_to(MIDNIGHT_S + 600 + 90)
    engine.cut_power()
    engine.run_to(MIDNIGHT_S + HOUR)
    assert engine.switch.state is ControlState.READY
    engine.restore_power()
    engine.run_to(MIDNIGHT_S + HOUR + 1)
    assert engine.switch.state is ControlState.CONNECTED


@pytest.mark.parametrize("relay", [RelayOptions(load_limit_w=2000), RelayOptions(overload=True)])
def test_no_cut_without_the_function_or_below_the_limit(relay):
    engine = make_engine(source=Kettle(MIDNIGHT_S, MIDNIGHT_S + HOUR), relay=relay)[0]
    engine.run_to(MIDNIGHT_S + 2 * HOUR)
    assert len(engine.logs[Log.CONTROL]) == 0


def test_it_wakes_each_minute_and_at_what_is_due():
    engine = kettle_engine(minutes=24 * 60)
    engine.run_to(MIDNIGHT_S + 61)
    assert engine.next_wake_s() == MIDNIGHT_S + 120
    engine.run_to(MIDNIGHT_S + 600 + 61)
    assert engine.next_wake_s() == MIDNIGHT_S + 600 + 120
    engine.watch_overload(on=False)
    assert engine.next_wake_s() == MIDNIGHT_S + 1800
