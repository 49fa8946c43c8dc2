"""Requirements on every notice channel: each of `CHANNELS` runs all of these tests."""

import asyncio
import contextlib
import json
import pkgutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib import import_module, resources
from typing import Any

import msgspec
import pytest
from django.test import Client, override_settings
from tests.apps.notices.cast import email_channel, sms_channel
from tests.apps.town import START
from tests.providers.relay import mailers, open_relay
from tests.sandbox.conftest import WEBHOOK_SECRET, arguments

from urja.base.clock import SteppedClock
from urja.base.settings import UtilitySettings
from urja.sandbox.control import Muting
from urja.sandbox.outbox import sign
from urja.sandbox.service import running
from urja.sandbox.sms.arguments import SmsArguments
from urja.sandbox.sms.service import SmsService


@dataclass(frozen=True)
class Note:
    """A message to hand over."""

    to: str
    text: str
    subject: str
    ref: str


@dataclass
class Bench:
    """One channel with hands on it."""

    channel: Any
    to: str
    arrived: Callable[[], list[tuple[str, str, str]]]
    """Recipient, text and what the reader's device knows the message by, each message once."""
    be_away: Callable[[], None]
    bad_recipient: str
    refuse: Callable[[], None] = lambda: None
    receipt: Callable[[str], tuple[dict[str, str], bytes]] | None = None


