"""What a roof has banked: on the consumer's page, on the clerk's and by the API, in both languages."""

from datetime import date
from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from tests.apps.town import adopt
from tests.pipeline.test_post import Town
from tests.pipeline.test_unit_banks import AT_END, ZONED, half_hours, load, load_calendar, read, two_days

DAY = date(2026, 3, 4)


@pytest.fixture
def roof(database):
    load(AT_END)
    with database.connect() as connection:
        roof = Town(connection, adopt(credit_minor=50_000, tariff_code="net"))
        two_days(roof)
        yield roof


def agreement_of(roof):
    from urja.apps.contracts import queries as contracts

    return contracts.agreements([roof.adopted.agreement_id])[0]


def view_of(roof, day=DAY):
    from urja.web.shared.unit_words import units_view

    return units_view(agreement_of(roof), day)


def test_a_consumer_sees_the_bank_and_its_settlement(roof):
    found = view_of(roof)
    assert found.banks == [
        (
            "",
            [
                ("In the bank at the beginning", "5.6 kWh"),
                ("Fed into the grid", "1 kWh"),
                ("Set off against use", "5 kWh"),
                ("In the bank now", "1.6 kWh"),
            ],
        )
    ]
    assert found.sentences == [
        "Billing period from 3 March 2026, up to the end of 3 March 2026.",
        "What is in the bank on 2 April 2026 is paid for then: ₹2.90 for 1 kWh.",
        "When the agreement ends, the bank is paid for: ₹2.90 for 1 kWh.",
    ]


def test_the_same_in_hindi_on_both_pages(roof, in_hindi):
    page = SimpleNamespace(
        units=view_of(roof), uses=[], account=SimpleNamespace(href="/"), balance={}, postings={}
    )
    shown = render_to_string("portal/live.html", {"page": page})
    for words in ("बैंक में आपकी यूनिट", "शुरुआत में बैंक में", "खपत में समायोजित", "5.6 kWh", "2 अप्रैल 2026"):
        assert words in shown
    assert "अब बैंक में" in render_to_string("shared/units.html", {"units": view_of(roof)})


def test_the_page_of_a_charge_says_what_its_bank_had(roof):
    from urja.web.shared.unit_words import of_charge

    read(roof, 3, 29_800, 11_500)
    roof.run(3)
    charge = next(one for one in reversed(roof.whys()) if one.entry.line == "energy")
    (said,) = of_charge(charge.units)
    assert said.endswith(
        "5.6 kWh at the beginning, 1.1 kWh fed into the grid, 6.7 kWh set off against use, 0 kWh settled in money, 0 kWh left."
    )


def test_each_zone_by_its_name(database):
    load_calendar("demo-tod")
    load(ZONED)
    with database.connect() as connection:
        roof = Town(connection, adopt(credit_minor=50_000, tariff_code="net"))
        read(roof, 0, 0, 0)
        half_hours(roof, 1, 100, 50)
        read(roof, 1, 4_800, 2_400)
        roof.run(1)
        assert [zone for zone, _ in view_of(roof).banks] == ["normal", "solar", "peak"]
        assert (
            view_of(roof).sentences[-1] == "When the agreement ends on another day, the bank is not paid for."
        )


def test_without_a_bank_there_is_nothing(roof):
    from urja.web.shared.unit_words import units_view

    assert units_view(None, DAY) is None
    other = adopt(2, tariff_code="net")
    assert view_of(SimpleNamespace(adopted=other)) is None


def test_the_api_has_every_period_and_the_settlement(roof):
    from urja.apps.billing.queries import banked_units
    from urja.web.api.balances import _units

    agreement = agreement_of(roof)
    told = _units(agreement, banked_units(agreement, DAY))
    assert (told.settles_on, told.settles_at_end) == (date(2026, 4, 2), True)
    assert [
        (
            one.period_from,
            one.period_to,
            one.zone,
            one.version,
            one.opening_wh,
            one.exported_wh,
            one.used_wh,
            one.closing_wh,
        )
        for one in told.items
    ] == [
        (date(2026, 3, 3), date(2026, 4, 3), None, 1, 5_600, 1_000, 5_000, 1_600),
        (date(2026, 2, 3), date(2026, 3, 3), None, 2, 0, 10_400, 4_800, 5_600),
    ]
