"""The loopback endpoint of processes without a web server."""

import asyncio
import logging

import pytest
import uvloop
from prometheus_client import CollectorRegistry, Counter
from starlette.responses import PlainTextResponse

from urja.base.http import listening, serving_status
from urja.site.supervisor import health_probes
from urja.site.supervisor.child import Checked, Health


@pytest.fixture
async def endpoint():
    registry = CollectorRegistry()
    Counter("pushes", "Pushes", registry=registry).inc(3)
    waiting = ["the broker"]
    async with serving_status(lambda: waiting, lambda: {"lag": 7}, port=0, registry=registry) as port:
        yield port, waiting


async def test_readiness_follows_what_is_waited_for(endpoint):
    port, waiting = endpoint
    status, body = await health_probes.http_get(port, "/readyz")
    assert (status, body) == (503, b'{"ready": false, "waiting_for": ["the broker"]}\n')
    assert await health_probes.readyz(port)() == Checked(Health.NOT_READY, body.decode().strip())
    waiting.clear()
    assert await health_probes.readyz(port)() == Checked(Health.OK)


async def test_questions_of_the_supervisor_are_not_logged_and_those_to_a_service_beside_are(endpoint, caplog):
    caplog.set_level(logging.INFO)
    async with listening(PlainTextResponse("ok"), "127.0.0.1", 0) as service:
        for port in (endpoint[0], service):
            await health_probes.http_get(port, "/readyz")
    [line] = [one.getMessage() for one in caplog.records if one.name == "uvicorn.access"]
    assert '"GET /readyz HTTP/1.0" 200' in line


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/healthz", 200, b"ok\n"),
        ("/metrics?x=1", 200, b"pushes_total 3.0"),
        ("/status", 200, b'{"lag": 7}'),
        ("/secrets", 404, b"/healthz"),
    ],
)
async def test_paths(endpoint, path, status, part):
    got, body = await health_probes.http_get(endpoint[0], path)
    assert got == status
    assert part in body


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (b"POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 405 "),
        (b"rubbish\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /healthz", b""),
    ],
    ids=["method", "rubbish", "too long", "cut"],
)
async def test_what_is_no_request_is_refused_or_dropped(endpoint, request_bytes, answer):
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint[0])
    writer.write(request_bytes)
    writer.write_eof()
    try:
        got = await reader.read()
    except ConnectionResetError:
        got = b""
    writer.close()
    assert got.startswith(answer)
    assert (got == b"") == (answer == b"")


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_stopping_drops_who_is_still_connected(loop_factory):
    async def stop_with_a_client() -> bytes:
        async with asyncio.timeout(60), serving_status(list, port=0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\n")
            await writer.drain()
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(stop_with_a_client()) == b""


async def test_a_closed_port_is_no_answer():
    async with serving_status(list, port=0) as port:
        pass
    checked = await health_probes.readyz(port)()
    assert checked.health is Health.NO_ANSWER
    assert "refused" in checked.why or "failed" in checked.why
    assert await health_probes.http_json(port, "/status") is None


async def test_a_port_that_is_taken_is_an_error():
    async with serving_status(list, port=0) as port:
        with pytest.raises(OSError, match="in use"):
            async with serving_status(list, port=port):
                pass
