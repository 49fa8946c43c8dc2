"""A network connection to a service that fails as a test says: the request, its answer, or both are lost or replaced."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from urja.base.certificates import trusted


class Trouble(StrEnum):
    """What happens to a request."""

    NONE = "none"
    ANSWER_LOST = "the request arrives, and its answer does not"
    ERROR_AFTER = "the request arrives, and 502 comes back"
    ERROR = "503 comes back, and nothing arrives"
    LIMIT = "429 comes back with an error in JSON, and nothing arrives"
    SILENCE = "nothing arrives, and nothing comes back"
    NONSENSE = "the request arrives, and something else than its answer comes back"


ARRIVES = (Trouble.NONE, Trouble.ANSWER_LOST, Trouble.ERROR_AFTER, Trouble.NONSENSE)


@dataclass
class Line:
    """A connection; `trouble` applies to every request until it is set again."""

    target: str
    url: str = ""
    trouble: Trouble = Trouble.NONE
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of what has come through."""
    released: threading.Event = field(default_factory=threading.Event)
    """Ends every wait for an answer."""


@contextlib.contextmanager
def open_line(target: str) -> Iterator[Line]:
    line = Line(target)
    client = httpx.Client(base_url=target, trust_env=False, verify=trusted(), timeout=60)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            trouble = line.trouble
            status, content = 503, b"{}"
            if trouble in ARRIVES:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                found = client.request(self.command, self.path, content=body, headers=headers)
                line.requests.append((self.command, self.path.partition("?")[0]))
                status, content = found.status_code, found.content
            if trouble is Trouble.LIMIT:
                error = {"code": "BAD_REQUEST_ERROR", "description": "Too many requests"}
                status, content = 429, json.dumps({"error": error}).encode()
            if trouble is Trouble.SILENCE:
                line.released.wait(20)
            if trouble in {Trouble.ANSWER_LOST, Trouble.SILENCE}:
                self.close_connection = True
                return
            if trouble is Trouble.ERROR_AFTER:
                status = 502
            if trouble is Trouble.NONSENSE:
                content = b"<html>be back soon</html>"
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer

        def log_message(self, *_: Any) -> None:
            """Tests read no access log."""

    with client, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        line.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield line
        finally:
            line.released.set()
            server.shutdown()
            thread.join()
