"""Recharging as people do it, against the gateway's own process: amounts, the way there and back, what is seen."""

import re

import pytest
from tests.apps import street
from tests.apps.payments import cast
from tests.web import house
from tests.web.reading import text_of


@pytest.fixture(scope="session")
def process(tmp_path_factory):
    with cast.open_shop(tmp_path_factory.mktemp("gateway"), start=house.NOW) as shop:
        yield shop


@pytest.fixture
def shop(process, django):
    from django.test import override_settings

    with override_settings(URJA_PAYMENTS=cast.config(process.url)):
        yield process


@pytest.fixture
def governed(home):
    """The policy of a demonstration governs every account."""
    from urja.apps.supply.operations import load_bundled_policy

    load_bundled_policy("plain.toml", recorded_at=street.START, actor="test")
    return home


def collect():
    """What the pipeline does, as the owner of the database."""
    from urja.apps.payments import providers
    from urja.pipeline.collect import Collector
    from urja.pipeline.post import post_credits

    collector = Collector(providers.gateway(), 0.0)
    collector.run_once(house.NOW)
    post_credits(house.NOW)
    collector.run_once(house.NOW)


def test_the_first_page_says_how_long_the_light_is_safe_and_leads_to_a_recharge(governed, shop, browser):
    page = browser(user_id=governed.owner_id).get("/")
    words = text_of(page)
    assert re.search(r"At your usual use the light is safe until \w+day \d+ \w+ about \d\d:00\.", words)
    assert re.search(r"Nothing can be cut before \w+day \d+ \w+, \d\d:\d\d\.", words)
    assert f'href="/accounts/{governed.account_id}/pay/"' in page.content.decode()
