"""The power at a meter, from its newest message and those of its neighbours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from urja.core.power import (
    LastMessage,
    NoPower,
    NotCommunicating,
    Powered,
    is_overdue,
    not_communicating_after,
    outage_since,
    power_at_meter,
)

NOW = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
HALF_HOUR, MINUTE = timedelta(minutes=30), timedelta(minutes=1)


def ago(minutes: int, *, gasp: bool = False) -> LastMessage:
    return LastMessage(NOW - minutes * MINUTE, gasp)


@pytest.mark.parametrize(
    ("heard", "state"),
    [
        (None, NotCommunicating(None)),
        (ago(20), Powered(NOW - 20 * MINUTE)),
        (ago(120), Powered(NOW - 120 * MINUTE)),
        (ago(121), NotCommunicating(NOW - 121 * MINUTE)),
        (ago(20, gasp=True), NoPower(NOW - 20 * MINUTE, "meter")),
        (ago(9_999, gasp=True), NoPower(NOW - 9_999 * MINUTE, "meter")),
    ],
)
def test_by_its_own_newest_message(heard, state):
    assert power_at_meter(heard, HALF_HOUR, NOW) == state


def test_how_long_a_meter_may_send_nothing_follows_from_its_own_interval():
    assert not_communicating_after(HALF_HOUR) == timedelta(hours=2)
    assert not_communicating_after(timedelta(minutes=5)) == timedelta(hours=1)
    assert not is_overdue(ago(45), HALF_HOUR, NOW)
    assert is_overdue(ago(46), HALF_HOUR, NOW)


def test_a_meter_that_sends_nothing_has_no_power_where_its_neighbours_say_so():
    out = NOW - 30 * MINUTE
    assert power_at_meter(ago(50), HALF_HOUR, NOW, out) == NoPower(out, "neighbours")
    assert power_at_meter(ago(29), HALF_HOUR, NOW, out) == Powered(NOW - 29 * MINUTE), "heard since"
    assert power_at_meter(ago(10, gasp=True), HALF_HOUR, NOW, out) == NoPower(NOW - 10 * MINUTE, "meter")


@pytest.mark.parametrize(
    ("behind", "since"),
    [
        ([], None),
        ([ago(40, gasp=True), ago(50)], None),
        ([ago(40, gasp=True), ago(39, gasp=True), ago(50)], 40),
        ([ago(40, gasp=True), ago(39, gasp=True), ago(10)], None),
        # An empty house gasped days ago: it is no part of the outage of now.
        ([ago(9_000, gasp=True), ago(39, gasp=True), ago(38, gasp=True), ago(50)], 39),
        ([ago(9_000, gasp=True), ago(39, gasp=True), ago(50)], None),
    ],
)
def test_an_outage_of_all_behind_a_node(behind, since):
    assert outage_since(behind) == (None if since is None else NOW - since * MINUTE)


heards = st.builds(ago, st.integers(0, 300), gasp=st.booleans())


@given(st.lists(heards, max_size=12), heards)
def test_the_meter_with_the_newest_message_has_power(behind, one):
    out = outage_since([*behind, one])
    assert out is None or all(heard.at < out for heard in behind if not heard.last_gasp)
    state = power_at_meter(one, HALF_HOUR, NOW, out)
    if isinstance(state, Powered):
        assert not one.last_gasp
        assert NOW - one.at <= not_communicating_after(HALF_HOUR)
    if isinstance(state, NoPower):
        assert state.since <= NOW


def test_a_meter_that_sleeps_is_judged_by_its_plan():
    hour, asleep = 60 * MINUTE, timedelta(hours=18)
    for hours, state in (
        (5, Powered(NOW - 5 * hour)),
        (42, Powered(NOW - 42 * hour)),
        (43, NotCommunicating(NOW - 43 * hour)),
    ):
        assert power_at_meter(ago(hours * 60), hour, NOW, asleep=asleep) == state
    assert power_at_meter(ago(5 * 60), hour, NOW) == NotCommunicating(NOW - 5 * hour)
