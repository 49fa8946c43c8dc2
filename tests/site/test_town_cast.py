"""The demonstration's town: the same for the same seed, plainly fictional, and on a business morning."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import urja.apps
from urja.base.settings import Settings
from urja.core.calendar import Period
from urja.core.policy import bundled_policies, parse_policy
from urja.core.rating import EnergyUse, RatingTerms, parse_tariff, rate_period
from urja.demo.command import business_morning
from urja.demo.grid_failures import has_failed
from urja.demo.stand_ins import residents
from urja.demo.town import HOUSES_PER_TRANSFORMER, build_town
from urja.demo.town_laws import percentiles_of
from urja.demo.town_run import _houses_and_meters
from urja.meter.household_kinds import household_load

ZONE = ZoneInfo("Asia/Kolkata")
DOCUMENTS = Path(urja.apps.__path__[0]) / "rulebook" / "documents"


def test_a_seed_makes_one_town_and_another_seed_another():
    assert build_town(12, seed=4) == build_town(12, seed=4)
    assert build_town(12, seed=4).houses != build_town(12, seed=5).houses


def test_the_first_houses_do_not_depend_on_how_many_there_are():
    assert build_town(30, seed=1).houses[:10] == build_town(10, seed=1).houses


def test_a_shop_a_workshop_a_solar_roof_and_a_block_with_a_generator_are_among_the_houses():
    town = build_town(9, seed=3)
    houses = town.houses
    assert len(houses) == 9
    assert [(house.name, house.meter.device_type, house.meter.life) for house in houses[5:]] == [
        ("Sheesham Shop", "urja-d2", "shop"),
        ("Gulmohar Workshop", "urja-d3", "workshop"),
        ("Peepal Solar Roof", "urja-d2-net", "solar"),
        ("Banyan Flats", "urja-d2-dg", "family"),
    ]
    assert [house.meter.type.relay for house in houses[5:]] == [True, False, True, True]
    assert [house.tariff for house in houses[4:]] == [
        "demo-domestic", "town-shop", "town-workshop", "town-roof", "town-flats"
    ]  # fmt: skip
    assert town.with_generator == [houses[8].meter.serial]
    # A transformer's balance compares blocks that begin and end together.
    assert {meter.type.interval_s for meter in town.meters} == {1800}
    assert {house.meter.device_type for house in (*houses[:5], *build_town(50, seed=3).houses[9:])} == {
        "urja-d1"
    }


def test_three_homes_have_piped_gas_too():
    """A meter and a credit of its own beside those of electricity, whatever the size of the town."""
    homes = [house for house in build_town(50, seed=3).houses if house.gas is not None]
    assert [house.name for house in homes] == ["Mahua House", "Tamarind House", "Mango House"]
    assert {house.gas.meter.type.commodity for house in homes} == {"gas"}
    assert [house.gas.meter.life for house in homes] == ["family", "heavy", "shop"]
    assert [house.gas.tariff for house in homes] == ["town-gas-standard", "demo-gas", "town-gas-energy"]
    assert all(house.gas.meter.transformer is None for house in homes)
    settings = Settings()
    people = residents(settings, homes, 3).arguments["people"]
    assert [(one["email"], one.get("supply", 0), one["habit"]) for one in people[3:]] == [
        (house.email, 1, house.gas.habit) for house in homes
    ]
    assert build_town(9, seed=3).billed_meters == [house.meter for house in build_town(9, seed=3).houses]


def test_the_grid_fails_at_a_block_with_a_generator_at_fixed_times():
    began_at = datetime(2026, 4, 1, 9, tzinfo=ZONE)
    failed = [n for n in range(500) if has_failed(began_at, began_at + timedelta(minutes=n))]
    assert failed == [*range(40, 90), *range(220, 270), *range(400, 450)]


def test_no_event_affects_the_shop_and_the_workshop():
    for seed in range(20):
        town = build_town(8, seed)
        affected = {town.fates.moves, town.fates.burns, town.fates.grows}
        assert affected == {town.houses[number].meter.serial for number in (3, 4, 7)}
        [spare] = town.spares
        assert spare.device_type == next(
            house.meter.device_type for house in town.houses if house.meter.serial == town.fates.burns
        )


def test_every_house_is_below_a_measured_transformer():
    town = build_town(25, seed=1)
    codes = {post.transformer.id for post in town.posts}
    assert {house.meter.transformer for house in town.houses} == codes
    assert len(codes) == -(-25 // HOUSES_PER_TRANSFORMER)
    for name in ("serial", "system_title", "guek"):
        assert len({getattr(meter, name) for meter in town.meters}) == len(town.meters)
    for meter in town.meters:
        meter.check()


def test_without_residents():
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
        (
            50,
            "50 houses on 5 transformers: 58 meters, as each transformer has one of its own, and 3 houses one of gas",
        ),
        (1, "1 house on 1 transformer: 2 meters, as each transformer has one of its own"),
    ],
)
def test_the_head_says_why_there_are_more_meters_than_houses(houses, head):
    town = build_town(houses, seed=1)
    assert _houses_and_meters(town) == head
    assert len([meter for meter in town.meters if not meter.boxed]) == int(head.split(": ")[1].split()[0])


def test_the_first_house_is_almost_out_of_credit():
    first = build_town(1, seed=9).houses[0]
    # At 20 to 30 kWh in ten hours and ₹3.50 each it lasts into the third hour, and ends before offices close.
    assert (first.meter.life, first.habit, first.credit_minor) == ("heavy", "disconnected", 3_000)


@pytest.mark.parametrize("begins", [date(2026, month, day) for month in (1, 6) for day in (5, 6, 7, 8)])
def test_the_second_house_has_a_day_whose_charge_is_reviewed(begins):
    """Whatever the season and the day on which the town begins, at the latest on the seventh; and a day before it is not."""
    tariff = parse_tariff((DOCUMENTS / "demo-domestic.toml").read_text())
    rules = parse_policy(bundled_policies()["demo.toml"]).reviews
    for seed in (1, 2, 3):
        house = build_town(2, seed=seed).houses[1]
        load, charged, total_wh = household_load(house.meter.life, house.meter.seed), [], 0
        begun = datetime.combine(begins, time(9), ZONE)
        for day in range(7):
            ends = datetime.combine(begins + timedelta(days=day + 1), time(), ZONE)
            total_wh += load.between(int(begun.timestamp()), int(ends.timestamp())).energy_mwh // 1000
            begun = ends
            charged.append(_cost(tariff, begins, day + 1, total_wh) - sum(charged))
        abnormal = [day for day in range(3, 7) if rules.abnormal(charged[day], sum(charged[day - 3 : day]))]
        assert len(abnormal) == 1, (charged, abnormal)


def _cost(tariff, begins, days, energy_wh):
    """What the first days come to, in paise."""
    used = Period(begins, begins + timedelta(days=days))
    billed = Period(begins, date(begins.year, begins.month + 1, 1))
    terms = [RatingTerms(begins, (tariff,), 5000)]
    return rate_period(terms, [EnergyUse(used, energy_wh)], billed=billed, through=used.end).total_minor


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
