"""A consumer's session, in a thief's hands, opens what is that consumer's and nothing else.

Every address of the web server is tried, as the resolver names them: a page that is added later is tried too.
"""

from collections.abc import Iterator

import pytest
from tests.web import conftest, fixtures

django, standing_clock, web_role, browser = (
    conftest.django,
    conftest.standing_clock,
    conftest.web_role,
    conftest.browser,
)
house_template, home, database_of = fixtures.house_template, fixtures.home, fixtures.database_of

VICTIM = ("Neem Street", "asha@example.org")
"""What only pages of the victim's account say."""
OPEN_TO_ALL = {
    "account_login", "account_signup", "account_request_login_code", "account_confirm_login_code", "account_inactive",
    "account_logout", "account_reauthenticate", "healthz", "readyz", "metrics", "set_language", "manifest", "payments-hook",
    "notices-hook", "portal:address-confirm", "portal:address-refuse", "portal:manifest", "portal:returned", "account_code_sending",
}  # fmt: skip
"""Addresses that answer every visitor, and say nothing of any person."""
DESCRIBED = {"api:reference", "api:openapi", "api:docs"}
"""The description of the API, with examples of its own."""
VALUES = {"level": "feeder", "code": "F1", "word": "x" * 43, "release_id": "x", "kind": "move_in", "pk": "1"}


def addresses(**known: object) -> Iterator[tuple[str, str]]:
    """Each named address with values in its places: `known`, else any number that is there."""
    from django.urls import URLPattern, get_resolver

    def walk(patterns, prefix: str, space: str):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                places = {name: known.get(name, VALUES.get(name, "1")) for name in pattern.pattern.converters}
                for name, converter in pattern.pattern.converters.items():
                    route = route.replace(f"<{_kind(converter)}:{name}>", str(places[name]))
                yield f"{space}{pattern.name}", "/" + route.lstrip("/")
            else:
                yield from walk(
                    pattern.url_patterns, route, f"{pattern.namespace}:" if pattern.namespace else space
                )

    yield from walk(get_resolver().url_patterns, "", "")


def _kind(converter: object) -> str:
    from django.urls.converters import get_converters

    return next(
        name for name, one in get_converters().items() if one is converter or type(one) is type(converter)
    )


@pytest.fixture
def thief(home, browser):
    return browser(user_id=home.outsider_id)


def test_no_address_shows_the_victim_s_account_to_another_consumer(home, thief):
    tried = 0
    for name, address in addresses(account_id=home.account_id, seq=5):
        if name in DESCRIBED:
            continue
        for answer in (thief.get(address), thief.post(address, {"rupees": "100"})):
            shown = answer.content.decode("utf-8", "replace")
            assert not any(word in shown for word in VICTIM), (name, address)
            if name == "portal:returned":
                # It answers alike for every order; the page that it leads to refuses.
                assert answer.status_code == 303
                assert thief.get(answer.headers["Location"]).status_code == 404
                continue
            if address.startswith(f"/accounts/{home.account_id}/"):
                tried += 1
                assert answer.status_code in (403, 404, 405), (name, address, answer.status_code)
    assert tried >= 20


def test_the_thief_s_own_account_leads_to_no_posting_or_order_of_another(home, thief, database_of):
    with database_of("urja_owner") as connection:
        (own,) = connection.execute(
            "SELECT a.account_id FROM identity_account_access a JOIN people_person p ON p.id = a.person_id"
            " WHERE p.user_id = %s",
            [home.outsider_id],
        ).fetchone()
        connection.execute(
            "INSERT INTO payments_order (id, account_id, amount_minor, currency, provider, state, correlation, created_at,"
            " asked, last_error) VALUES (77, %s, 10000, 'INR', 'razorpay', 'created', 1, now(), 0, '')",
            [home.account_id],
        )
    for address in ("orders/77/", "orders/77/live/", "orders/77/go/", "entries/500/", "entries/500/proof/"):
        for answer in (
            thief.get(f"/accounts/{own}/{address}"),
            thief.post(f"/accounts/{own}/{address}"),
        ):
            assert answer.status_code in (404, 405), (address, answer.status_code)
    assert thief.get(f"/accounts/{own}/").status_code == 200


def test_a_consumer_s_session_opens_nothing_where_people_work(home, thief):
    for name, address in addresses(account_id=home.account_id):
        if not name.startswith(("console:", "town:")):
            continue
        for answer in (thief.get(address), thief.post(address, {})):
            assert answer.status_code in (302, 400, 403, 404, 405), (name, answer.status_code)
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith(("/sign-in/", "/")), name
                assert "console" not in answer.headers["Location"].partition("?")[0], name


def test_a_consumer_s_session_asks_the_api_for_its_own_balance_alone(home, thief):
    opened = {
        name
        for name, address in addresses(account_id=home.account_id)
        if name.startswith("api:") and thief.get(address).status_code == 200
    }
    assert opened <= DESCRIBED, "only the description of the API is for everybody"


def test_what_a_session_reads_of_the_api_stays_on_no_device(home, browser):
    answer = browser(user_id=home.owner_id).get(f"/api/v1/accounts/{home.account_id}/balance")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")


def test_without_a_session_only_the_door_opens(home, browser):
    stranger = browser()
    for name, address in addresses(account_id=home.account_id, seq=5):
        answer = stranger.get(address)
        if name in OPEN_TO_ALL or name.startswith("api:"):
            continue
        assert answer.status_code in (302, 401, 403, 404, 405), (name, answer.status_code)
        assert not any(word in answer.content.decode("utf-8", "replace") for word in VICTIM), name
