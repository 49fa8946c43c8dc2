"""The console on a port of its own, in the rights of the web, at the town's own time, and cookies of colleagues."""

import threading
from contextlib import contextmanager
from wsgiref.simple_server import make_server

from tests.browser.conftest import _Quiet, _Server
from tests.web import signed_in, town_cast
from tests.web.fixtures import AS_THE_WEB_ASKS

from urja.base.clock import Anchor, write_anchor


class Site:
    """A running console, and cookies of colleagues by what they are."""

    def __init__(self, url, cookies):
        self.url = url
        self.cookies = cookies


@contextmanager
def running_console(staff, tmp_path):
    from django.db import connections
    from django.test import Client, override_settings

    anchor = tmp_path / "clock.json"
    write_anchor(anchor, Anchor(0.0, town_cast.NOW.timestamp(), 0.0))
    cookies = {}
    for role, user_id in staff.users.items():
        client = Client()
        signed_in.sign_in(client, user_id)
        cookies[role] = client.cookies["sessionid"].value
    connections.close_all()
    of_connection = connections["default"].settings_dict
    before = {name: of_connection[name] for name in ("USER", "OPTIONS")}
    of_connection.update(USER="urja_web", OPTIONS={**before["OPTIONS"], **AS_THE_WEB_ASKS})
    from urja.site.django.wsgi import application

    with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server:
        # A browser binds passkeys to a name, not to an address.
        url = f"http://localhost:{server.server_port}"
        with override_settings(URJA_CLOCK_ANCHOR=anchor, URJA_PUBLIC_ORIGIN=url):
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            yield Site(url, cookies)
            server.shutdown()
            thread.join()
    connections.close_all()
    of_connection.update(before)


def as_colleague(page, site, role):
    """Sign a window in as a colleague."""
    page.context.add_cookies([{"name": "sessionid", "value": site.cookies[role], "url": site.url}])
