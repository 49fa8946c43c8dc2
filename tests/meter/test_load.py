"""The household load: exact sums, the same curve from the same seed, plausible size."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from tests.meter.helpers import DAY, MIDNIGHT_S

from urja.meter.load import Household, Season, season_weight
from urja.meter.truth import Supply, discard_record

SPAN = st.integers(0, 3 * DAY)


def test_same_seed_same_curve_in_any_order_of_asking():
    forward, backward = Household(5), Household(5)
    days = [20_500, 20_501, 20_502, 20_503]
    ahead = [forward.day(day).quanta.copy() for day in days]
    back = [backward.day(day).quanta.copy() for day in reversed(days)]
    for one, other in zip(ahead, reversed(back), strict=True):
        assert np.array_equal(one, other)


def test_other_seed_other_house():
    assert not np.array_equal(Household(1).day(20_500).quanta, Household(2).day(20_500).quanta)


@given(SPAN, SPAN, SPAN)
def test_energy_adds_up_over_any_cut(first, second, third):
    a, b, c = sorted(MIDNIGHT_S + offset for offset in (first, second, third))
    house = Household(11)
    assert house.between(a, b) + house.between(b, c) == house.between(a, c)


@given(SPAN, st.integers(0, 400))
def test_energy_is_power_times_time_by_the_second(start, length):
    house = Household(3)
    start_s = MIDNIGHT_S + start
    by_second = sum(round(house.at(second).active_w / 3.6) for second in range(start_s, start_s + length))
    assert house.between(start_s, start_s + length).energy_mwh == by_second


def test_apparent_is_never_below_active():
    curve = Household(8).day(20_600)
    assert (curve.va_quanta >= curve.quanta).all()


def test_seasons_are_where_the_plains_of_north_india_have_them():
    january, may, july = 20_454 + 14, 20_454 + 135, 20_454 + 190  # 2026-01-01 is day 20454
    assert season_weight(january, Season.COLD) == 1.0
    assert season_weight(january, Season.HOT) == 0.0
    assert season_weight(may, Season.HOT) > 0.8
    assert season_weight(july, Season.HOT) == 1.0
    assert season_weight(july, Season.COLD) == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_a_household_uses_a_plausible_amount(seed):
    house = Household(seed)
    year_mwh = house.between(MIDNIGHT_S, MIDNIGHT_S + 365 * DAY).energy_mwh
    assert 0.5 < year_mwh / 1e6 / 365 < 20  # kWh a day


def test_evening_draws_more_than_the_small_hours():
    total = sum(Household(seed).day(20_454 + 15).quanta for seed in range(60))
    assert total[19 * 60 : 22 * 60].mean() > 2 * total[2 * 60 : 5 * 60].mean()


def test_open_relay_stops_load_and_keeps_voltage():
    supply = Supply("X", Household(1), MIDNIGHT_S, discard_record)
    supply.relay_closed = False
    supply.run_to(MIDNIGHT_S + 3600)
    assert supply.total.energy_mwh == supply.total.apparent_mvah == 0
    assert supply.total.voltage_cvs > 0
    assert supply.now().active_w == 0
    assert supply.now().voltage_v > 200


def test_time_never_runs_back():
    supply = Supply("X", Household(1), MIDNIGHT_S, discard_record)
    with pytest.raises(ValueError, match="cannot run back"):
        supply.run_to(MIDNIGHT_S - 1)
