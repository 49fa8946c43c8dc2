"""Collection is judged by area: a dead one stops its own disconnections and no others, whatever the utility does."""

from contextlib import ExitStack
from functools import cache

import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.pipeline.test_decide import POLICY, Place

NORTH = 3
"""Houses of the section North, the first ones; all others are in South. Both are in the division City."""


def load_policy(least_area_meters):
    from urja.usecases.policies import load_policy

    text = POLICY.format(version="1", emergency=50, most=20, stagger=20)
    text = text.replace("[notices]", f"least_area_meters = {least_area_meters}\n[notices]", 1)
    load_policy(text, recorded_at=START, actor="test")


def place_in_sections(houses):
    from urja.apps.journal.operation import next_number
    from urja.apps.network.models import Node, Placement

    stamp = {"recorded_at": START, "actor": "test"}
    tree = {"tree": "administration"}
    city = Node.objects.create(id=next_number(), level="division", code="CITY", **tree, **stamp)
    sections = []
    for code in ("NORTH", "SOUTH"):
        section = Node.objects.create(id=next_number(), level="section", code=code, **tree, **stamp)
        section.periods.create(id=next_number(), parent=city, valid_from=START, **stamp)
        sections.append(section)
    for number, house in enumerate(houses):
        Placement.objects.create(
            id=next_number(),
            service_point_id=house.service_point_id,
            node=sections[number >= NORTH],
            valid_from=START,
            **tree,
            **stamp,
        )


@cache
def warned(south, least_area_meters):
    """The story of a city whose sections' first houses have used up their credit and were warned on Monday at 09:00."""

    def story(database):
        houses = [adopt(number, credit_minor=10_000, bucket=number) for number in range(1, NORTH + south + 1)]
        place_in_sections(houses)
        with pytest.MonkeyPatch.context() as patch:
            # The place loads its own policy; this one is the same, with the number of meters.
            patch.setattr("tests.pipeline.test_decide.load_policy", lambda: load_policy(least_area_meters))
            place = Place(database, houses)
        place.now = place.at(1, 9)
        for house in range(len(houses)):
            place.use(60_000 if house in (0, NORTH) else 10, house=house)
        place.go()
        place.deliver()
        return place.left()

    return story


@pytest.fixture
def city(lived):
    """Makes a city after that story."""
    with ExitStack() as stack:

        def make(south, least_area_meters=3):
            database, kept = stack.enter_context(lived(warned(south, least_area_meters)))
            place = Place.resumed(database, kept)
            stack.callback(place.connection.close)
            return place

        yield make


def south_reports(place, hour, minute):
    place.now = place.at(1, hour, minute)
    for house in range(NORTH, len(place.houses)):
        place.use(0, house=house)
    place.go()


@pytest.mark.parametrize("south", [3, 7], ids=["the utility is ill", "the utility is well"])
def test_a_dead_section_stops_its_own_disconnections_and_no_others(city, south):
    from urja.apps.supply.models import HealthReport
    from urja.apps.supply.queries import health
    from urja.laws.switching import laws

    place = city(south)
    south_reports(place, 12, 31)
    assert HealthReport.objects.latest("id").collection == (south == 7)
    assert (len(health().ill_areas), len(health().well_areas)) == (1 + (south == 3), 1 + (south == 7))
    assert place.commands(NORTH) == [("disconnect", "queued")]
    assert place.commands(0) == []
    assert place.where(0) == ("suspended", "collection_ill")
    assert laws(place.connection, place.now, town.ZONE)["cut_while_services_run"] is True
    # It reports again, and the disconnection follows.
    place.until(place.at(1, 13, 31))
    assert place.commands(0) == [("disconnect", "queued")]
    assert not health().ill_areas


def test_a_section_of_few_meters_goes_by_the_node_above_it(city):
    place = city(7, least_area_meters=4)
    south_reports(place, 12, 31)
    assert place.where(0) != ("suspended", "collection_ill"), "seven of ten meters of the city report"
    assert place.commands(0) == [("disconnect", "queued")]


def test_a_section_that_dies_calls_back_the_disconnections_under_way(city):
    place = city(7)
    place.go(place.at(1, 10, 1))
    assert place.commands(0) == [("disconnect", "queued")]
    south_reports(place, 12, 31)
    assert place.commands(0)[-1] == ("disconnect", "superseded")


def test_a_disconnection_in_a_dead_section_breaks_its_law(city, monkeypatch):
    from urja.apps.supply import area_health
    from urja.laws.switching import laws

    place = city(7)
    place.pages_look = False
    monkeypatch.setattr(area_health, "of_service_points", lambda *_: {})
    south_reports(place, 12, 31)
    assert place.commands(0) == [("disconnect", "queued")], "the utility is well"
    assert laws(place.connection, place.now, town.ZONE)["cut_while_services_run"] is False


def test_judgements_are_stored_when_they_change_and_for_thirty_days(city):
    from datetime import timedelta

    from urja.apps.supply.health import assess
    from urja.apps.supply.models import AreaHealth

    place = city(3)
    assert AreaHealth.objects.count() == 3
    for minutes in (10, 20):
        assess(place.now + timedelta(minutes=minutes))
    assert AreaHealth.objects.count() == 3
    assess(place.at(1, 14))
    assert sorted(AreaHealth.objects.filter(until_at=None).values_list("collection", "meters", "meters_young")) == [
        (False, 3, 0), (False, 3, 0), (False, 6, 0),
    ]  # fmt: skip
    assess(place.at(40, 9))
    assert AreaHealth.objects.count() == 3
