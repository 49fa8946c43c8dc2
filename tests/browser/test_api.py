"""The API's reference in a real browser: read by phone and at a desk, by day and by night, without a key."""

from tests.browser.test_portal import AXE, Device, open_page  # noqa: F401 - a fixture
from tests.one_setup import with_one_setup

CONTRAST = "color-contrast"
MARK_LOOKS = """() => {
    const looks = new Map(), seen = new Set();
    for (const one of document.querySelectorAll("body, body *")) {
        const style = getComputedStyle(one);
        const own = [style.color, style.background, style.font, style.opacity, style.textShadow, style.position];
        const look = [looks.get(one.parentElement), one.tagName, one.className, ...own].join();
        looks.set(one, look);
        const says = [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
        if (says && one.checkVisibility() && !seen.has(look)) {
            seen.add(look);
            one.dataset.look = "";
        }
    }
    return seen.size;
}"""
"""Marks the first visible text of each look: what it and all around it are, with their colours and fonts."""

DEVICES = [
    Device(320, "en", "dark", True),
    Device(390, "hi", "light", False),
]


@with_one_setup("device", DEVICES)
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
        assert serious(page, {"rules": {CONTRAST: {"enabled": False}}}) == []
        # Thousands of texts have a few dozen looks: the contrast of each is calculated once.
        assert page.evaluate(MARK_LOOKS) > 10
        assert serious(page, {"runOnly": {"type": "rule", "values": [CONTRAST]}}, "[data-look]") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= device.width
        assert colour == ("rgb(20, 24, 27)" if device.scheme == "dark" else "rgb(255, 255, 255)")


def serious(page, options, context=None):
    """What axe finds to be serious or critical, with its nodes, in the whole page or in what `context` selects."""
    found = AXE.run(page, context, {"resultTypes": ["violations"], **options}).response["violations"]
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in found
        if violation["impact"] in {"serious", "critical"}
    ]
