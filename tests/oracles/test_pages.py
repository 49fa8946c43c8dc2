"""The pages of a fixed cast, found by following every link from where each of them begins."""

import re
from collections import Counter, deque
from collections.abc import Collection
from urllib.parse import urljoin, urlsplit

import pytest
from tests.apps import town as town_rows
from tests.apps.payments.cast import config
from tests.oracles.outline import normal, outline
from tests.web import console_staff, town_cast
from tests.web.conftest import (  # noqa: F401 - fixtures
    _in_english,
    at_noon,
    browser,
    colleague,
    connected_as,
    demo,
    django,
    someone,
    staff,
    standing_clock,
    web_role,
)
from tests.web.fixtures import (  # noqa: F401 - fixtures
    fake_town,
    home,
    house_template,
    staffed_template,
    town_books,
    town_template,
)

LINK = re.compile(r'(?:href|hx-get|action)="(/[^"#]*)')
MOST = 2
"""Pages of one address that differ by their keys alone."""
HEADERS = (
    "Cache-Control", "Content-Security-Policy", "Content-Type", "Referrer-Policy", "Vary", "X-Frame-Options",
)  # fmt: skip
ROLES = (
    "clerk",
    "administrator",
    "field_engineer",
    "control_room",
    "revenue_officer",
    "auditor",
    "fitter_north",
)
UNASKED = {"sign-out", "language", "metrics"}
ONE_OPERATION = re.compile(r"console\.operations\.(?!txt)")


def route_of(address: str) -> str:
    """The address without what is of one row alone."""
    path, _, query = address.partition("?")
    named = re.sub(r"\d+", "N", path).strip("/").replace("/", ".") or "home"
    return "+".join((named, *sorted({part.split("=")[0] for part in query.split("&")} if query else ())))


def shown(answer) -> str:
    """An answer as an outline with its status and headers."""
    head = [f"{answer.status_code} {answer.headers.get('Location', '')}".strip()]
    head += [f"{one}: {answer.headers[one]}" for one in HEADERS if one in answer.headers]
    return normal("\n".join((*head, "", outline(html_of(answer))))) + "\n"


def html_of(answer) -> str:
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    return answer.content.decode() if is_page else ""


def pages(client, *starts: str, known: Collection[str] = ()) -> dict[str, str]:
    """The pages that links lead to, by name; without those of `known` names."""
    found: dict[str, str] = {}
    waiting, seen, counted = deque(starts), set(starts), Counter()
    while waiting:
        address = waiting.popleft()
        route = route_of(address)
        if counted[route] >= (1 if "+" in route else MOST) or f"{route}.txt" in known or route in UNASKED:
            continue
        counted[route] += 1
        answer = client.get(address)
        found[f"{route}.txt" if counted[route] == 1 else f"{route}~{counted[route]}.txt"] = shown(answer)
        for link in LINK.findall(html_of(answer)):
            to = urljoin(address, link.replace("&amp;", "&"))
            if to not in seen and not urlsplit(to).path.startswith(("/static/", "/api/")):
                seen.add(to)
                waiting.append(to)
    return found


@pytest.mark.parametrize("language", ["en", "hi"])
def test_portal(oracles, home, browser, demo, language):  # noqa: F811
    oracles({f"pages/portal-{language}": pages(browser(user_id=home.owner_id, language=language), "/")})


def test_portal_of_a_landlord(oracles, home, browser):  # noqa: F811
    oracles({"pages/portal-landlord": pages(browser(user_id=home.landlord_id), "/")})


@pytest.mark.parametrize("language", ["en", "hi"])
def test_paying(oracles, home, browser, language):  # noqa: F811
    """Under a policy and with a gateway that does not answer: the amounts, and an order that waits to be placed."""
    from django.test import override_settings

    from urja.usecases.policies import load_bundled_policy

    with connected_as("urja_owner"):
        load_bundled_policy("plain.toml", recorded_at=town_rows.START, actor="test")
    client, pay = browser(user_id=home.owner_id, language=language), f"/accounts/{home.account_id}/pay/"
    with override_settings(URJA_PAYMENTS=config("http://127.0.0.1:9")):
        found = {
            "home.txt": shown(client.get("/")),
            "pay.txt": shown(client.get(pay)),
            "amount.txt": shown(client.get(f"{pay}?rupees=500")),
            "wrong.txt": shown(client.post(pay, {"rupees": "0"})),
            "order.txt": shown(client.get(client.post(pay, {"rupees": "500"}).headers["Location"])),
        }
    oracles({f"pages/paying-{language}": found})


