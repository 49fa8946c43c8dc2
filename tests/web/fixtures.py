"""Fixtures that the portal's tests with and without a browser share."""

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from tests.conftest import PASSWORD, Database, copied, copy_of, pointed_at
from tests.web import console_staff, house, signed_in, town_cast

from urja.base.clock import Anchor, write_anchor
from urja.site.supervisor.postgres import Cluster

AS_THE_WEB_ASKS = {"server_side_binding": True, "prepare_threshold": 0}
"""Prepared from the first time on (`DjangoOptions.prepared`), so that the tests see each statement so."""

_numbers = itertools.count(1)


def built[T](cluster: Cluster, template: str, build: Callable[[Database], T]) -> tuple[str, T]:
    """The name of a copy in which something is built and everybody is signed in, and the keys of the rows made."""
    made = copied(cluster, template)
    with pointed_at(made):
        keys = build(made)
        signed_in.open_sessions()
    return made.name, keys


@pytest.fixture(scope="session")
def house_template(postgres, database_template) -> tuple[str, house.House]:
    """A database with the house in it, built once a worker; its name, and the keys of the rows made."""
    return built(postgres, database_template, lambda made: house.build(made.connect))


@pytest.fixture
def home(postgres, house_template) -> Iterator[house.House]:
    """The house in a database of this test alone; Django looks at it."""
    template, keys = house_template
    with copy_of(postgres, template):
        yield keys


@pytest.fixture
def database_of(postgres, home):
    """Connections to the home's database, by role."""
    from django.db import connections

    name = connections["default"].settings_dict["NAME"]

    def connect(role: str) -> psycopg.Connection:
        return psycopg.connect(postgres.conninfo(dbname=name, user=role, password=PASSWORD), autocommit=True)

    return connect


@pytest.fixture(scope="session")
def town_template(postgres, database_template) -> tuple[str, town_cast.Cast]:
    """A database with the town in it, built once a worker; its name, and the keys of the rows made."""
    return built(postgres, database_template, lambda made: town_cast.build(made.connect))


@pytest.fixture(scope="session")
def staffed_template(postgres, town_template) -> tuple[str, console_staff.Staff]:
    """The town's database with colleagues of every role, built once a worker; its name, and their users."""
    template, cast = town_template
    return built(postgres, template, lambda _made: console_staff.hire(cast))


@pytest.fixture
def town_books(request, postgres, town_template) -> Iterator[town_cast.Cast]:
    """The town in a database of this test alone, with its staff if the test asks for `staff`; Django looks at it."""
    template, cast = town_template
    if "staff" in request.fixturenames:
        template, _staff = request.getfixturevalue("staffed_template")
    with copy_of(postgres, template):
        yield cast


@pytest.fixture
def fake_town(short_tmp, town_books) -> Iterator[town_cast.FakeTown]:
    """A control that answers as the town would; the pages look there, at the town's own time."""
    from django.test import override_settings

    from urja.web.town import views

    views._rendered.clear()
    number = next(_numbers)
    anchor = short_tmp / f"town{number}.json"
    write_anchor(anchor, Anchor(0.0, town_cast.NOW.timestamp(), 0.0))
    with (
        town_cast.running(short_tmp / f"town{number}.sock") as fake,
        override_settings(URJA_DEMO=True, URJA_TOWN_CONTROL=fake.path, URJA_CLOCK_ANCHOR=anchor),
    ):
        yield fake
