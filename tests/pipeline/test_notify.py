"""The stage `notify` against a real message service over HTTP, with the portal's endpoint for receipts."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.apps.notices.cast import sms_channel
from tests.apps.town import START, adopt, by_hand
from tests.pipeline.test_post import load as load_tariff
from tests.sandbox.conftest import WEBHOOK_SECRET, Receiver, arguments

from urja.base.clock import SteppedClock
from urja.base.settings import UtilitySettings
from urja.sandbox.control import Muting
from urja.sandbox.outbox import sign
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
        """A stranger sends a receipt to the portal."""
        response = await self.web.post(
            "/hooks/notices/sms/",
            body,
            content_type="application/json",
            headers={"x-sandbox-signature": signature},
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
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks/notices/sms/"
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
    from django.db import connections
    from django.test import AsyncClient, override_settings

    from urja.pipeline.notify import Notify

    @contextlib.asynccontextmanager
    async def open_(**rates: Any) -> AsyncIterator[Desk]:
        clock = SteppedClock(START + 9 * HOUR)
        given = msgspec.convert(arguments(tmp_path, receiver.url, messages=rates), SmsArguments)
        service = SmsService(given, UtilitySettings(name="Urja Nagar"), clock)

        async def in_thread(function, *args):
            return await sync_to_async(function)(*args)

        async with running(service, given) as at:
            desk = Desk(service, receiver, clock, None, account.account_id, AsyncClient())
            with override_settings(URJA_CHANNELS=(sms_channel(at.url),), ALLOWED_HOSTS=["testserver"]):
                desk.stage = Notify(in_thread, recharge_at="urja.example/pay", monotonic=lambda: desk.wall_s)
                yield desk
            await desk.stage.close()
            # The thread that asks outlives the test, and the test's database does not.
            await sync_to_async(connections.close_all)()

    return open_


async def test_from_request_to_delivery(open_desk):
    async with open_desk() as desk:
        id_ = await desk.ask_for()

        await desk.run()

        notice = await desk.notice(id_)
        assert (notice.state, notice.sent_at) == ("sent", desk.clock.now())
        assert desk.sent() == [{"ref": str(id_), "recipient": PHONE, "text": notice.text}]
        assert notice.text == (
            "Your credit of ₹42 is enough until about Thursday 19:00. No disconnection for credit before Friday 10:00. "
            "Recharge: urja.example/pay, consumer number URJ00000001"
        )

        assert await desk.report(seconds=10) == 1
        assert desk.answers == [204]
        assert (await desk.notice(id_)).state == "sent", "the web records, the pipeline applies"
        at = desk.clock.now()
        await desk.run(seconds=5)

        notice = await desk.notice(id_)
        assert (notice.state, notice.delivered_at) == ("delivered", at)


async def test_a_receipt_that_never_comes_is_asked_for_and_then_given_up(open_desk):
    async with open_desk(never=1.0) as desk:
        id_ = await desk.ask_for()
        await desk.run()
        for _ in range(5):
            await desk.run(minutes=20)

        notice = await desk.notice(id_)
        assert (notice.state, notice.questions) == ("sent", 3), "after 15 minutes, then with growing pauses"

        await desk.run(hours=24)
        notice = await desk.notice(id_)
        assert (notice.state, notice.ended_at) == ("unconfirmed", desk.clock.now())
        assert len(desk.sent()) == 1


async def test_a_receipt_that_was_lost_is_learnt_by_asking(open_desk):
    async with open_desk() as desk:
        id_ = await desk.ask_for()
        await desk.run()
        desk.service.tick(
            desk.clock.now() + timedelta(seconds=10)
        )  # no relay takes its webhook to the portal

        await desk.run(minutes=16)

        notice = await desk.notice(id_)
        assert notice.state == "delivered"
        assert notice.delivered_at <= desk.clock.now() - 15 * MINUTE


async def test_a_receipt_counts_however_late(open_desk):
    async with open_desk(late=1.0, late_s=[90_000.0, 90_000.0]) as desk:
        id_ = await desk.ask_for()
        await desk.run()
        await desk.run(hours=24)
        assert (await desk.notice(id_)).state == "unconfirmed"

        await desk.report(hours=2)
        await desk.run()

        assert (await desk.notice(id_)).state == "delivered"


async def test_a_message_that_could_not_be_delivered_has_failed_until_it_is_delivered_after_all(open_desk):
    async with open_desk(fail=1.0) as desk:
        id_ = await desk.ask_for()
        await desk.run()
        await desk.report(seconds=10)
        await desk.run()
        notice = await desk.notice(id_)
        assert (notice.state, notice.failure, notice.delivered_at) == ("failed", "undeliverable", None)

        await desk.knock(*signed(id_, "delivered"))
        await desk.run()
        await desk.knock(*signed(id_, "failed"))
        await desk.run()

        notice = await desk.notice(id_)
        assert (notice.state, notice.failure) == ("delivered", "")


async def test_a_forged_receipt_is_believed_by_nothing_and_leaves_no_trace(open_desk):
    from urja.apps.notices.models import Receipt

    async with open_desk(never=1.0) as desk:
        id_ = await desk.ask_for()
        await desk.run()
        body, signature = signed(id_, "delivered")
        other = body.replace(b"delivered", b"failed   ")
        answers = [
            await desk.knock(body, ""),
            await desk.knock(body, sign("another secret", body)),
            await desk.knock(other, signature),
            await desk.knock(body, "ü"),
            await desk.knock(b"x" * 20_000, sign(WEBHOOK_SECRET, b"x" * 20_000)),
        ]
        await desk.run()

        assert answers == [204, 204, 204, 204, 413], "the web verifies nothing"
        assert (await desk.notice(id_)).state == "sent"
        assert await Receipt.objects.acount() == 0
        assert (await desk.web.get("/hooks/notices/sms/")).status_code == 405


async def test_a_repeated_receipt_changes_nothing_twice(open_desk):
    from urja.apps.notices.models import Receipt

    async with open_desk(never=1.0) as desk:
        id_ = await desk.ask_for()
        await desk.run()
        receipt = signed(id_, "delivered", at=desk.clock.now())
        assert [await desk.knock(*receipt) for _ in range(3)] == [204] * 3
        await desk.run(seconds=1)
        first = await desk.notice(id_)
        await desk.knock(*receipt)
        await desk.knock(*signed(id_, "delivered", at=desk.clock.now() + HOUR))
        await desk.run(hours=2)

        assert (await desk.notice(id_)).delivered_at == first.delivered_at
        assert [receipt.outcome async for receipt in Receipt.objects.order_by("id")] == [
            "delivered",
            "nothing",
        ]


async def test_a_signed_receipt_that_says_nothing_is_quarantined(open_desk):
    from urja.apps.notices.models import Receipt

    async with open_desk() as desk:
        bodies = [
            b"",
            b"not JSON",
            b'{"ref": 7}',
            signed("x", "delivered")[0],
            signed(987654, "delivered")[0],
        ]
        for body in bodies:
            assert await desk.knock(body, sign(WEBHOOK_SECRET, body)) == 204
        await desk.run()

        outcomes = [receipt.outcome async for receipt in Receipt.objects.order_by("id")]
        assert outcomes == ["unreadable"] * 3 + ["unknown"] * 2


async def test_a_receipt_may_be_quicker_than_the_answer(open_desk):
    from urja.apps.notices import delivery
    from urja.apps.supply.queries import is_disconnected

    async with open_desk() as desk:
        id_ = await desk.ask_for()
        await desk.stage._in_thread(delivery.compose_pending, desk.clock.now(), "", is_disconnected, 10)
        await desk.knock(*signed(id_, "delivered", at=desk.clock.now()))

        await desk.run()

        notice = await desk.notice(id_)
        assert (notice.state, notice.sent_at) == ("delivered", desk.clock.now())


async def test_a_service_that_is_away_is_left_alone_for_a_while_and_gets_each_message_once(open_desk):
    async with open_desk() as desk:
        await mute_the_service(desk)
        ids = [await desk.ask_for(key=f"n{number}") for number in range(3)]
        assert (await desk.run()).lag == 3
        notice = await desk.notice(ids[0])
        assert (notice.state, notice.attempts, notice.detail) == ("requested", 1, "answered 503")

        desk.clock.advance(MINUTE)
        await desk.stage.run_once(desk.clock.now())
        assert (await desk.notice(ids[0])).attempts == 1, "by the wall's clock it is too soon"
        await desk.run(minutes=5)
        assert (await desk.notice(ids[0])).attempts == 2

        desk.service.control.set_muting(Muting.NONE)
        await desk.run(minutes=30)

        assert sorted(row["ref"] for row in desk.sent()) == sorted(map(str, ids))
        assert {(await desk.notice(id_)).state for id_ in ids} == {"sent"}


async def test_an_answer_that_was_lost_does_not_send_twice(open_desk):
    async with open_desk() as desk:
        id_ = await desk.ask_for()
        await desk.run()
        from urja.apps.notices.models import Notice

        await Notice.objects.filter(id=id_).aupdate(state="requested", due_at=None)
        await desk.run(minutes=1)

        assert len(desk.sent()) == 1
        assert (await desk.notice(id_)).state == "sent"


async def test_what_is_old_or_overtaken_is_not_sent(open_desk, account):
    from asgiref.sync import sync_to_async

    from urja.apps.books.operations import request_credit
    from urja.pipeline import post

    async with open_desk() as desk:
        await mute_the_service(desk)
        old = await desk.ask_for(key="old")
        await desk.run()
        await desk.run(hours=12)
        overtaken = await desk.ask_for(key="overtaken")
        desk.clock.advance(MINUTE)
        await sync_to_async(request_credit)(
            account_id=account.account_id,
            amount_minor=50_000,
            kind="recharge",
            idempotency_key="sandbox:pay_1",
            requested_at=desk.clock.now(),
        )
        await sync_to_async(post.run_once)(desk.clock.now())
        desk.service.control.set_muting(Muting.NONE)
        await desk.run(minutes=1)

        assert ((await desk.notice(old)).state, (await desk.notice(old)).failure) == ("failed", "not_taken")
        assert (await desk.notice(overtaken)).failure == "outdated"
        assert [row["text"].split(".")[0] for row in desk.sent()] == ["We have received your payment of ₹500"]


async def test_a_number_that_the_service_refuses_ends_at_once(open_desk):
    from urja.apps.notices.models import Notice

    async with open_desk() as desk:
        id_ = await desk.ask_for()
        await Notice.objects.filter(id=id_).aupdate(text="x" * 1001, recipient=PHONE, service="sms")
        await desk.run()
        notice = await desk.notice(id_)
        assert (notice.state, notice.failure, notice.attempts) == ("failed", "refused", 1)


async def test_no_address_and_no_channel(open_desk, account):
    from asgiref.sync import sync_to_async

    from urja.apps.people.models import Person
    from urja.pipeline.notify import Notify

    def unreachable():
        with by_hand():
            Person.objects.update(phone=None, language="hi")

    from django.test import override_settings

    async with open_desk() as desk:
        await sync_to_async(unreachable)()
        id_ = await desk.ask_for()
        await desk.run()
        notice = await desk.notice(id_)
        assert (notice.state, notice.failure, notice.language) == ("failed", "no_number", "hi")
        assert notice.text.startswith("आपकी शेष राशि ₹42 लगभग")
        assert desk.sent() == []

        other = await desk.ask_for(key="two")
        with override_settings(URJA_CHANNELS=()):
            await Notify(desk.stage._in_thread).run_once(desk.clock.now())
        assert (await desk.notice(other)).failure == "no_service"


async def mute_the_service(desk):
    desk.service.control.set_muting(Muting.EVERYTHING)


def signed(ref, status, at=None):
    """A receipt as the service would send it, and its signature."""
    at_s = int((at or START + 9 * HOUR).timestamp())
    receipt = {"event": f"message.{status}", "id": "sms_1", "ref": str(ref), "status": status, "at": at_s}
    body = json.dumps(receipt).encode()
    return body, sign(WEBHOOK_SECRET, body)
