"""The prices of a day by the API: exact, by the time zones of the agreement's tariff."""

from tests.apps.payments.till import as_role
from tests.apps.town import START, by_hand
from tests.demo_documents import load_town_tariffs


def shop_of(society):
    from urja.apps.contracts.models import AgreementTerms

    flat = society.flats[0]
    with as_role("urja_owner"), by_hand():
        load_town_tariffs("town-shop", recorded_at=START)
        AgreementTerms.objects.filter(agreement_id=flat.agreement_id).update(tariff_code="town-shop")
    return f"/agreements/{flat.agreement_id}/prices"


def test_each_span_of_a_day_has_its_exact_price(api, society):
    told = api("consumer").get(f"{shop_of(society)}?day=2026-03-10").json()
    assert (told["tariff"]["code"], told["calendar"], told["currency"]) == (
        "town-shop",
        "town-tod 2024-1",
        "INR",
    )
    assert [(one["begins"], one["ends"], one["zone"], one["price_minor"]) for one in told["items"]] == [
        ("00:00", "06:00", "normal", "800"),
        ("06:00", "09:00", "peak", "960"),
        ("09:00", "17:00", "solar", "640"),
        ("17:00", "18:00", "normal", "800"),
        ("18:00", "22:00", "peak", "960"),
        ("22:00", "24:00", "normal", "800"),
    ]


def test_a_tariff_without_zones_has_no_spans(api, society):
    flat = society.flats[0]
    told = api("consumer").get(f"/agreements/{flat.agreement_id}/prices?day=2026-03-10").json()
    assert (told["items"], told["tariff"], told["calendar"]) == ([], None, None)


def test_prices_of_another_supply_are_not_found(api, society):
    other = society.flats[1]
    assert api("consumer").get(f"/agreements/{other.agreement_id}/prices?day=2026-03-10").status_code == 404
