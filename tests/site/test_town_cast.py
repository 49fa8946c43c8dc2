"""The demonstration's town: the same for the same seed, plainly fictional, and on a business morning."""

from datetime import date, time
from zoneinfo import ZoneInfo

import pytest

from urja.demo.command import _houses_and_meters, business_morning
from urja.demo.town import HOUSES_PER_TRANSFORMER, build_town
from urja.demo.town_laws import percentiles_of

ZONE = ZoneInfo("Asia/Kolkata")


def test_a_seed_makes_one_town_and_another_seed_another():
    assert build_town(12, seed=4) == build_town(12, seed=4)
    assert build_town(12, seed=4).houses != build_town(12, seed=5).houses


def test_the_first_houses_do_not_depend_on_how_many_there_are():
    assert build_town(30, seed=1).houses[:10] == build_town(10, seed=1).houses


def test_every_house_hangs_on_a_transformer_that_is_measured():
    town = build_town(25, seed=1)
    codes = {post.transformer.id for post in town.posts}
    assert {house.meter.transformer for house in town.houses} == codes
    assert len(codes) == -(-25 // HOUSES_PER_TRANSFORMER)
    for name in ("serial", "system_title", "guek"):
        assert len({getattr(meter, name) for meter in town.meters}) == len(town.meters)
    for meter in town.meters:
        meter.check()


def test_nobody_lives_here():
    for house in build_town(60, seed=1).houses:
        assert house.email.endswith("@street.example")
        assert house.phone.startswith("+91 00000")


def test_houses_before_which_the_same_tree_stands_are_numbered():
    houses = build_town(42, seed=1).houses
    assert [(house.name, house.email) for house in (houses[0], houses[20], houses[41])] == [
        ("Neem House", "neem@street.example"),
        ("Neem House 2", "neem-2@street.example"),
        ("Jamun House 3", "jamun-3@street.example"),
    ]
    assert len({house.email for house in houses}) == len(houses)


@pytest.mark.parametrize(
    ("houses", "head"),
    [
        (50, "50 houses on 5 transformers: 55 meters, as each transformer has one of its own"),
        (1, "1 house on 1 transformer: 2 meters, as each transformer has one of its own"),
    ],
)
def test_the_head_says_why_there_are_more_meters_than_houses(houses, head):
    town = build_town(houses, seed=1)
    assert _houses_and_meters(town) == head
    assert len([meter for meter in town.meters if not meter.boxed]) == int(head.split(": ")[1].split()[0])


def test_the_first_house_is_almost_out_of_credit():
    first = build_town(1, seed=9).houses[0]
    assert (first.meter.life, first.habit, first.credit_minor) == ("heavy", "disconnected", 500)


@pytest.mark.parametrize(
    ("today", "begins"),
    [
        (date(2026, 11, 27), date(2026, 11, 27)),
        (date(2026, 11, 28), date(2026, 11, 30)),
        (date(2026, 11, 29), date(2026, 11, 30)),
    ],
)
def test_it_begins_on_a_business_morning(today, begins):
    morning = business_morning(today, ZONE)
    assert (morning.date(), morning.time(), morning.tzinfo) == (begins, time(9), ZONE)


def test_the_spread_of_durations():
    assert percentiles_of([]) == {"p50": None, "p95": None, "max": None}
    assert percentiles_of([7]) == {"p50": 7, "p95": 7, "max": 7}
    assert percentiles_of(list(range(101))) == {"p50": 50, "p95": 95, "max": 100}
