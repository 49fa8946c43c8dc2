"""Links: latency by profile, and the hours in which a meter cannot be reached."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from tests.meter.helpers import MIDNIGHT_S, moment

from urja.meter.link import FOR_EVER_S, Link, link_problems, link_profiles
from urja.meter.surroundings import LinkOptions, hours_of

IST = 19_800


def at(hour, minute=0):
    return moment(MIDNIGHT_S + hour * 3600 + minute * 60)


def test_profiles_have_the_medians_they_say():
    for name, profile in link_profiles().items():
        chance = random.Random(1)
        drawn = sorted(profile.draw_s(chance) for _ in range(4001))
        assert drawn[0] >= profile.floor_ms / 1000
        assert abs(drawn[2000] * 1000 - profile.floor_ms - profile.median_ms) <= 0.08 * profile.median_ms, (
            name
        )
    assert list(link_profiles()) == ["wire", "rf-mesh", "cellular"]


def test_nights_without_a_way():
    link = Link(LinkOptions(unreachable="nights"), "1", IST)
    assert [link.is_reachable(at(hour)) for hour in (5, 6, 21, 22, 23)] == [False, True, True, False, False]
    assert link.next_change(at(12, 30)) == at(22)
    assert link.next_change(at(22)) == at(30)
    assert link.next_change(at(22) + timedelta(seconds=10)) == at(30)


def test_always_and_never():
    assert not Link(LinkOptions(unreachable="always"), "1", IST).is_reachable(at(12))
    assert Link(LinkOptions(), "1", IST).is_reachable(at(12))
    assert Link(LinkOptions(), "1", IST).next_change(at(12)) is None


def test_an_ordered_loss_of_communication_ends_by_itself():
    link = Link(LinkOptions(), "1", IST)
    link.down_until_s = int(at(13).timestamp())
    assert not link.is_reachable(at(12))
    assert link.next_change(at(12)) == at(13)
    assert link.is_reachable(at(13))
    link.down_until_s = FOR_EVER_S
    assert not link.is_reachable(datetime(2900, 1, 1, tzinfo=UTC))
    assert link.next_change(at(12)) is None


def test_hours():
    assert hours_of("13:00-15:30") == (780, 930)
    assert hours_of("never") is None


@pytest.mark.parametrize("wrong", ["sometimes", "25:00-26:00", "13:00-13:00", "13-15"])
def test_wrong_options_are_told(wrong):
    assert link_problems(LinkOptions(unreachable=wrong))
    assert "wire, rf-mesh" in link_problems(LinkOptions(profile="pigeon"))[0]
