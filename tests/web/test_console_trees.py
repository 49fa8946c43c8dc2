"""Network and areas: each node with the service points under it, counted once, within the caller's area."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.apps.town import START, blocks, in_stock, store_blocks
from tests.usecases.life import connect, install_meter
from tests.web import town_cast
from tests.web.reading import text_of

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Place:
    """A meter of the network, for rows as the pipeline would place them."""

    service_point_id: int
    device_id: int
    agreement_id: int = 0


UNDER_NORTH = "Section NORTH Section North 3 3 0 1"


@pytest.fixture
def on_poles(staff, at_noon, database_of_town):
    """The first house is on phase R of T1, the second on Y."""
    with database_of_town("urja_owner") as owner:
        owner.execute("SET urja.operation = 1; SET urja.known_at = '2026-03-01 00:00Z'")
        for number, phase in enumerate("RY"):
            owner.execute(
                "UPDATE network_placement SET phase = %s WHERE tree = 'grid' AND service_point_id = %s",
                [phase, at_noon.adopted[number].service_point_id],
            )


def test_both_trees_from_their_roots(colleague):
    text = text_of(colleague("clerk").get("/console/trees/"))
    assert (
        "Administration Node Service points Meters No power Disconnected Not communicating Credit, posted Owed, posted Division CITY City 5 5 0 1 0"
        in text
    )
    assert (
        "Grid Node Service points Meters No power Disconnected Not communicating Credit, posted Owed, posted Feeder North 3 + 1 4 0 1"
        in text
    )


def test_children_come_to_the_whole(colleague):
    text = text_of(colleague("clerk").get("/console/trees/division/CITY/"))
    assert "Total Service points 5 Meters 5 No power 0 Disconnected 1 Not communicating 0" in text
    assert UNDER_NORTH in text
    assert "Section SOUTH Section South 2 2 0 0" in text


def test_a_transformer_with_its_balance_and_its_connections_by_phase(on_poles, colleague):
    text = text_of(colleague("control_room").get("/console/trees/transformer/T1/"))
    assert "Network and areas Feeder North Transformer T1" in text
    assert "Supplied and metered, last 24 hours 40.0 % Supplied 2 kWh Metered 1.2 kWh" in text
    assert "above the limit" in text
    assert "Phase R 1 Neem House URJ00000001" in text
    assert (
        "Phase Y 1 Jamun House URJ00000002 URJ00000002 · disconnected, last communication today, 13:30"
        in text
    )
    assert "Phase unknown 2 Amla House" in text


@pytest.fixture
def metered_feeder(at_noon, staff, database_of_town):
    """A meter at the head of North, which has counted 520 Wh wherever that of its transformer T1 has counted 500."""
    connect("N-1", START, purpose="feeder", grid="feeder North")
    in_stock(950, device_type="urja-dt")
    done = install_meter(950, START, place="N-1", register_wh=0, role="source").outcome
    place = Place(done["service_point_id"], done["device_id"])
    starts = [town_cast.READ_TO - timedelta(minutes=30 * number) for number in (4, 3, 2, 1)]
    with database_of_town("urja_pipeline") as pipeline:
        store_blocks(pipeline, blocks(place, *((start, 520) for start in starts)), now=town_cast.NOW)


def test_a_feeder_with_its_balance_against_its_transformer(metered_feeder, colleague):
    text = text_of(colleague("control_room").get("/console/trees/feeder/North/"))
    assert "Supplied and metered, last 24 hours 3.8 % Supplied 2.08 kWh Metered 2 kWh" in text
    assert "over 4 complete intervals up to" in text
    assert "Supplied and metered" not in text_of(
        colleague("control_room").get("/console/trees/feeder/South/")
    )


def test_no_service_point_before_its_placement(colleague):
    text = text_of(colleague("clerk").get("/console/trees/division/CITY/", {"valid_at": "2026-02-01T12:00"}))
    assert "State on 1 February 2026, 12:00, as known on" in text
    assert "Service points 0 Meters 0" in text
    assert "Not communicating" not in text
    assert "Power, amounts owed and losses are shown for the current state only." in text


def test_a_node_not_recorded_then(colleague):
    text = text_of(colleague("clerk").get("/console/trees/section/NORTH/", {"known_at": "2020-02-01T12:00"}))
    assert "This node was not recorded at that time." in text
    assert "Service points 0 Meters 0" in text
    assert colleague("clerk").get("/console/trees/section/NOWHERE/").status_code == 404


def test_no_moment_is_now_and_says_so(colleague):
    for typed in ({"valid_at": "yesterday"}, {"valid_at": "9999-99-99"}, {"known_at": "2199-01-01T00:00"}):
        page = colleague("clerk").get("/console/trees/division/CITY/", typed)
        assert page.status_code == 422
        assert UNDER_NORTH in text_of(page)
    assert colleague("clerk").get("/console/trees/", {"valid_at": "", "known_at": ""}).status_code == 200


HOUSE_MOVED, TOWN_MOVED = START + 2 * HOUR, START + 3 * HOUR
HOUSE_LEARNED, TOWN_LEARNED, TOWN_UNDONE = START + 6 * HOUR, START + 7 * HOUR, START + 9 * HOUR


@pytest.fixture
def learned_late(staff):
    """The third house went from North to South, and South to a town of its own, hours before it was recorded; the
    second was a mistake, which was undone.
    """
    from urja.apps.journal.operation import next_number
    from urja.apps.network.models import Node
    from urja.usecases.operations import MoveNode, MoveServicePoint, Undo, perform

    stamp = {"recorded_at": START, "actor": "test"}
    Node.objects.create(id=next_number(), tree="administration", level="circle", code="TOWN", **stamp)
    house = MoveServicePoint(
        consumer_number="URJ00000003", administration="section SOUTH", moved_at=HOUSE_MOVED
    )
    perform(house, recorded_at=HOUSE_LEARNED, actor="test")
    town = MoveNode(node="section SOUTH", parent="circle TOWN", moved_at=TOWN_MOVED)
    entry = perform(town, recorded_at=TOWN_LEARNED, actor="test")
    perform(Undo(entry_id=entry.id, reason="another town"), recorded_at=TOWN_UNDONE, actor="test")


@pytest.mark.parametrize(
    ("valid_at", "known_at", "north", "south", "under"),
    [
        (TOWN_MOVED, HOUSE_LEARNED - HOUR, 3, 2, "CITY"),
        (TOWN_MOVED, HOUSE_LEARNED, 2, 3, "CITY"),
        (HOUSE_MOVED - HOUR, HOUSE_LEARNED, 3, 2, "CITY"),
        (TOWN_MOVED, TOWN_LEARNED, 2, 3, "TOWN"),
        (HOUSE_MOVED, TOWN_LEARNED, 2, 3, "CITY"),
        (TOWN_MOVED, TOWN_UNDONE, 2, 3, "CITY"),
    ],
)
def test_as_it_was_by_what_was_known(learned_late, colleague, valid_at, known_at, north, south, under):
    client = colleague("clerk")
    moment = {"valid_at": valid_at.isoformat(), "known_at": known_at.isoformat()}

    def shown(path):
        return text_of(client.get(f"/console/trees/{path}", moment))

    city = north + (south if under == "CITY" else 0)
    circle = f"Circle TOWN {5 - city} {5 - city} Division" if city < 5 else "Circle TOWN 0 0 Division"
    assert f"Node Service points Meters {circle} CITY City {city} {city}" in shown("")
    text = shown("division/CITY/")
    assert f"Total Service points {city} Meters {city} Nodes below" in text
    assert f"Section NORTH Section North {north} {north}" in text
    assert ("Section SOUTH" in text) == (under == "CITY")
    assert ("Amla House URJ00000003 URJ00000003" in shown("section/SOUTH/")) == (south == 3)
    assert ("Amla House" in shown("section/NORTH/")) == (north == 3)


def test_links_of_the_past_lead_into_the_past(learned_late, colleague, monkeypatch):
    from urllib.parse import urlencode

    from urja.web.console import network_page

    monkeypatch.setattr(network_page, "SERVICE_POINTS", 1)
    moment = {"valid_at": TOWN_MOVED.isoformat(), "known_at": TOWN_LEARNED.isoformat()}
    query = urlencode(moment)
    page = colleague("clerk").get("/console/trees/section/SOUTH/", moment).content.decode()
    for link in (
        f"/console/trees/?{query}",
        f"/console/trees/circle/TOWN/?{query}",
        f"/console/connections/URJ00000003/?{query}",
        f"/console/trees/section/SOUTH/?{query}&after=URJ00000003",
    ):
        assert f'href="{link.replace("&", "&amp;")}"' in page
    second = colleague("clerk").get("/console/trees/section/SOUTH/", moment | {"after": "URJ00000003"})
    assert "Kadam House" in text_of(second)


def test_the_past_is_seen_by_the_area_of_now(learned_late, colleague):
    """The clerk of North sees what is theirs today, wherever it was; the third house is another's by now."""
    client = colleague("clerk_north")
    before = {"valid_at": START.isoformat(), "known_at": START.isoformat()}
    text = text_of(client.get("/console/trees/section/NORTH/", before))
    assert "Service points 2 Meters 2" in text
    assert "Amla House" not in text
    assert client.get("/console/trees/section/SOUTH/", before).status_code == 404
    long_ago = client.get("/console/trees/section/NORTH/", {"valid_at": "2026-01-01T00:00"})
    assert "Service points 0 Meters 0" in text_of(long_ago)


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
            "UPDATE contracts_agreement SET account_id = %s WHERE account_id = %s",
            [one.account_id, other.account_id],
        )
    text = text_of(colleague("clerk").get("/console/trees/section/NORTH/"))
    assert "Credit, posted ₹600.00 Owed, posted ₹0.00" in text


def test_who_may_not(staff, someone, at_noon):
    assert someone(at_noon.consumer_id).get("/console/trees/").status_code == 404
    assert someone().get("/console/trees/").status_code == 302


def test_more_connections_than_one_page(colleague, monkeypatch):
    from urja.web.console import network_page

    monkeypatch.setattr(network_page, "SERVICE_POINTS", 2)
    client = colleague("clerk")
    first = client.get("/console/trees/section/NORTH/").content.decode()
    assert "after=URJ00000002" in first
    assert "Amla House" not in first
    assert "Amla House" in text_of(client.get("/console/trees/section/NORTH/?after=URJ00000002"))


def test_an_ended_placement_is_not_counted(staff, at_noon, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute("SET urja.operation = 1; SET urja.known_at = '2026-03-01 00:00Z'")
        owner.execute(
            "UPDATE network_service_point SET disconnected_at = %s WHERE consumer_number = 'URJ00000003'",
            [START],
        )
    assert "Section NORTH Section North 2 2" in text_of(
        colleague("clerk").get("/console/trees/division/CITY/")
    )
