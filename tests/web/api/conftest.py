"""A society, a house elsewhere, people of every role, and the stage that answers what they ask for."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from tests.conftest import PASSWORD, copy_of
from tests.web import house
from tests.web.api import cast
from tests.web.fixtures import built


@pytest.fixture(scope="session")
def society_template(postgres, database_template):
    """A database with the society in it, built once a worker; its name, and the keys of the rows made."""
    return built(postgres, database_template, lambda made: cast.build(made.connect))


@pytest.fixture
def society(postgres, society_template):
    """The society in a database of this test alone; Django looks at it."""
    from urja.web.api.views import LIMITS

    template, keys = society_template
    with copy_of(postgres, template):
        LIMITS.clear()
        yield keys


@pytest.fixture
def owner_of(postgres, society):
    """A connection as the owner of the tables."""
    from django.db import connections

    name = connections["default"].settings_dict["NAME"]
    conninfo = postgres.conninfo(dbname=name, user="urja_owner", password=PASSWORD)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


@dataclass
class Api:
    """A program with a key."""

    key: str
    client: object
    headers: dict = field(default_factory=dict)

    def __call__(self, method, path, body=None, **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {} if body is None else {"data": body if isinstance(body, bytes) else json.dumps(body)}
        return self.client.generic(
            method,
            f"/api/v1{path}",
            content_type="application/json" if body is not None else "",
            headers={"authorization": f"Bearer {self.key}", **given},
            **content,
        )

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, kind, body, key="k1", query="", **headers):
        return self("POST", f"/operations/{kind}{query}", body, idempotency_key=key, **headers)


@pytest.fixture
def api(society, web_role, standing_clock):
    """Makes programs of what a key is for, a role of the cast or a user: with the one of the cast, or one of its own."""
    from django.test import Client

    def make(who, *, own=False, **changes):
        client = Client(raise_request_exception=False, headers={"host": "localhost"})
        of_the_cast = None if own or changes else society.keys.get(who)
        return Api(of_the_cast or as_owner(lambda: cast.key(who, **changes)), client)

    return make


def aside(user, work):
    """Something on Django's database in a thread of its own, as a role that is not the web's."""
    from django.db import connections

    connection = connections["default"]
    connection.settings_dict = {**connection.settings_dict, "USER": user, "PASSWORD": PASSWORD}
    try:
        return work()
    finally:
        connection.close()


def as_owner(work):
    told = []
    thread = threading.Thread(target=lambda: told.append(aside("urja_owner", work)))
    thread.start()
    thread.join()
    return told[0]


@contextmanager
def answering():
    """The stage `register` at work, as the pipeline's process runs it."""
    from urja.pipeline.register import run_once as answer_requests

    stop = threading.Event()

    def run():
        while not stop.wait(0.02):
            answer_requests(house.NOW)

    thread = threading.Thread(target=lambda: aside("urja_pipeline", run))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def stage(api):
    """What is asked for is answered."""
    with answering():
        yield
