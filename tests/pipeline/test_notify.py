"""The stage `notify` against a real message service over HTTP, with the portal's own door for receipts."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.apps.street import START, adopt
from tests.pipeline.test_post import load as load_tariff
from tests.sandbox.conftest import KEYS, WEBHOOK_SECRET, Receiver, arguments

from urja.base.clock import SteppedClock
from urja.base.settings import UtilitySettings
from urja.sandbox.service import running
from urja.sandbox.sms.arguments import SmsArguments
from urja.sandbox.sms.service import SmsService

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PHONE = "+9990000001"
LOW = {
    "currency": "INR",
    "decimals": 2,
    "balance_minor": 4_200,
    "ends_at": "2026-03-05T19:00:00+05:30",
    "not_before_at": "2026-03-06T10:00:00+05:30",
    "last_percent": 30,
}


@dataclass
class Desk:
    """The stage, the service it speaks to, and the door for receipts; all at one stepped business time."""

    service: SmsService
    receiver: Receiver
    clock: SteppedClock
    stage: Any
    account_id: int
    web: Any
    wall_s: float = 0.0
    knocked: int = 0
    answers: list[int] = field(default_factory=list)

    async def run(self, **later: float) -> Any:
        """One run, after business and wall time have passed."""
        self.clock.advance(timedelta(**later))
        self.wall_s += 120
        return await self.stage.run_once(self.clock.now())

    async def report(self, **later: float) -> int:
        """Time passes at the handsets; the receipts that are due come in at the portal. How many there were."""
        self.clock.advance(timedelta(**later))
        due = self.service.tick(self.clock.now())
        for webhook in (await self.receiver.wait_for(self.knocked + due))[self.knocked :]:
            self.answers.append(await self.knock(webhook.body, webhook.headers["x-sandbox-signature"]))
        self.knocked += due
        return due

    async def knock(self, body: bytes, signature: str) -> int:
        """Somebody sends a receipt to the portal."""
        response = await self.web.post(
            "/hooks/sms/", body, content_type="application/json", headers={"x-sandbox-signature": signature}
        )
        return response.status_code

    async def ask_for(self, kind: str = "low-30", key: str = "one", **params: Any) -> int:
        from asgiref.sync import sync_to_async

        from urja.apps.notices.operations import request_notice

        notice = await sync_to_async(request_notice)(
            self.account_id, kind, {**LOW, **params}, key, self.clock.now()
        )
        return notice.id

    async def notice(self, notice_id: int) -> Any:
        from urja.apps.notices.models import Notice

        return await Notice.objects.aget(id=notice_id)

    def sent(self) -> list[dict[str, Any]]:
        """What the service has in its book, oldest first."""
        rows = self.service._book.all("SELECT ref, recipient, text FROM messages ORDER BY n")
        return [dict(row) for row in rows]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    import asyncio

    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks/sms/"
    yield receiver
    server.close()
    server.close_clients()
    await server.wait_closed()


@pytest.fixture
def account(database):
    load_tariff()
    return adopt(phone=PHONE, credit_minor=50_000)


@pytest.fixture
def open_desk(database, account, receiver, tmp_path: Path):
    from asgiref.sync import sync_to_async
    from django.test import AsyncClient, override_settings

    from urja.apps.notices.providers.sandbox.client import Client
    from urja.pipeline.notify import Notify

    @contextlib.asynccontextmanager
    async def open_(**rates: Any) -> AsyncIterator[Desk]:
        clock = SteppedClock(START + 9 * HOUR)
        given = SmsArguments(**arguments(tmp_path, receiver.url))
        import msgspec

        given = msgspec.convert(arguments(tmp_path, receiver.url, messages=rates), SmsArguments)
        service = SmsService(given, UtilitySettings(name="Urja Nagar"), clock)

        async def in_thread(function, *args):
            return await sync_to_async(function)(*args)

        async with running(service, given, stepped=False) as at:
            messenger = Client(at.url, *KEYS, timeout_s=2.0)
            desk = Desk(service, receiver, clock, None, account.account_id, AsyncClient())
            desk.stage = Notify(
                messenger, in_thread, recharge_at="urja.example/pay", monotonic=lambda: desk.wall_s
            )
            with override_settings(
                URJA_MESSAGES_PROVIDER="sandbox",
                URJA_MESSAGES_WEBHOOK_SECRET=WEBHOOK_SECRET,
                ALLOWED_HOSTS=["testserver"],
            ):
                yield desk
            await desk.stage.close()

    return open_


async def test_from_request_to_delivery(open_desk):
    async with open_desk() as desk:
        id_ = await desk.ask_for()

        await desk.run()

        notice = await desk.notice(id_)
        assert (notice.state, notice.sent_at) == ("sent", desk.clock.now())
        assert desk.sent() == [{"ref": str(id_), "recipient": PHONE, "text": notice.text}]
        assert notice.text == (
            "Your credit of ₹42 is enough until about Thursday 19:00. Nothing can be cut before Friday 10:00. "
            "Recharge: urja.example/pay, consumer number URJ00000001"
        )

        assert await desk.report(seconds=10) == 1
        assert desk.answers == [204]
        assert (await desk.notice(id_)).state == "sent", "the web records, the pipeline applies"
        at = desk.clock.now()
        await desk.run(seconds=5)

        notice = await desk.notice(id_)
        assert (notice.state, notice.delivered_at) == ("delivered", at)
