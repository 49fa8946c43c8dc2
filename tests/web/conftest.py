"""A small house for the portal, and browsers without a window: Django's test client as the web's own role."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.conftest import PASSWORD
from tests.web import console_staff, house, signed_in, town_cast
from tests.web.fixtures import (  # noqa: F401 - fixtures
    AS_THE_WEB_ASKS,
    database_of,
    fake_town,
    home,
    house_template,
    staffed_template,
    town_books,
    town_template,
)

from urja.base.clock import Anchor, write_anchor
from urja.base.settings import MailSettings


@pytest.fixture
def django(database_template):
    """Django is set up; nothing is asked of its database."""


@pytest.fixture(autouse=True)
def _in_english(request):
    """A request leaves its language behind in the thread; a test begins in English."""
    from django.utils import translation

    if "database_template" in request.fixturenames:
        translation.activate("en")


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

    with override_settings(
        URJA_DEMO=True, MAILERS=web_settings(secure=False, demo=True, mail=MailSettings())["MAILERS"]
    ):
        yield


@contextmanager
def connected_as(role: str):
    """Django's connection is another role's for a while."""
    from django.db import connection

    connection.close()
    before, connection.settings_dict["USER"] = connection.settings_dict["USER"], role
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = before


@dataclass(frozen=True)
class Person:
    user_id: int
    email: str


@pytest.fixture
def person(database):
    """A person who can sign in and has no supply."""
    from django.contrib.auth import get_user_model

    with connected_as("urja_owner"):
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
    from django.test import Client

    def make(*, language: str = "en", user_id: int | None = None, checks: bool = False) -> Client:
        client = Client(
            enforce_csrf_checks=checks,
            raise_request_exception=False,
            headers={"host": "localhost", "accept-language": language},
        )
        if user_id is not None:
            signed_in.sign_in(client, user_id)
        return client

    return make


@pytest.fixture
def at_noon(town_books, tmp_path):  # noqa: F811 - asks for the fixture
    """The control room at the town's own time, nothing drawn yet."""
    from django.test import override_settings

    from urja.base.clock import Anchor, write_anchor
    from urja.web.console import views

    views._drawn.clear()
    anchor = tmp_path / "clock.json"
    write_anchor(anchor, Anchor(0.0, town_cast.NOW.timestamp(), 0.0))
    with override_settings(URJA_CLOCK_ANCHOR=anchor):
        yield town_books


@pytest.fixture
def someone(at_noon, web_role):
    """Makes browsers of people, in the rights of the web."""
    from django.test import Client

    def make(user_id=None, language="en"):
        client = Client(headers={"host": "localhost", "accept-language": language})
        if user_id is not None:
            signed_in.sign_in(client, user_id)
        return client

    return make


@pytest.fixture
def database_of_town(postgres, town_books):  # noqa: F811
    """Connections to the town's database, by role."""
    from django.db import connections

    name = connections["default"].settings_dict["NAME"]

    def connect(role):
        return psycopg.connect(postgres.conninfo(dbname=name, user=role, password=PASSWORD), autocommit=True)

    return connect


@pytest.fixture
def staff(at_noon, staffed_template):  # noqa: F811
    """Colleagues of every role."""
    _name, hired = staffed_template
    return console_staff.Staff(dict(hired.users))


@pytest.fixture
def colleague(staff, someone):
    """Makes browsers of colleagues by what they are."""

    def make(role, language="en"):
        return someone(staff[role], language)

    return make
