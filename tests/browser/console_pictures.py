"""Take the documents' pictures of the console again, of the tests' town. It is no test, and is run by its name:

uv run --group test pytest -n0 tests/browser/console_pictures.py
"""

from pathlib import Path

import pytest
from tests.browser.conftest import browsing
from tests.browser.running_console import as_colleague, running_console

OUT = Path(__file__).parents[2] / "docs" / "img"
DESK, PHONE = {"width": 1200, "height": 800}, {"width": 390, "height": 844}
PICTURES = {
    "console": ("control_room", "/console/", DESK),
    "service-point": ("clerk", "/console/connections/URJ00000001/", DESK),
    "network": ("clerk", "/console/trees/transformer/T1/", DESK),
    "society-form": ("clerk", "/console/operations/set_up_society/", DESK),
    "counter": ("clerk", "/console/counter/", DESK),
    "work-orders": ("field_engineer", "/console/work/", PHONE),
}


@pytest.fixture
def site(staff, town_books, tmp_path):
    with running_console(staff, tmp_path) as site:
        yield site


def test_pictures(site):
    with browsing() as browser:
        for name, (role, address, size) in PICTURES.items():
            page = browser.new_page(viewport=size, base_url=site.url, locale="en-IN", reduced_motion="reduce")
            as_colleague(page, site, role)
            page.goto(address)
            page.locator("h1").wait_for()
            page.screenshot(path=OUT / f"{name}.png")
