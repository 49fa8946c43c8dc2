"""Health checks of child processes. Each ends within two seconds."""

import asyncio
import json
import shutil
import ssl
from functools import cache
from pathlib import Path
from typing import Final

import psycopg

from urja.base.untyped_values import JsonObject
from urja.site.supervisor import broker_process
from urja.site.supervisor.child import Checked, Health, Probe

_TIMEOUT_S: Final = 2.0
_ROOM_TO_WRITE: Final = 16 << 20
"""Free space in bytes needed for a restart: sixteen of the server's largest messages, so it can write more than one."""


async def http_get(port: int, path: str, host: str = "127.0.0.1", *, tls: bool = False) -> tuple[int, bytes]:
    """Return status and body of a small GET. Raises OSError or TimeoutError without an answer.

    With `tls` any certificate is accepted: the process is on this machine, and its certificate names the portal.
    """
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(host, port, ssl=_unverified() if tls else None)
        try:
            request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
            writer.write(request.encode("ascii"))
            answer = await reader.read(1 << 20)
            while chunk := await reader.read(1 << 20):
                answer += chunk
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise OSError(f"no HTTP answer from {host}:{port}")
    return int(words[1]), body


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def http_json(port: int, path: str, host: str = "127.0.0.1") -> JsonObject | None:
    """Return the JSON object at a path, or None without such an answer."""
    try:
        status, body = await http_get(port, path, host)
        document = json.loads(body) if status == 200 else None
    except (OSError, TimeoutError, ValueError):
        return None
    return document if isinstance(document, dict) else None


async def broker_backlog(host: str, monitor_port: int) -> dict[str, dict[str, int]] | None:
    """Return the counts of undelivered and unacknowledged messages by durable consumer (`STREAM/consumer`).

    None where the broker does not answer.
    """
    report = await http_json(monitor_port, "/jsz?consumers=true&config=true", host)
    if report is None:
        return None
    backlog = {}
    for account in report.get("account_details") or []:
        for stream in account.get("stream_detail") or []:
            for consumer in stream.get("consumer_detail") or []:
                if (consumer.get("config") or {}).get("durable_name"):
                    backlog[f"{stream['name']}/{consumer['name']}"] = {
                        "pending": int(consumer.get("num_pending", 0)),
                        "unacknowledged": int(consumer.get("num_ack_pending", 0)),
                    }
    return backlog


def readyz(port: int, host: str = "127.0.0.1", *, tls: bool = False) -> Probe:
    """Return the probe of a process with `/readyz`: 200 is ready, any other answer means alive and says why not."""

    async def probe() -> Checked:
        try:
            status, body = await http_get(port, "/readyz", host, tls=tls)
        except (OSError, TimeoutError) as error:
            return _no_answer(error)
        return Checked(Health.OK) if status == 200 else Checked(Health.NOT_READY, _words(body))

    return probe


def _no_answer(error: Exception) -> Checked:
    return Checked(Health.NO_ANSWER, str(error) or f"within {_TIMEOUT_S:g} s")


def _words(body: bytes) -> str:
    """Return what a process's `/readyz` says, on one line."""
    return " ".join(body.decode("utf-8", "replace").split())


def postgres(conninfo: str) -> Probe:
    """Return the probe of PostgreSQL: ready once it accepts a login; during recovery it is starting."""

    async def probe() -> Checked:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                connection = await psycopg.AsyncConnection.connect(conninfo)
                await connection.close()
        except (TimeoutError, psycopg.OperationalError) as error:
            return (
                Checked(Health.NOT_READY, "starting up") if "starting up" in str(error) else _no_answer(error)
            )
        return Checked(Health.OK)

    return probe


def nats(host: str, port: int, monitor_port: int, store: Path) -> Probe:
    """Return the probe of NATS: ready once it answers and its streams can write.

    After a full disk a stream refuses every message until the server is restarted, even when there is space again.
    """

    async def probe() -> Checked:
        if not await asyncio.to_thread(broker_process.accepts, host, port, _TIMEOUT_S):
            return Checked(Health.NO_ANSWER, f"on port {port}")
        try:
            status, body = await http_get(monitor_port, "/healthz", host)
        except (OSError, TimeoutError) as error:
            return _no_answer(error)
        if status == 200:
            return Checked(Health.OK)
        has_room = shutil.disk_usage(store).free >= _ROOM_TO_WRITE
        stuck = b"write error" in body and has_room
        return Checked(Health.STUCK if stuck else Health.NOT_READY, _words(body))

    return probe
