"""The trees: each node with what hangs under it, once, as far as somebody's area reaches."""

import pytest
from tests.apps.street import START
from tests.web import town_cast
from tests.web.reading import text_of

UNDER_NORTH = "Section NORTH Section North 3 3 0 1"


@pytest.fixture
def on_poles(staff, at_noon, database_of_town):
    """The first house hangs on phase R of T1, the second on Y."""
    with database_of_town("urja_owner") as owner:
        owner.execute("SET urja.operation = 1; SET urja.known_at = '2026-03-01 00:00Z'")
        for number, phase in enumerate("RY"):
            owner.execute(
                "UPDATE registry_placement SET phase = %s WHERE tree = 'grid' AND service_point_id = %s",
                [phase, at_noon.adopted[number].service_point_id],
            )


def test_both_trees_from_their_roots(colleague):
    text = text_of(colleague("clerk").get("/console/trees/"))
    assert (
        "Administration Node Connections Meters Silent Dark In credit Owed Division CITY City 5 5 0 1" in text
    )
    assert "Grid Node Connections Meters Silent Dark In credit Owed Feeder North 3 + 1 4 0 1" in text


def test_children_come_to_the_whole(colleague):
    text = text_of(colleague("clerk").get("/console/trees/division/CITY/"))
    assert "Altogether Connections 5 Meters 5 Silent 0 Dark 1" in text
    assert UNDER_NORTH in text
    assert "Section SOUTH Section South 2 2 0 0" in text


def test_a_transformer_with_its_balance_and_its_connections_by_phase(on_poles, colleague):
    text = text_of(colleague("control_room").get("/console/trees/transformer/T1/"))
    assert "Trees Feeder North Transformer T1" in text
    assert "Given and metered, last 24 hours 40.0 % Given 2 kWh Metered 1.2 kWh" in text
    assert "beyond the limit" in text
    assert "Phase R 1 Neem House URJ00000001" in text
    assert "Phase Y 1 Jamun House URJ00000002 URJ00000002 · dark · heard of today, 13:30" in text
    assert "Phase not known 2 Amla House" in text


def test_nothing_hung_before_it_was_hung(colleague):
    text = text_of(colleague("clerk").get("/console/trees/division/CITY/", {"at": "2026-02-01"}))
    assert "at the end of 1 February 2026" in text
    assert "Connections 0 Meters 0" in text
    assert "Silent" not in text.replace("Who is silent", "")


def test_no_day_is_today(colleague):
    for at in ("yesterday", "9999-99-99", "0001-01-01"):
        assert UNDER_NORTH in text_of(colleague("clerk").get("/console/trees/division/CITY/", {"at": at}))


def test_ones_own_area_alone(colleague):
    client = colleague("clerk_north")
    text = text_of(client.get("/console/trees/"))
    assert "Division CITY City 3 3 0 1" in text
    assert "Feeder North 3 3 0 1" in text
    assert "Feeder South" not in text
    assert client.get("/console/trees/section/SOUTH/").status_code == 404
    assert client.get("/console/trees/transformer/T2/").status_code == 404
    assert "Section SOUTH" not in text_of(client.get("/console/trees/division/CITY/"))


@pytest.fixture
def posted(staff):
    """What was paid is in the books: ₹20 of the second house, ₹300 of each other."""
    from urja.pipeline import post

    post.run_once(town_cast.NOW)


def test_money_of_an_account_with_two_supplies_counts_once(posted, at_noon, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute("SET urja.operation = 1; SET urja.known_at = '2026-03-01 00:00Z'")
        one, other = at_noon.adopted[0], at_noon.adopted[1]
        owner.execute(
            "UPDATE registry_agreement SET account_id = %s WHERE account_id = %s",
            [one.account_id, other.account_id],
        )
    text = text_of(colleague("clerk").get("/console/trees/section/NORTH/"))
    assert "In credit ₹600.00 Owed ₹0.00" in text


def test_who_may_not(staff, someone, at_noon):
    assert someone(at_noon.consumer_id).get("/console/trees/").status_code == 404
    assert someone().get("/console/trees/").status_code == 302


def test_more_connections_than_one_page(colleague, monkeypatch):
    from urja.web.console import trees_page

    monkeypatch.setattr(trees_page, "PLACES", 2)
    client = colleague("clerk")
    first = client.get("/console/trees/section/NORTH/").content.decode()
    assert "after=URJ00000002" in first
    assert "Amla House" not in first
    assert "Amla House" in text_of(client.get("/console/trees/section/NORTH/?after=URJ00000002"))


def test_what_has_ended_hangs_no_more(staff, at_noon, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute("SET urja.operation = 1; SET urja.known_at = '2026-03-01 00:00Z'")
        owner.execute(
            "UPDATE registry_service_point SET disconnected_at = %s WHERE consumer_number = 'URJ00000003'",
            [START],
        )
    assert "Section NORTH Section North 2 2" in text_of(
        colleague("clerk").get("/console/trees/division/CITY/")
    )
