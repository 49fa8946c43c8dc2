"""Clients that send as slowly as they can take no other client's place at the web server."""

import asyncio
import contextlib
import http.client
import json

import httpx
import pytest
from tests.site import conftest
from tests.site.test_installation import settings

from urja.site.supervisor import request_buffer
from urja.site.supervisor.installation import WEB, Installation
from urja.site.supervisor.request_buffer import LARGEST_BODY, RequestBuffer

installation_dir = conftest.installation_dir
SLOW = 60
"""Many times the threads that answer."""


@pytest.fixture
async def web(installation_dir, prepared):
    """The web server alone, with four threads; its port."""
    async with Installation(
        prepared(installation_dir / "slow"), settings(URJA_WEB_THREADS="4"), processes=[WEB]
    ) as installation:
        yield installation.settings.web.port


async def slow(port: int, beginning: bytes) -> None:
    """Begin a request and go on with a byte now and then, until cancelled or closed by the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(beginning)
            while not reader.at_eof():
                await writer.drain()
                await asyncio.sleep(0.3)
                writer.write(b"a")
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def refused_after_all_is_sent(port: int) -> None:
    """A client that reads nothing before it has sent all reads why it was refused, and that the body may be smaller."""
    for sent in (bytes(LARGEST_BODY + (1 << 20)), iter([bytes(1 << 20)] * 18)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/api/v1/operations/move_in", sent)
        answer = connection.getresponse()
        problem = json.loads(answer.read())
        connection.close()
        assert (answer.status, problem["type"], problem["status"]) == (413, "/api/v1/#too-large", 413)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def first_line(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    line = await asyncio.wait_for(reader.readuntil(b"\r\n"), 60)
    writer.close()
    await writer.wait_closed()
    return line


GET = b"GET /sign-in/ HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
BEGINNINGS = (b"", GET + b"X-Slow: ", POST + b"Content-Length: 100000\r\n\r\n")
"""Sends nothing, slow in its headers, slow in its body."""


async def test_honest_pages_are_answered_beside_slow_clients(web):
    clients = [asyncio.create_task(slow(web, BEGINNINGS[number % 3])) for number in range(SLOW)]
    try:
        await asyncio.sleep(1)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{web}", timeout=60) as honest:
            answers = await asyncio.gather(*(honest.get("/sign-in/") for _ in range(8)))
        assert [answer.status_code for answer in answers] == [200] * 8
        assert (await first_line(web, POST + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1))).split()[
            1
        ] == b"413"
        await asyncio.to_thread(refused_after_all_is_sent, web)
        assert sum(client.done() for client in clients) == 0, "they are still there"
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def answered(application, *messages: dict, headers=(), coming=None) -> list:
    """What a server would have sent for a request that comes in these messages."""
    sent, coming = [], [*messages] if coming is None else coming

    async def receive():
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await application({"type": "http", "headers": list(headers)}, receive, send)
    return sent


async def seen(_scope, receive, send) -> None:
    """An application that answers with what it received."""
    message = await receive()
    await send({"type": "http.response.body", "body": message["body"]})


async def test_a_request_is_handed_on_in_one_piece_and_one_that_is_given_up_is_not():
    whole = RequestBuffer(seen)
    parts = [{"type": "http.request", "body": part, "more_body": part != b"c"} for part in (b"a", b"b", b"c")]
    assert await answered(whole, *parts) == [{"type": "http.response.body", "body": b"abc"}]
    assert await answered(whole, parts[0], {"type": "http.disconnect"}) == []


async def test_what_comes_in_at_the_same_time_is_bounded(monkeypatch):
    monkeypatch.setattr(request_buffer, "LARGEST_BODY", 10)
    monkeypatch.setattr(request_buffer, "MOST_WAITING", 15)
    whole = RequestBuffer(seen)
    many = {"type": "http.request", "body": b"x" * 8, "more_body": True}
    assert (await answered(whole, many, many))[0]["status"] == 413
    announced = [(b"content-length", b"11")]
    assert (await answered(whole, headers=announced))[0]["status"] == 413

    # What is still coming is read, to its end or up to a bound, and the next request is read as any other.
    monkeypatch.setattr(request_buffer, "MOST_DISCARDED", 20)
    for sent, read in (([many, many, many, last := many | {"more_body": False}, many], 4), ([many] * 9, 5)):
        coming = list(sent)
        assert (await answered(whole, coming=coming))[0]["status"] == 413
        assert len(sent) - len(coming) == read
    assert last["body"] == many["body"]

    waiting, gone = asyncio.Event(), asyncio.Event()

    async def receive():
        if waiting.is_set():
            await gone.wait()
            return {"type": "http.disconnect"}
        waiting.set()
        return many

    first = asyncio.create_task(whole({"type": "http", "headers": []}, receive, None))
    await waiting.wait()
    await asyncio.sleep(0)
    assert (await answered(whole, many))[0]["status"] == 503
    gone.set()
    await first
    last = {"type": "http.request", "body": b"y" * 8, "more_body": False}
    assert (await answered(whole, last))[0]["body"] == b"y" * 8
