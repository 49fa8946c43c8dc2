"""The console's pages of the registry in a real browser, at a desk and in a hand."""

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import aside
from tests.browser.running_console import as_colleague, running_console
from tests.browser.test_portal import Device, assert_good, open_page  # noqa: F401 - fixture
from tests.one_setup import with_one_setup
from tests.web import console_staff, town_cast

DEVICES = [
    Device(390, "en", "light", False),
    Device(390, "hi", "dark", True),
    Device(1440, "en", "dark", True),
]


@pytest.fixture
def site(staff, town_books, tmp_path):
    with running_console(staff, tmp_path) as site:
        yield site


def answer():
    from urja.pipeline.register import run_once as answer_requests

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


@with_one_setup("device", DEVICES[1:])
def test_the_longest_menu_takes_one_row_and_shows_the_page_that_is_open(open_page, site, device):  # noqa: F811
    page = open_page(device)
    as_colleague(page, site, "control_room")
    for address in ("/console/", "/console/search/", "/console/approvals/", "/console/subsidy-claims/"):
        page.goto(address)
        entries = page.locator(".pages li")
        expect(entries).to_have_count(11)
        tops = entries.evaluate_all("found => found.map(one => one.getBoundingClientRect().top)")
        assert len(set(tops)) == 1
        expect(page.locator(".pages [aria-current]")).to_be_in_viewport(ratio=1)
        assert_good(page, device)


def test_a_fitter_closes_an_order_on_a_telephone(open_page, site):  # noqa: F811
    device = DEVICES[0]
    page = open_page(device)
    as_colleague(page, site, "fitter_north")
    page.goto("/console/work/")
    assert_good(page, device)
    page.locator(".choices a").click()
    assert_good(page, device)
    button = page.get_by_role("button", name="Close the work order")
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


@pytest.mark.parametrize("device", DEVICES[:2], ids=lambda device: "-".join(map(str, device)))
def test_meters_are_read_and_their_answers_come_by_themselves(open_page, site, device):  # noqa: F811
    from tests.web.test_console_meter_jobs import led

    page = open_page(device)
    as_colleague(page, site, "clerk")
    page.goto("/console/operations/read_meters/")
    page.locator("#meters").fill("URJ00000001\nURJ00000002\nNONE")
    page.locator("#good_rows_only").check()
    page.locator("#reason").fill("a complaint")
    assert_good(page, device)
    page.locator(".asked button").click()
    page.wait_for_url("**/console/requests/*/")
    aside(answer, "urja_pipeline")
    page.reload()
    page.locator("form[action$='/do/'] button").click()
    page.wait_for_url("**/console/requests/*/")
    aside(answer, "urja_pipeline")
    page.reload()
    page.locator("#done-title ~ .row a.button").click()
    expect(page.locator("progress")).to_have_attribute("value", "1")
    assert_good(page, device)
    aside(lambda: led(URJ00000002="expired"), "urja_pipeline")
    if not device.script:
        page.reload()
    expect(page.locator("progress")).to_have_attribute("value", "3")
    page.locator("summary").click()
    expect(page.locator(".task table td").nth(1)).to_have_text("231.50")
    assert_good(page, device)
    page.goto("/console/meter-jobs/")
    assert_good(page, device)


@pytest.mark.parametrize("device", DEVICES[:2], ids=lambda device: "-".join(map(str, device)))
def test_payment_modes_are_changed_and_followed(open_page, site, device):  # noqa: F811
    from tests.web.test_console_mode_changes import converted

    page = open_page(device)
    as_colleague(page, site, "revenue_officer")
    page.goto("/console/operations/change_modes/")
    page.locator("#payment_mode").select_option("postpaid")
    page.locator("#effective_on").fill("2026-03-02")
    page.locator("#consumer_numbers").fill("URJ00000001\nURJ00000003\nNONE")
    page.locator("#good_rows_only").check()
    page.locator("#reason").fill("ordered")
    assert_good(page, device)
    page.locator(".asked button").click()
    page.wait_for_url("**/console/requests/*/")
    aside(answer, "urja_pipeline")
    page.reload()
    assert_good(page, device)
    page.locator("form[action$='/do/'] button").click()
    page.wait_for_url("**/console/requests/*/")
    aside(answer, "urja_pipeline")
    page.reload()
    page.locator("#done-title ~ .row a.button").click()
    expect(page.locator("progress")).to_have_attribute("value", "1")
    assert_good(page, device)
    aside(converted, "urja_pipeline")
    if not device.script:
        page.reload()
    expect(page.locator("progress")).to_have_attribute("value", "3")
    expect(page.locator(".task .of-done")).to_have_count(2)
    assert_good(page, device)
    page.goto("/console/mode-changes/")
    assert_good(page, device)
