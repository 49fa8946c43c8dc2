"""The web server: gunicorn around the WSGI application, in a process that was told its secrets.

gunicorn reads requests in an event loop; one that is whole is answered in one of `web.threads` threads. Clients may be as
slow as they like: they hold a connection and no thread.
"""

import gc
import logging
import signal
from typing import Any, Final

from a2wsgi import WSGIMiddleware
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from urja.apps.notices.config import channels_of
from urja.apps.payments.config import PaymentsConfig
from urja.base.clock import Clock
from urja.base.file_descriptors import connection_limit
from urja.base.process_secrets import WebSecrets
from urja.site.django import options as django_options
from urja.site.supervisor import launch
from urja.site.supervisor.process import Start
from urja.site.supervisor.town_address import town_socket
from urja.site.supervisor.whole_requests import WholeRequests

CONNECTIONS: Final = 10_000
"""So many each worker has descriptors for, where the system lets it; to bound them is the reverse proxy's work."""


class _Logger(Logger):
    """gunicorn's messages in the form of everybody's log; requests are counted, not logged line by line."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - gunicorn's own signature
        self.error_log = logging.getLogger("gunicorn.error")
        self.access_log = logging.getLogger("gunicorn.access")
        self.access_log.disabled = True


class _Server(BaseApplication):
    def __init__(self, options: dict[str, Any], threads: int) -> None:
        self._options = options
        self._threads = threads
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from urja.site.django.wsgi import application

        # What is loaded stays as long as the process: a full collection that walked it would hold up every request
        # for a tenth of a second, and have each worker copy the pages that it shares with its master.
        gc.collect()
        gc.freeze()
        # a2wsgi and the server have their own names for the types of WSGI and ASGI.
        wsgi: Any = application
        asgi: Any = WSGIMiddleware(wsgi, workers=self._threads)
        return WholeRequests(asgi)


def _die_with_the_master(server: Any, _worker: Any) -> None:
    """A worker that outlives its master would go on answering on the port that the next master needs."""
    launch.die_with(server.pid, signal.SIGKILL)


def run_web(start: Start, secrets: WebSecrets, _clock: Clock) -> None:
    """Serve until told to stop; requests in progress are finished."""
    web = start.settings.web
    options = django_options.DjangoOptions(
        conninfo=secrets.database,
        secret_key=secrets.secret_key,
        timezone=start.settings.utility.timezone,
        currency=start.settings.utility.currency,
        # The supervisor asks after readiness by this name.
        hosts=(*web.hosts, "localhost"),
        trusted_origins=web.trusted_origins,
        public_origin=web.public_origin,
        staff_second_factor=web.staff_second_factor,
        trusted_proxies=web.trusted_proxies,
        mail=start.settings.mail,
        channels=channels_of(start.settings.messages),
        secure=web.secure,
        demo=start.demo,
        town_control=town_socket(start.data_directory) if start.demo else None,
        clock_anchor=start.data_directory.clock,
        payments=PaymentsConfig.of(start.settings.payments),
        prepared=True,
    )
    django_options.setup(options)
    connection_limit(CONNECTIONS)
    host = f"[{web.host}]" if ":" in web.host else web.host
    _Server(
        {
            "bind": f"{host}:{web.port}",
            "workers": web.workers,
            "worker_class": "asgi",
            "asgi_lifespan": "off",
            "preload_app": True,
            "forwarded_allow_ips": ",".join(web.trusted_proxies),
            "logger_class": _Logger,
            # Before the supervisor loses patience: connections that are kept open are not waited for longer.
            "graceful_timeout": max(1, int(start.settings.supervisor.stop_timeout_s) - 2),
            "post_fork": _die_with_the_master,
            "proc_name": "urja web",
            "worker_tmp_dir": "/dev/shm",  # noqa: S108 - gunicorn's heartbeat file, unlinked at once
            "control_socket_disable": True,
        },
        web.threads,
    ).run()
