"""The town: what it shows, what its buttons order, and that it is nowhere but in a demonstration."""

import pytest
from tests.web import town_cast
from tests.web.fixtures import town_books  # noqa: F401 - a fixture
from tests.web.reading import text_of

from urja.base.clock import Anchor, write_anchor


@pytest.fixture
def town(short_tmp, town_books):  # noqa: F811 - asks for the fixture
    """A fake control and the pages' settings pointed at it."""
    from django.test import override_settings

    from urja.web.town import views

    views._drawn.clear()
    anchor = short_tmp / "town-clock.json"
    write_anchor(anchor, Anchor(0.0, town_cast.NOW.timestamp(), 0.0))
    with (
        town_cast.running(short_tmp / "town.sock") as fake,
        override_settings(URJA_DEMO=True, URJA_TOWN_CONTROL=fake.path, URJA_CLOCK_ANCHOR=anchor),
    ):
        yield fake


@pytest.fixture
def visitor(town, web_role):
    from django.test import Client

    return Client(raise_request_exception=True, headers={"host": "localhost"})


def test_the_town_shows_its_houses_by_feeder_and_transformer(visitor):
    text = text_of(visitor.get("/town/"))
    for words in ("Feeder North", "Transformer T1", "Feeder South", "Transformer T2", *town_cast.HOUSES):
        assert words in text
