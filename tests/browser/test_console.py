"""The console's pages of the registry in a real browser, at a desk and in a hand."""

import threading
from wsgiref.simple_server import make_server

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import _Quiet, _Server, aside
from tests.browser.test_portal import Device, assert_good, open_page  # noqa: F401 - fixture
from tests.web import console_staff, town_cast
from tests.web.fixtures import AS_THE_WEB_ASKS, town_books, town_template  # noqa: F401 - fixtures

from urja.base.clock import Anchor, write_anchor

DEVICES = [
    Device(390, "en", "light", False),
    Device(390, "hi", "dark", True),
    Device(1440, "en", "dark", True),
    Device(1440, "hi", "light", False),
]


class Site:
    """A running console, and cookies of colleagues by what they are."""

    def __init__(self, url, cookies):
        self.url = url
        self.cookies = cookies


@pytest.fixture
def site(town_books, tmp_path):  # noqa: F811 - asks for the fixture
    """The site on a port of its own, in the rights of the web, at the town's own time."""
    from django.contrib.auth import get_user_model
    from django.db import connections
    from django.test import Client, override_settings

    staff = console_staff.hire(town_books)
    anchor = tmp_path / "clock.json"
    write_anchor(anchor, Anchor(0.0, town_cast.NOW.timestamp(), 0.0))
    cookies = {}
    for role, user_id in staff.users.items():
        client = Client()
        client.force_login(get_user_model().objects.get(pk=user_id))
        cookies[role] = client.cookies["sessionid"].value
    connections.close_all()
    of_connection = connections["default"].settings_dict
    before = {name: of_connection[name] for name in ("USER", "OPTIONS")}
    of_connection.update(USER="urja_web", OPTIONS={**before["OPTIONS"], **AS_THE_WEB_ASKS})
    with override_settings(URJA_CLOCK_ANCHOR=anchor):
        from urja.site.wsgi import application

        with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            yield Site(f"http://127.0.0.1:{server.server_port}", cookies)
            server.shutdown()
            thread.join()
    connections.close_all()
    of_connection.update(before)


def as_colleague(page, site, role):
    page.context.add_cookies([{"name": "sessionid", "value": site.cookies[role], "url": site.url}])


def answer():
    from urja.pipeline.register import answer_requests

    answer_requests(town_cast.NOW)


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: "-".join(map(str, device)))
def test_from_a_misspelt_name_to_a_changed_load(open_page, site, device):  # noqa: F811
    page = open_page(device)
    as_colleague(page, site, "clerk")
    page.goto("/console/search/")
    assert_good(page, device)
    page.locator("#q").fill("ramseh kumar")
    page.locator("form[role=search] button").click()
    expect(page.locator(".found strong")).to_have_text("Ramesh Kumar")
    assert_good(page, device)
    page.get_by_role("link", name="Neem House").click()
    expect(page.locator("h1")).to_have_text("Neem House")
    expect(page.locator(".line li").first).to_be_visible()
    assert_good(page, device)

    page.goto("/console/trees/transformer/T1/")
    expect(page.locator("#loss-title")).to_contain_text("40.0 %")
    assert_good(page, device)

    page.goto("/console/operations/change_load/?consumer_number=URJ00000001")
    page.locator("#effective_on").fill("2026-03-05")
    page.locator("#sanctioned_load_w").fill("4")
    assert_good(page, device)
    page.locator(".asked button").click()
    page.wait_for_url("**/console/requests/*/")
    aside(answer, "urja_pipeline")
    page.reload()
    expect(page.locator(".effects li")).to_have_count(2)
    assert_good(page, device)
    page.locator("form[action$='/do/'] button").click()
    page.wait_for_url("**/console/requests/*/")
    aside(answer, "urja_pipeline")
    page.reload()
    expect(page.locator("#done-title")).to_be_visible()
    assert_good(page, device)


def test_a_fitter_closes_an_order_on_a_telephone(open_page, site):  # noqa: F811
    device = DEVICES[0]
    page = open_page(device)
    as_colleague(page, site, "fitter_north")
    page.goto("/console/work/")
    assert_good(page, device)
    page.locator(".choices a").click()
    assert_good(page, device)
    button = page.get_by_role("button", name="Done")
    assert button.bounding_box()["height"] >= 48
    page.locator("#note").fill("Looked, all is well")
    page.locator("#register_wh").fill("10.4")
    page.locator("#photo").set_input_files(
        {"name": "meter.png", "mimeType": "image/png", "buffer": console_staff.PNG}
    )
    button.click()
    page.wait_for_url("**/console/work/1/?request=*")
    aside(answer, "urja_pipeline")
    page.reload()
    expect(page.locator("#result-title + p + p")).to_have_text("Looked, all is well")
    expect(page.locator(".photos img")).to_have_count(1)
    assert_good(page, device)
