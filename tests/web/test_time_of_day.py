"""The prices of the day by time zones, on the consumer's page and by the API."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.template.loader import render_to_string
from tests.apps.town import START, ZONE, adopt
from tests.demo_documents import load_town_tariffs

NOON = START.astimezone(ZoneInfo(ZONE)) + timedelta(hours=12)


@pytest.fixture
def shop(database):
    load_town_tariffs("town-shop", "town-workshop", "town-flats", recorded_at=START)
    return adopt(tariff_code="town-shop")


def prices(adopted, now):
    from urja.apps.contracts.queries import agreement_at
    from urja.web.portal.time_of_day import time_of_day

    return time_of_day(agreement_at(adopted.account_id, START), now)


def test_a_shop_sees_what_now_costs_and_when_it_changes(shop):
    found = prices(shop, NOON)
    assert found.price == "₹6.40 per kWh"
    assert found.sentences == [
        "Now: Solar hours, ₹6.40 per kWh.",
        "It is the cheapest time of the day.",
        "Dearer from 17:00: ₹8.00 per kWh.",
    ]
    evening = prices(shop, NOON + timedelta(hours=7))
    assert evening.sentences == ["Now: Peak, ₹9.60 per kWh.", "Cheaper from 22:00: ₹8.00 per kWh."]
    night = prices(shop, NOON + timedelta(hours=11))
    assert night.sentences[1:] == [
        "Dearer from 06:00 tomorrow: ₹9.60 per kWh.",
        "Cheaper from 09:00 tomorrow: ₹6.40 per kWh.",
    ]


def test_the_picture_covers_the_day_and_dearer_zones_are_taller(shop):
    found = prices(shop, NOON)
    assert [(band.kind, band.height) for band in found.bands] == [
        ("middle", 28), ("high", 40), ("low", 16), ("middle", 28), ("high", 40), ("middle", 28)
    ]  # fmt: skip
    assert sum(float(band.width.rstrip("%")) for band in found.bands) == pytest.approx(100, abs=0.05)
    assert found.bands[2].text == "09:00 to 17:00: Solar hours, ₹6.40 per kWh"
    assert [row.hours for row in found.hours if row.is_now] == ["09:00 to 17:00"]
    assert found.now_x == "50.00%"


def test_a_workshop_on_slabs_sees_percentages(shop):
    found = prices(adopt(2, tariff_code="town-workshop"), NOON)
    assert found.sentences == [
        "Now: Solar hours, 15 % below the usual price.",
        "It is the cheapest time of the day.",
        "Dearer from 17:00: the usual price.",
    ]
    assert found.hours[1].price == "20 % above the usual price"


def test_one_price_at_all_hours_has_no_card(shop):
    assert prices(adopt(2, tariff_code="town-flats"), NOON) is None


def test_the_same_in_hindi(shop, in_hindi):
    shown = render_to_string("portal/time_of_day.html", {"prices": prices(shop, NOON + timedelta(hours=7))})
    for words in ("आज के मूल्य", "अभी: पीक, ₹9.60 प्रति kWh।", "22:00 से सस्ती: ₹8.00 प्रति kWh।", "सौर घंटे"):
        assert words in shown
