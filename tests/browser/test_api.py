"""The API's reference in a real browser: read by phone and at a desk, by day and by night, without a key."""

import pytest
from tests.browser.test_portal import AXE, Device, open_page  # noqa: F401 - a fixture

DEVICES = [
    Device(320, "en", "dark", True),
    Device(390, "hi", "light", False),
]


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: "-".join(map(str, device)))
def test_the_reference(open_page, site, device):  # noqa: F811
    page = open_page(device)
    page.goto("/api/v1/")
    # It is for who writes programs, and in English for everybody.
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("#service-points h3").inner_text() == "GET /api/v1/service-points"
    page.locator("#service-points details summary").first.click()
    assert page.locator("#service-points details pre").first.is_visible()
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor") if device.script else None
    if device.script:
        serious = [
            (violation["id"], [node["html"] for node in violation["nodes"]])
            for violation in AXE.run(page).response["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
        assert serious == []
        assert page.evaluate("document.documentElement.scrollWidth") <= device.width
        assert colour == ("rgb(20, 24, 27)" if device.scheme == "dark" else "rgb(255, 255, 255)")