def test_without_signing_in(oracles, home, browser, demo):  # noqa: F811
    client = browser()
    found = pages(client, "/", "/sign-in/", "/sign-in/closed/", "/console/", "/nowhere/", "/healthz")
    client.post("/sign-in/", {"email": "asha@example.org"})
    found["code.txt"] = shown(client.get("/sign-in/code/"))
    found["wrong-code.txt"] = shown(client.post("/sign-in/code/", {"code": "000000"}))
    oracles({"pages/visitor": found})


def test_console(oracles, colleague):  # noqa: F811
    """Of each operation's form once, by the first who has it."""
    starts = ("/console/", "/console/connections/URJ00000002/", "/console/search/?q=neem")
    known: set[str] = set()
    found = {}
    for role in ROLES:
        found[f"pages/console-{role}"] = pages(colleague(role), *starts, known=known)
        known |= {name for name in found[f"pages/console-{role}"] if ONE_OPERATION.match(name)}
    oracles(found)


def test_console_in_hindi(oracles, colleague):  # noqa: F811
    """All but the forms, of which there is one."""
    found = pages(colleague("clerk", "hi"), "/console/", "/console/connections/URJ00000002/")
    room = colleague("control_room", "hi")
    oracles({"pages/control-room-hi": {"console.txt": shown(room.get("/console/"))}})
    main = {name: text for name, text in found.items() if not ONE_OPERATION.match(name) or "move_in" in name}
    oracles({"pages/console-hi": main})


def test_an_operation(oracles, colleague, monkeypatch):  # noqa: F811
    """From an empty form and a wrong one to the effects, and to what was done."""
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.0)
    clerk, form = colleague("clerk"), "/console/operations/change_load/"
    asked = {"consumer_number": "URJ00000001", "effective_on": "2026-03-05", "sanctioned_load_w": "4"}
    found = {
        "empty.txt": shown(clerk.post(form, {})),
        "wrong.txt": shown(clerk.post(form, asked | {"effective_on": "x"})),
    }
    request = clerk.post(form, asked).headers["Location"]
    for name in ("effects", "done"):
        found[f"{name}-awaited.txt"] = shown(clerk.get(request))
        console_staff.answer_requests()
        found[f"{name}.txt"] = shown(clerk.get(request))
        if name == "effects":
            request = clerk.post(f"{request}do/").headers["Location"]
    oracles({"pages/operation": found})


@pytest.mark.parametrize("language", ["en", "hi"])
def test_town(oracles, fake_town, web_role, language, monkeypatch):  # noqa: F811
    from django.test import Client

    from urja.web.town import views

    monkeypatch.setattr(views, "_turn", lambda: 1)
    client = Client(headers={"host": "localhost", "accept-language": language})
    found = pages(client, "/town/", "/town/decode/", f"/town/houses/{town_cast.DARK}/")
    oracles({f"pages/town-{language}": found})


WRITTEN = '<ul class="a b" id=x><li>One<li>Two <b>words</b></ul><img src="/s.css?v=0123456789ab" alt>'


def test_how_a_page_is_written_makes_no_difference():
    otherwise = '<ul id="x"\n  class="b  a">\n <li>One</li>\n <li>Two\n<b>words</b></li>\n</ul>\n<img alt src="/s.css?v=ba9876543210"/>'
    assert normal(outline(otherwise)) == normal(outline(WRITTEN))


@pytest.mark.parametrize(
    ("old", "new"),
    [("One", "one"), ("a b", "a c"), ("<b>words</b>", "words"), ("/s.css", "/t.css"), ("alt", 'alt="x"')],
)
def test_what_a_page_says_makes_one(old, new):
    assert normal(outline(WRITTEN.replace(old, new))) != normal(outline(WRITTEN))
