"""The demo town: what it shows, what its buttons request, and that it exists only in a demonstration."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest
from django.utils.translation import override
from tests.web import town_cast
from tests.web.reading import text_of

from urja.headend.commands import KINDS
from urja.stream.orders import TerminalState

ADDRESSES = (
    "/town/",
    "/town/live/",
    "/town/decode/",
    f"/town/houses/{town_cast.DARK}/",
    f"/town/houses/{town_cast.DARK}/live/",
    f"/town/houses/{town_cast.DARK}/display/",
)


GAS = "URJ00000071"
BLOCK = "URJ00000004"


@pytest.fixture
def all_kinds(fake_town, town_books):
    """The town with the gas of Neem House, and with a generator that supplies Kadam House."""
    town_cast.adopt_gas(town_books.adopted[0].premise_id)
    block = town_cast.house_seen(BLOCK, "T2", from_generator=True, outages=["service"])
    fake_town.more = [block, town_cast.gas_seen(GAS)]
    return fake_town


@pytest.fixture
def visitor(fake_town, web_role):
    """A browser on the machine itself; the pages query with the rights of the web."""
    from django.test import Client

    return Client(headers={"host": "localhost"})


def acts(town):
    """Requests other than queries."""
    looking = {"houses", "transformers", "status", "display"}
    return [
        order
        for order in town.orders
        if not (order["do"] == "fleet" and order["order"]["do"] in looking)
        and order["do"] != "processes"
        and order.get("what") != "state"
    ]


def test_the_town_shows_its_houses_by_feeder_and_transformer(visitor):
    text = text_of(visitor.get("/town/"))
    for words in ("Feeder North", "Transformer T1", "Feeder South", "Transformer T2", *town_cast.HOUSES):
        assert words in text
    assert "Jamun House disconnected −₹12.50" in text
    assert "Amla House in credit ₹283.50 tamper no communication" in text


def test_a_transformer_beyond_the_limit_is_red_and_says_so(visitor):
    page = visitor.get("/town/").content.decode()
    first, second = page.split('<article class="card transformer')[1:]
    assert first.startswith(" over")
    assert "Loss 40.0 %" in first
    assert "above the limit of 20 %" in first
    assert "0.9 of 1.5 kWh metered, up to 13:30" in first
    assert not second.startswith(" over")
    assert "Loss 7.0 %, limit 20 %" in second


def test_the_loop_has_eight_stations_and_says_in_words_what_it_draws(visitor):
    page = visitor.get("/town/").content.decode()
    assert page.count('<g class="station') == 2 * 8
    assert "Meters: 6/7, connected; Head end: running" in page
    assert "Relay: 4 powered, 1 off" in page


def test_figures_are_by_commodity_and_litres_are_added_to_no_energy(all_kinds, visitor):
    page = text_of(visitor.get("/town/"))
    assert "Electricity Meters 5 Sold 0 kWh Collected today ₹0.00" in page
    assert "Gas Meters 1 Sold 0.000 m³ Collected today ₹0.00" in page
    assert "Neem House valve open asleep" in page.partition("Piped gas")[2]
    assert "Balances: 6, accounts with a balance" in visitor.get("/town/").content.decode()


def test_a_failure_of_the_grid_is_said_where_a_generator_runs(all_kinds, visitor):
    text = text_of(visitor.get("/town/"))
    assert "The grid has failed at Kadam House: its generator supplies it" in text
    assert "on its generator" in text
    all_kinds.more = []
    views_cleared()
    assert "The grid has failed" not in text_of(visitor.get("/town/"))


def views_cleared():
    from urja.web.town import views

    views._rendered.clear()


def test_a_sleeping_module_is_not_missing_among_the_meters(all_kinds, visitor):
    all_kinds.more = [town_cast.gas_seen(GAS)]
    page = visitor.get("/town/").content.decode()
    assert "Meters: 6/7, connected, 1 asleep; Head end: running" in page
    assert page.count('class="station ill"') == 0


def test_the_first_minutes_say_what_pending_commands_are_of(fake_town, town_books, visitor):
    from tests.web.console_staff import as_pipeline

    from urja.usecases.operations import Commission, perform

    call = Commission(serial=BLOCK, again=True)
    as_pipeline(lambda: perform(call, recorded_at=town_cast.NOW, actor="test"))
    text = text_of(visitor.get("/town/"))
    assert "1 new meter is being called: its keys, clock, register and pushes are checked." in text


def test_a_gas_home_has_its_valve_module_and_battery_and_a_block_its_source(all_kinds, visitor):
    gas = text_of(visitor.get(f"/town/houses/{GAS}/"))
    for words in (
        "Flow now 0.324 m³ an hour",
        "Register 412.345 m³",
        "Valve open",
        "Module asleep until 14:00",
        "Battery 98 %, for 3.4 years",
        "Communication none while asleep",
    ):
        assert words in gas
    assert "kWh" not in gas.replace("1234.5 kWh", "").replace("KWH", "")
    block = text_of(visitor.get(f"/town/houses/{BLOCK}/"))
    assert "Supplied by its generator Register of the grid 1,234.567 kWh" in block
    all_kinds.more = [town_cast.gas_seen(GAS, awake=True, supplied=False, control_state=2)]
    views_cleared()
    gas = text_of(visitor.get(f"/town/houses/{GAS}/"))
    assert "Valve press the button Module awake" in gas


def test_each_kind_of_meter_has_its_buttons(all_kinds, visitor):
    def buttons(serial):
        return set(
            re.findall(
                r'name="action" value="([^"]+)"', visitor.get(f"/town/houses/{serial}/").content.decode()
            )
        )

    cover = {"open-cover", "close-cover", "lose-house", "find-house"}
    relay = {"hook", "unhook", "weld", "repair", "press"}
    assert buttons(GAS) == cover | {"press-gas"}
    assert buttons(BLOCK) == cover | relay | {"fail-grid", "end-failure"}
    assert buttons("URJ00000001") == cover | relay


def test_a_faulty_station_is_marked(visitor, fake_town):
    fake_town.headend, fake_town.gateway = "starting", "everything"
    page = visitor.get("/town/").content.decode()
    assert page.count('class="station ill"') == 2 * 3  # the meters that are away, the head end, the gateway
    assert "Head end: restarting, killed 1 time" in page
    assert "gateway not answering" in page


def test_events_are_listed(visitor):
    text = text_of(visitor.get("/town/"))
    for words in (
        "Disconnection ordered · Jamun House",
        "Disconnected, confirmed by the meter · Jamun House",
        "Inspect: the register advances after a confirmed disconnection · Jamun House",
        "₹20.00 paid · Jamun House",
        "The credit was used up; ₹112.50 was needed to reconnect. · Jamun House",
    ):
        assert words in text


def test_an_unchanged_town_is_not_sent_again(visitor):
    first = visitor.get("/town/live/")
    assert first.status_code == 200
    again = visitor.get("/town/live/", headers={"if-none-match": first["ETag"]})
    assert again.status_code == 304
    assert f'"If-None-Match": "\\"{first["ETag"].strip(chr(34))}\\""' in first.content.decode()


def test_the_demonstration_is_queried_once_a_second_for_all_viewers(visitor, fake_town):
    for _ in range(5):
        visitor.get("/town/live/")
    houses = [order for order in fake_town.orders if order.get("order", {}).get("do") == "houses"]
    assert len(houses) == 1


def test_without_javascript_the_page_can_load_itself_again(visitor):
    assert b'http-equiv="refresh"' not in visitor.get("/town/").content
    assert b'<meta http-equiv="refresh" content="5">' in visitor.get("/town/?every=5").content
    assert b'http-equiv="refresh"' not in visitor.get("/town/?every=0").content


def test_a_house_shows_its_display_its_state_and_its_history(visitor):
    text = text_of(visitor.get(f"/town/houses/{town_cast.DARK}/"))
    assert "Jamun House" in text
    assert "283.50 Rs" in text
    assert "All pages of the display BALANCE 283.50 Rs KWH 1234.5 kWh RELAY ON" in text
    assert "Now disconnected −₹12.50" in text
    assert "History" in text
    assert "Neem House" not in text


def test_a_clerks_operation_is_in_the_history_of_its_house(visitor):
    assert "Change the sanctioned load" in text_of(visitor.get("/town/houses/URJ00000004/"))
    assert "Change the sanctioned load" not in text_of(visitor.get("/town/houses/URJ00000005/"))


def test_the_display_cycles(visitor, monkeypatch):
    from urja.web.town import views

    shown = []
    for turn in range(4):
        monkeypatch.setattr(views, "_turn", lambda turn=turn: turn)
        page = visitor.get("/town/houses/URJ00000001/display/").content.decode()
        shown.append(page.split('class="label">')[1].split("<")[0])
    assert shown == ["BALANCE", "KWH", "RELAY", "BALANCE"]


def test_a_way_to_the_page_of_its_people(visitor):
    page = visitor.get(f"/town/houses/{town_cast.DARK}/").content.decode()
    assert 'value="jamun@street.example"' in page
    assert 'action="/sign-in/?next=/accounts/' in page


ORDERS = [
    ("cut-feeder", "North", {"do": "cut", "feeders": ["North"]}),
    ("restore-feeder", "North", {"do": "restore", "feeders": ["North"]}),
    (
        "open-cover",
        town_cast.DARK,
        {"do": "tamper", "serials": [town_cast.DARK], "switch": "cover", "on": True},
    ),
    (
        "close-cover",
        town_cast.DARK,
        {"do": "tamper", "serials": [town_cast.DARK], "switch": "cover", "on": False},
    ),
    ("hook", town_cast.DARK, {"do": "hook", "serials": [town_cast.DARK], "watts": 2000}),
    ("unhook", town_cast.DARK, {"do": "hook", "serials": [town_cast.DARK], "watts": 0}),
    ("weld", town_cast.DARK, {"do": "weld", "serials": [town_cast.DARK], "on": True}),
    ("repair", town_cast.DARK, {"do": "weld", "serials": [town_cast.DARK], "on": False}),
    ("press", town_cast.DARK, {"do": "press", "serials": [town_cast.DARK]}),
    ("press-gas", town_cast.DARK, {"do": "press", "serials": [town_cast.DARK]}),
    ("fail-grid", town_cast.DARK, {"do": "cut", "serials": [town_cast.DARK]}),
    ("end-failure", town_cast.DARK, {"do": "restore", "serials": [town_cast.DARK]}),
    ("lose-house", town_cast.DARK, {"do": "unreachable", "serials": [town_cast.DARK], "minutes": 60}),
    ("find-house", town_cast.DARK, {"do": "reachable", "serials": [town_cast.DARK]}),
    ("lose-network", "", {"do": "unreachable", "minutes": 60}),
    ("find-network", "", {"do": "reachable"}),
    ("kill-headend", "", {"do": "kill", "name": "headend"}),
    ("kill-pipeline", "", {"do": "kill", "name": "pipeline"}),
    ("stop-gateway", "", {"do": "gateway", "what": "mute"}),
    ("start-gateway", "", {"do": "gateway", "what": "unmute"}),
]


def test_every_button_is_tried_below(django):
    from urja.web.town.actions import ACTIONS

    assert set(ACTIONS) == {key for key, _target, _order in ORDERS}


@pytest.mark.parametrize(
    ("key", "target", "order"), ORDERS, ids=lambda value: value if type(value) is str else ""
)
def test_a_button_orders_and_the_page_says_what_is_seen_next(visitor, fake_town, key, target, order):
    from urja.web.town.actions import ACTIONS

    response = visitor.post("/town/do/", {"action": key, "target": target})
    assert acts(fake_town) == [
        order if order["do"] in {"kill", "gateway"} else {"do": "fleet", "order": order}
    ]
    assert response.status_code == 302
    text = text_of(visitor.get(response.headers["Location"]))
    action = ACTIONS[key]
    for words in (str(action.done) % {"target": target}, str(action.next), str(action.holds)):
        assert words.replace("'", "&#x27;") in text


def test_every_button_is_on_a_page(all_kinds, visitor):
    from urja.web.town.actions import ACTIONS

    pages = [
        visitor.get(address).content.decode()
        for address in ("/town/", *(f"/town/houses/{serial}/" for serial in (town_cast.DARK, BLOCK, GAS)))
    ]
    for key in ACTIONS:
        assert any(f'name="action" value="{key}"' in page for page in pages), key


def test_a_meter_without_a_relay_says_so_and_has_no_buttons_for_one(visitor):
    from urja.web.town.actions import of_scope

    page = visitor.get(f"/town/houses/{town_cast.WORKSHOP}/").content.decode()
    assert "<dt>Relay</dt><dd>no relay</dd>" in page
    assert "<dt>Relay</dt><dd>closed</dd>" in visitor.get("/town/houses/URJ00000001/").content.decode()
    buttons = set(re.findall(r'name="action" value="([^"]+)"', page))
    assert {action.key for action in of_scope("house")} - buttons == {"weld", "repair", "press"}


def test_a_refused_order_is_said(visitor, fake_town):
    fake_town.refuses = "kill"
    response = visitor.post("/town/do/", {"action": "kill-headend"}, follow=True)
    assert "Not carried out: it may not be" in text_of(response)


def test_an_unknown_button_or_house_is_a_missing_page(visitor, fake_town):
    assert visitor.post("/town/do/", {"action": "burn"}).status_code == 404
    assert visitor.post("/town/do/", {"action": "weld", "target": "URJ99"}).status_code == 404
    assert visitor.get("/town/houses/URJ99/").status_code == 404
    assert visitor.get("/town/houses/URJ00000901/").status_code == 404, "a transformer meter is no house"
    assert acts(fake_town) == []


def test_a_button_needs_its_page(fake_town, web_role):
    from django.test import Client

    stranger = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    assert stranger.post("/town/do/", {"action": "kill-headend"}).status_code == 403
    assert acts(fake_town) == []


def test_nothing_is_done_by_looking(visitor, fake_town):
    assert visitor.get("/town/do/?action=kill-headend").status_code == 405
    assert acts(fake_town) == []


def test_a_frame_is_decoded_where_that_is_known(visitor, fake_town):
    assert b"<textarea" in visitor.get("/town/decode/").content
    text = text_of(visitor.post("/town/decode/", {"frame": " c001c1 "}))
    assert "get-request c001c1" in text
    fake_town.refuses = "decode"
    assert "it may not be" in text_of(visitor.post("/town/decode/", {"frame": "zz"}))


def test_without_the_demonstration_the_ledger_is_shown(visitor):
    from django.test import override_settings

    with override_settings(URJA_TOWN_CONTROL=None):
        text = text_of(visitor.get("/town/"))
        house = text_of(visitor.get(f"/town/houses/{town_cast.DARK}/"))
    assert "The demonstration does not answer. This page shows the ledger's data only." in text
    assert "Jamun House unknown −₹12.50" in text
    assert "The display is off" in house


def test_the_town_is_only_in_a_demonstration(visitor):
    from django.test import override_settings

    with override_settings(URJA_DEMO=False):
        assert {visitor.get(address).status_code for address in ADDRESSES} == {404}
        assert visitor.post("/town/do/", {"action": "kill-headend"}).status_code == 404


def test_the_town_is_only_for_the_machine_itself(visitor):
    for elsewhere in ({"REMOTE_ADDR": "192.0.2.7"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}):
        assert {visitor.get(address, **elsewhere).status_code for address in ADDRESSES} == {404}
        assert visitor.post("/town/do/", {"action": "kill-headend"}, **elsewhere).status_code == 404


def test_the_town_in_hindi(fake_town, web_role):
    from django.test import Client

    text = text_of(Client(headers={"host": "localhost", "accept-language": "hi"}).get("/town/"))
    assert "फ़ीडर North" in text
    assert "सीमा से अधिक" in text


@pytest.mark.parametrize("state", get_args(TerminalState))
def test_each_command_and_its_outcome_is_a_sentence_of_the_visitors_language(state):
    from urja.apps.supply.queries.feed import FeedEntry
    from urja.web.town.wording import happening

    for kind in KINDS:
        seen = FeedEntry(datetime.now(UTC), "order", kind, None, "", "", {"state": state})
        with override("hi"):
            ordered, ended = happening(seen), happening(replace(seen, kind="outcome"))
        assert not re.search("[A-Za-z]", ordered + ended), kind
