"""Entry point of the web process: gunicorn around the WSGI application.

gunicorn reads requests in an event loop; a complete request is answered in one of `web.threads` threads. A slow client
holds a connection and no thread.
"""

import gc
import logging
import signal
from pathlib import Path
from typing import Any, Final

from a2wsgi import WSGIMiddleware
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from urja.apps.notices.config import channels_of
from urja.apps.payments.config import PaymentsConfig
from urja.base.clock import Clock
from urja.base.file_descriptors import connection_limit
from urja.base.process_secrets import WebSecrets
from urja.base.untyped_values import JsonObject
from urja.site.django import options as django_options
from urja.site.supervisor import child_launcher
from urja.site.supervisor.process import Start
from urja.site.supervisor.request_buffer import RequestBuffer
from urja.site.supervisor.town_address import town_socket
from urja.site.tls_certificate import CertificateFiles

CONNECTIONS: Final = 10_000
"""Connections per worker, as far as the system allows descriptors; the reverse proxy limits clients."""


class _Logger(Logger):
    """gunicorn's logger in the log format of all processes; requests are counted in metrics and not logged."""

    def setup(self, cfg: object) -> None:  # noqa: ARG002 - gunicorn's own signature
        self.error_log = logging.getLogger("gunicorn.error")
        self.access_log = logging.getLogger("gunicorn.access")
        self.access_log.disabled = True


def settle_garbage_collection() -> None:
    """Leave what is loaded now out of garbage collections, and collect less often."""
    # Loaded modules live as long as the process. A full garbage collection over them would delay every request
    # by a tenth of a second, and make each worker copy the pages that it shares with its master.
    gc.collect()
    gc.freeze()
    # What a request makes dies with it, nearly all without a collection: at Python's 2,000 they took 3 % of a page's time.
    gc.set_threshold(50_000)


class _Server(BaseApplication):
    def __init__(self, options: dict[str, object], threads: int) -> None:
        self._options = options
        self._threads = threads
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from urja.site.django.wsgi import application

        settle_garbage_collection()
        # a2wsgi and the server have their own names for the types of WSGI and ASGI.
        wsgi: Any = application
        asgi: Any = WSGIMiddleware(wsgi, workers=self._threads)
        return RequestBuffer(asgi)


def _die_with_the_master(server: Any, _worker: object) -> None:
    """Let a worker end with its master: otherwise it would keep the port that the next master needs."""
    child_launcher.die_with(server.pid, signal.SIGKILL)


def run_web(start: Start, secrets: WebSecrets, _clock: Clock) -> None:
    """Serve until SIGTERM; requests in progress are finished."""
    web = start.settings.web
    options = django_options.DjangoOptions(
        conninfo=secrets.database,
        secret_key=secrets.secret_key,
        utility=start.settings.utility.name,
        timezone=start.settings.utility.timezone,
        currency=start.settings.utility.currency,
        gas_emergency_number=start.settings.utility.gas_emergency_number,
        languages=start.settings.utility.languages,
        # The supervisor checks readiness with this host name.
        hosts=(*web.hosts, "localhost"),
        trusted_origins=web.trusted_origins,
        public_origin=web.public_origin,
        staff_second_factor=web.staff_second_factor,
        trusted_proxies=web.trusted_proxies,
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
    tls: JsonObject = {}
    if web.tls_certificate:
        # Loaded here: gunicorn would serve without TLS where its own hook fails.
        files = CertificateFiles(Path(web.tls_certificate), Path(web.tls_key))
        tls = {
            "certfile": web.tls_certificate,
            "keyfile": web.tls_key,
            "ssl_context": lambda _config, _default: files.context,
        }
    _Server(
        {
            "bind": f"{host}:{web.port}",
            "workers": web.workers,
            "worker_class": "asgi",
            "asgi_lifespan": "off",
            "preload_app": True,
            "forwarded_allow_ips": ",".join(web.trusted_proxies),
            "logger_class": _Logger,
            # Shorter than the supervisor's stop timeout: idle keep-alive connections are closed before it kills.
            "graceful_timeout": max(1, int(start.settings.supervisor.stop_timeout_s) - 2),
            "post_fork": _die_with_the_master,
            "proc_name": "urja web",
            "worker_tmp_dir": "/dev/shm",  # noqa: S108 - gunicorn's heartbeat file, unlinked at once
            "control_socket_disable": True,
            **tls,
        },
        web.threads,
    ).run()
