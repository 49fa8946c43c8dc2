"""A small house for the portal, and browsers without a window: Django's test client as the web's own role."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.web import house
from tests.web.fixtures import (  # noqa: F401 - fixtures
    AS_THE_WEB_ASKS,
    database_of,
    fake_town,
    home,
    house_template,
    town_books,
    town_template,
)

from urja.base.clock import Anchor, write_anchor


@pytest.fixture
def django(database_template):
    """Django is set up; nothing is asked of its database."""


@pytest.fixture(autouse=True)
def _in_english(request):
    """A request leaves its language behind in the thread; a test begins in English."""
    from django.utils import translation

    if "database_template" in request.fixturenames:
        translation.activate("en")


@pytest.fixture(autouse=True)
def _nothing_drawn(request):
    """Each test has a database of its own, in which the same ids are other accounts: no page is kept for the next."""
    if "database_template" in request.fixturenames:
        from urja.web.portal import views

        views._drawn.clear()


@pytest.fixture
def in_hindi(django):
    from django.utils import translation

    with translation.override("hi"):
        yield


@pytest.fixture
def standing_clock(django, tmp_path: Path):
    """Business time stands still at NOW."""
    from django.test import override_settings

    anchor = tmp_path / "clock.json"
    write_anchor(anchor, Anchor(0.0, house.NOW.timestamp(), 0.0))
    with override_settings(URJA_CLOCK_ANCHOR=anchor):
        yield


@pytest.fixture
def demo(django):
    """Messages go to the outbox, as in a demonstration."""
    from django.test import override_settings

    from urja.web.settings import web_settings

    with override_settings(URJA_DEMO=True, MAILERS=web_settings(secure=False, demo=True)["MAILERS"]):
        yield


@dataclass(frozen=True)
class Person:
    user_id: int
    email: str


@pytest.fixture
def person(database):
    """Somebody who can sign in and has no connection."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.create_user("asha", "asha@example.org")
    return Person(user.pk, user.email)


@pytest.fixture
def web_role(django):
    """From here on Django's connection is as the web server's: its rights and no more, its way of asking."""
    from django.db import connections

    connection = connections["default"]
    connection.close()
    settings = connection.settings_dict
    before = {name: settings[name] for name in ("USER", "OPTIONS")}
    settings.update(USER="urja_web", OPTIONS={**settings["OPTIONS"], **AS_THE_WEB_ASKS})
    yield
    connection.close()
    settings.update(before)


@pytest.fixture
def browser(web_role, standing_clock):
    """Makes clients; `language` is what the browser asks for, `user` is signed in without further ado."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    def make(*, language: str = "en", user_id: int | None = None, checks: bool = False) -> Client:
        client = Client(
            enforce_csrf_checks=checks,
            raise_request_exception=False,
            headers={"host": "localhost", "accept-language": language},
        )
        if user_id is not None:
            client.force_login(get_user_model().objects.get(pk=user_id))
        return client

    return make
