"""The town and the control room in a real browser, by phone and at a desk."""

import re
import threading
from wsgiref.simple_server import make_server

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import _Quiet, _Server
from tests.browser.test_portal import Device, assert_good, open_page  # noqa: F401 - a fixture
from tests.one_setup import with_one_setup
from tests.web import signed_in, town_cast
from tests.web.fixtures import AS_THE_WEB_ASKS

DEVICES = [
    Device(390, "en", "light", True),
    Device(390, "hi", "dark", False),
    Device(1440, "en", "dark", False),
    Device(1440, "hi", "light", True),
]
HOUSE = f"/town/houses/{town_cast.DARK}/"
WORDS = {
    "en": {
        "hook": "Connect a bypass wire",
        "wire": "A bypass wire draws 2 kW",
        "decode": "Decode",
        "room": "Control room",
    },
    "hi": {"hook": "बाईपास तार जोड़ें", "wire": "बाहर 2 kW की खपत", "decode": "डिकोड करें", "room": "नियंत्रण कक्ष"},
}


class Site:
    """A running site and the town in its database."""

    def __init__(self, url, cookie):
        self.url = url
        self.cookie = cookie


@pytest.fixture
def site(fake_town, town_books):
    """The site on a port of its own, in the rights of the web; a cookie of a control room operator."""
    from django.db import connections
    from django.test import Client

    connections.close_all()
    of_connection = connections["default"].settings_dict
    before = {name: of_connection[name] for name in ("USER", "OPTIONS")}
    of_connection.update(USER="urja_web", OPTIONS={**before["OPTIONS"], **AS_THE_WEB_ASKS})
    client = Client()
    signed_in.sign_in(client, town_books.operator_id)
    connections.close_all()
    from urja.site.django.wsgi import application

    with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield Site(f"http://127.0.0.1:{server.server_port}", client.cookies["sessionid"].value)
        server.shutdown()
        thread.join()
    connections.close_all()
    of_connection.update(before)


@with_one_setup("device", DEVICES)
def test_from_the_town_to_a_house_and_the_control_room(open_page, site, fake_town, device):  # noqa: F811
    words = WORDS[device.language]
    fake_town.orders.clear()
    page = open_page(device)
    page.goto("/town/")
    assert_good(page, device)
    expect(page.locator(".ring:visible")).to_have_count(1)
    expect(page.locator(".house.unpowered")).to_have_count(1)
    expect(page.locator(".transformer.over")).to_have_count(1)
    feeders, levers, feed = (
        page.locator(part).bounding_box() for part in (".feeders", ".square > .panel", ".feed")
    )
    assert levers["y"] + levers["height"] <= feed["y"]
    if device.width >= 1152:
        assert (levers["x"], levers["y"]) == (feed["x"], feeders["y"]), (
            "beside the transformers, first of all"
        )
    else:
        assert levers["y"] >= feeders["y"] + feeders["height"]

    page.locator(f"#house-{town_cast.DARK}").click()
    expect(page.locator(".lcd .value")).to_be_visible()
    assert_good(page, device)
    page.get_by_role("button", name=words["hook"]).click()
    expect(page.locator(".done h2")).to_contain_text(words["wire"])
    assert_good(page, device)
    assert {"do": "hook", "serials": [town_cast.DARK], "watts": 2000} in [
        o.get("order") for o in fake_town.orders
    ]

    page.goto("/town/decode/")
    page.get_by_role("button", name=words["decode"]).click()
    expect(page.locator(".tree")).to_contain_text("get-request")
    assert_good(page, device)

    page.context.add_cookies([{"name": "sessionid", "value": site.cookie, "url": site.url}])
    page.goto("/console/")
    expect(page.locator("h1")).to_have_text(words["room"])
    assert_good(page, device)


def test_the_town_and_the_display_move_by_themselves(open_page, site, fake_town):  # noqa: F811
    page = open_page(DEVICES[0])
    page.goto("/town/")
    with page.expect_response("**/town/live/") as unchanged:
        page.evaluate("htmx.trigger('#live', 'look')")
    assert unchanged.value.status == 304
    fake_town.gateway = "everything"
    expect(page.locator(".ring:visible .station.ill").nth(1)).to_contain_text("gateway not answering")

    page.goto(HOUSE)
    shown = page.locator(".lcd .label").inner_text()
    expect(page.locator(".lcd .label")).not_to_have_text(re.compile(f"^{shown}$"))