@contextlib.asynccontextmanager
async def sms(tmp_path) -> AsyncIterator[Bench]:
    clock = SteppedClock(START)
    given = msgspec.convert(arguments(tmp_path, "http://127.0.0.1:9"), SmsArguments)
    service = SmsService(given, UtilitySettings(), clock)

    def arrived():
        rows = service._book.all("SELECT ref, recipient, text FROM messages ORDER BY n")
        return [(row["recipient"], row["text"], row["ref"]) for row in rows]

    def receipt(ref: str) -> tuple[dict[str, str], bytes]:
        body = json.dumps({"ref": ref, "status": "delivered", "at": int(START.timestamp())}).encode()
        return {"x-sandbox-signature": sign(WEBHOOK_SECRET, body)}, body

    async with running(service, given) as at:
        yield Bench(
            sms_channel(at.url), "+9990000001", arrived, lambda: service.control.set_muting(Muting.EVERYTHING),
            "not a number", receipt=receipt,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def email(tmp_path) -> AsyncIterator[Bench]:
    with open_relay() as relay, override_settings(**mailers(relay)):

        def arrived():
            found = {}
            for to, mail in zip(relay.to, relay.arrived, strict=True):
                found[mail["message-id"]] = (to, mail.get_content().strip(), mail["message-id"])
            return list(found.values())

        def be_away():
            relay.refusal = "421 closing"

        def refuse():
            relay.refusal = "550 no such mailbox"

        yield Bench(email_channel(), "asha@example.org", arrived, be_away, "nobody@example.org", refuse)


CHANNELS = {"sandbox": sms, "smtp": email}


@pytest.fixture(params=CHANNELS)
def opened(request, database, tmp_path):
    """Its bench, and what hands messages to it."""

    @contextlib.asynccontextmanager
    async def open_() -> AsyncIterator[tuple[Bench, Any]]:
        from urja.apps.notices import channels

        async with CHANNELS[request.param](tmp_path) as bench:
            messenger = channels.messenger(bench.channel)
            yield bench, messenger
            await messenger.close()

    return open_


async def test_its_folder_has_the_same_few_files(opened):
    from urja.apps.notices.config import PROVIDERS

    async with opened() as (bench, _messenger):
        found = import_module(f"{PROVIDERS}.{bench.channel.provider}")
        files = {module.name for module in pkgutil.iter_modules(found.__path__)}
        assert files == {"client", "settings"} | ({"receipts"} if bench.channel.reports else set())
        readme = (resources.files(found) / "README.md").read_text()
        assert "deliver" in readme, "it says what counts as delivered"
        assert bench.channel.medium in {"sms", "email"}


async def test_a_message_arrives_whole(opened):
    async with opened() as (bench, messenger):
        text = "Your credit of ₹42 is used up. आपका क्रेडिट।"
        assert await messenger.send(Note(bench.to, text, "About your electricity supply", "7"))
        assert [(to, said) for to, said, _name in bench.arrived()] == [(bench.to, text)]


async def test_the_same_reference_is_one_message_to_its_reader(opened):
    async with opened() as (bench, messenger):
        note = Note(bench.to, "one", "subject", "7")
        assert await messenger.send(note) == await messenger.send(note)
        await messenger.send(Note(bench.to, "two", "subject", "8"))
        assert [text for _to, text, _name in bench.arrived()] == ["one", "two"]


async def test_what_it_will_not_take_is_refused_for_good(opened):
    from urja.apps.notices.port import MessageRefusedError

    async with opened() as (bench, messenger):
        bench.refuse()
        with pytest.raises(MessageRefusedError):
            await messenger.send(Note(bench.bad_recipient, "text", "subject", "7"))
        assert bench.arrived() == []


async def test_a_service_that_is_away_may_be_tried_again(opened):
    from urja.apps.notices.port import ServiceUnavailableError

    async with opened() as (bench, messenger):
        bench.be_away()
        with pytest.raises(ServiceUnavailableError):
            await messenger.send(Note(bench.to, "text", "subject", "7"))


async def test_a_header_cannot_be_smuggled_in(opened):
    async with opened() as (bench, messenger):
        with contextlib.suppress(Exception):
            await messenger.send(Note(f"{bench.to}\r\nBcc: other@example.org", "text", "subject", "7"))
        with contextlib.suppress(Exception):
            await messenger.send(Note(bench.to, "text", "subject\r\nBcc: other@example.org", "8"))
        assert {to for to, _text, _name in bench.arrived()} <= {bench.to}


async def test_only_a_signed_receipt_of_a_channel_that_reports_is_taken(opened):
    from asgiref.sync import sync_to_async

    from urja.apps.notices import channels
    from urja.apps.notices.port import Outcome, UnreadableReceiptError

    async with opened() as (bench, _messenger):
        name = bench.channel.name
        with override_settings(URJA_CHANNELS=(bench.channel,), ALLOWED_HOSTS=["testserver"]):

            def knock(headers, body):
                path = f"/hooks/notices/{name}/"
                return Client().post(path, body, content_type="application/json", headers=headers).status_code

            if bench.receipt is None:
                assert await sync_to_async(knock)({}, b"{}") == 404
                return
            headers, body = bench.receipt("7")
            assert await sync_to_async(knock)(headers, body) == 204
            receipts, secrets = channels.receipts_of(bench.channel), bench.channel.secrets
            assert receipts.is_genuine(secrets, {key: headers[key] for key in receipts.HEADERS}, body)
            told = receipts.read(body)
            assert (told.ref, told.outcome, told.at) == ("7", Outcome.DELIVERED, START)
            for wrong in ({}, dict.fromkeys(headers, "0" * 64), dict.fromkeys(headers, "☃")):
                assert not receipts.is_genuine(secrets, wrong, body)
            assert not receipts.is_genuine(secrets, headers, body + b" ")
            assert not receipts.is_genuine({}, headers, body)
            for unreadable in (b"", b"{", b"[]", b"\xff", b'{"ref": 7}'):
                with pytest.raises(UnreadableReceiptError):
                    receipts.read(unreadable)


async def test_calls_may_be_made_beside_each_other(opened):
    async with opened() as (bench, messenger):
        notes = [Note(bench.to, f"text {n}", "subject", str(n)) for n in range(6)]
        await asyncio.gather(*map(messenger.send, notes))
        assert sorted(text for _to, text, _name in bench.arrived()) == [note.text for note in notes]
