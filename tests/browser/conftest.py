"""A real server and a real browser. Debian's chromium, or the one that URJA_CHROMIUM names."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from tests.conftest import PASSWORD
from tests.web import house
from tests.web.fixtures import (  # noqa: F401 - fixtures
    AS_THE_WEB_ASKS,
    fake_town,
    home,
    house_template,
    staffed_template,
    town_books,
    town_template,
)

from urja.base.clock import Anchor, WallClock, write_anchor
from urja.base.settings import MailSettings

CHROMIUM = Path(os.environ.get("URJA_CHROMIUM", "/usr/bin/chromium"))
"""Read when this file is loaded: a test itself sees no URJA_* variable."""

PATIENCE_MS = 60_000
"""As long as a page may take on a machine that has much else to do."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a request, as a browser opens connections ahead; a thread takes over the database connection of one that ended."""

    daemon_threads = False

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._kept: SimpleQueue = SimpleQueue()

    def get_app(self):
        """The application, for a request that has come."""
        from django.db import connections

        try:
            connection = self._kept.get_nowait()
        except Empty:
            connection = connections.create_connection("default")
            connection.settings_dict = {**connection.settings_dict, "CONN_MAX_AGE": None}
            connection.inc_thread_sharing()
        connections["default"] = connection
        return super().get_app()

    def process_request_thread(self, request, client_address) -> None:
        from django.db import connections

        super().process_request_thread(request, client_address)
        for connection in connections.all(initialized_only=True):
            del connections["default"]
            self._kept.put(connection)

    def server_close(self) -> None:
        super().server_close()
        while not self._kept.empty():
            self._kept.get().close()


def aside(work: Callable[[], object], user: str = "urja_owner") -> None:
    """Do something with Django's database in a thread of its own, as another role than the server."""

    def run() -> None:
        from django.db import connections

        connection = connections["default"]
        connection.settings_dict = {**connection.settings_dict, "USER": user, "PASSWORD": PASSWORD}
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_args) -> None:
        pass


@dataclass(frozen=True)
class Site:
    """A running portal and the keys of the house in its database."""

    url: str
    home: house.House


@pytest.fixture
def site(home, tmp_path) -> Iterator[Site]:  # noqa: F811 - asks for the fixture
    """The portal on a port of its own, as a demonstration, in the rights of the web, with time standing still."""
    from django.db import connections
    from django.test import override_settings

    from urja.web.settings import web_settings

    anchor = tmp_path / "clock.json"
    write_anchor(anchor, Anchor(0.0, house.NOW.timestamp(), 0.0))
    connections.close_all()
    of_connection = connections["default"].settings_dict
    before = {name: of_connection[name] for name in ("USER", "OPTIONS")}
    of_connection.update(USER="urja_web", OPTIONS={**before["OPTIONS"], **AS_THE_WEB_ASKS})
    changed = {
        "URJA_CLOCK_ANCHOR": anchor,
        "URJA_DEMO": True,
        "MAILERS": web_settings(secure=False, demo=True, mail=MailSettings())["MAILERS"],
    }
    with override_settings(**changed):
        from urja.site.django.wsgi import application

        with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server:
            stopping = threading.Event()
            threads = [
                threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}),
                threading.Thread(target=_mail_codes, args=[stopping]),
            ]
            for thread in threads:
                thread.start()
            yield Site(f"http://127.0.0.1:{server.server_port}", home)
            server.shutdown()
            stopping.set()
            for thread in threads:
                thread.join()
    connections.close_all()
    of_connection.update(before)


def _mail_codes(stopping: threading.Event) -> None:
    """The pipeline's stage that mails sign-in codes, in its rights."""
    from django.db import connections

    from urja.pipeline.sign_in_codes import SignInCodes

    connection = connections["default"]
    connection.settings_dict = {**connection.settings_dict, "USER": "urja_pipeline"}
    stage = SignInCodes("Urja", WallClock())
    while not stopping.wait(0.1):
        stage.run_once(house.NOW)
    connection.close()


@pytest.fixture
def staff(staffed_template):  # noqa: F811 - asks for the fixture
    """Colleagues of every role; `town_books` is a town with them."""
    return staffed_template[1]


@contextmanager
def browsing() -> Iterator:
    """A browser; without one a test is skipped, and in CI it fails."""
    if not CHROMIUM.exists():
        message = f"no browser at {CHROMIUM}: install chromium or set URJA_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # Tests run as root in containers, where chromium's own sandbox cannot.
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def started_browser() -> Iterator[tuple]:
    """One browser for all tests of a worker, each of which has windows of its own; and the event loop of Playwright.

    The loop runs in this thread as long as the browser is driven, and is hidden between tests: Django refuses a thread that has
    one, and others start their own.
    """
    with browsing() as browser:
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)


@pytest.fixture
def chromium(started_browser) -> Iterator:
    """The browser: asked for after everything that talks to the database from this thread, which ends after it."""
    browser, loop = started_browser
    asyncio._set_running_loop(loop)
    yield browser
    asyncio._set_running_loop(None)
