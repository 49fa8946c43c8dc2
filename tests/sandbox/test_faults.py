"""Webhooks get lost, banks answer late or reverse payments: all by seed, and never against the book."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from tests.sandbox.conftest import KEYS, START, WEBHOOK_SECRET, arguments, open_shop, signed

from urja.base.clock import SteppedClock
from urja.sandbox.arguments import parse
from urja.sandbox.faults import WebhookRates, webhook_outcome
from urja.sandbox.gateway.arguments import GatewayArguments
from urja.sandbox.outbox import ANSWER_WITHIN_S

SECOND = timedelta(seconds=1)


async def test_a_webhook_is_sent_until_it_is_accepted(tmp_path, receiver):
    receiver.answers = [500, 302, 404]
    link = SteppedClock(START)
    async with open_shop(tmp_path, receiver.url, link_clock=link, stepped=True) as shop:
        await shop.paid()
        assert await shop.gateway.outbox.run_once() == 3
        assert shop.gateway.outbox.counts() == {"waiting": 3}
        link.advance(SECOND)
        assert await shop.gateway.outbox.run_once() == 3
        assert shop.gateway.outbox.counts() == {"accepted": 3}
        link.advance(3600 * SECOND)
        assert await shop.gateway.outbox.run_once() == 0

    assert all(signed(webhook) for webhook in receiver.received)
    bodies: dict[str, set[bytes]] = {}
    for webhook in receiver.received:
        bodies.setdefault(webhook.headers["x-razorpay-event-id"], set()).add(webhook.body)
    assert [len(same) for same in bodies.values()] == [1, 1, 1]


async def test_a_receiver_that_is_away_gets_its_webhooks_when_it_is_back(tmp_path, receiver):
    link = SteppedClock(START)
    async with open_shop(tmp_path, "http://127.0.0.1:9/hooks", link_clock=link, stepped=True) as shop:
        await shop.paid()
        await shop.gateway.outbox.run_once()
        listing = shop.gateway.outbox.listing()
        assert {(row["state"], row["attempts"]) for row in listing} == {("waiting", 1)}
        assert all("ConnectError" in row["last_answer"] for row in listing)

    # The book outlives the process; so does what it owes.
    link.advance(60 * SECOND)
    async with open_shop(tmp_path, receiver.url, link_clock=link) as again:
        await receiver.wait_for(3)
        assert set(receiver.names()) == {"payment.authorized", "payment.captured", "order.paid"}
        assert len((await again.book())["payments"]) == 1


async def test_a_receiver_that_does_not_answer_holds_up_no_other_order(tmp_path, receiver):
    async with open_shop(tmp_path, receiver.url) as shop:
        slow = await shop.order()
        receiver.deaf_to = slow["id"]
        await shop.pay(slow["id"])
        for _ in range(3):
            await shop.paid()
        started = asyncio.get_running_loop().time()
        await receiver.wait_for(9)
        assert asyncio.get_running_loop().time() - started < ANSWER_WITHIN_S


async def test_back_off_doubles_and_ends_after_a_day(tmp_path):
    link = SteppedClock(START)
    async with open_shop(
        tmp_path,
        "http://127.0.0.1:9/hooks",
        link_clock=link,
        stepped=True,
        retry_first_s=600.0,
        retry_cap_s=20_000.0,
    ) as shop:
        await shop.paid()
        attempts = []
        while "waiting" in shop.gateway.outbox.counts():
            await shop.gateway.outbox.run_once()
            attempts.append(max(row["attempts"] for row in shop.gateway.outbox.listing()))
            link.advance(timedelta(minutes=5))
            assert len(attempts) < 400
        assert shop.gateway.outbox.counts() == {"abandoned": 3}
        # 10, 20, 40, … minutes: some ten attempts in a day and not a hundred.
        assert 8 <= attempts[-1] <= 14
        assert (await shop.book())["payments"][0]["state"] == "captured"


async def astray(tmp_path, receiver, name, **rates):
    """Eight payments under webhook faults, each webhook as received, and the book's account of them."""
    link = SteppedClock(START)
    (tmp_path / name).mkdir()
    async with open_shop(
        tmp_path / name, receiver.url, link_clock=link, stepped=True, seed=7, webhooks=rates
    ) as shop:
        receiver.received.clear()
        for _ in range(8):
            await shop.paid()
            await shop.gateway.outbox.run_once()
            link.advance(SECOND / 10)
        for _ in range(200):
            link.advance(SECOND)
            await shop.gateway.outbox.run_once()
        return [(w.name, w.event["payload"]["payment"]["entity"]["id"]) for w in receiver.received], (
            await shop.get("/book/webhooks")
        )["webhooks"]


async def test_lost_webhooks_are_never_sent(tmp_path, receiver):
    got, booked = await astray(tmp_path, receiver, "one", lose=0.4)
    lost = [row for row in booked if row["state"] == "lost"]
    assert 4 <= len(lost) <= 16
    assert len(got) == 24 - len(lost)
    assert all(row["attempts"] == 0 for row in lost)


async def test_repeated_webhooks_keep_their_id(tmp_path, receiver):
    got, booked = await astray(tmp_path, receiver, "one", repeat=0.5)
    ids = [webhook.headers["x-razorpay-event-id"] for webhook in receiver.received]
    assert len(set(ids)) == 24
    assert len(got) == sum(row["accepted"] for row in booked) > 24
    assert {ids.count(row["id"]) for row in booked if "repeat" in row["faults"]} <= {2, 3}
    assert {ids.count(row["id"]) for row in booked if "repeat" not in row["faults"]} == {1}


async def test_reordered_webhooks_are_overtaken(tmp_path, receiver):
    got, _ = await astray(tmp_path, receiver, "one", reorder=0.5)
    usual = ["payment.authorized", "payment.captured", "order.paid"]
    orders = [[name for name, payment in got if payment == one] for one in {payment for _, payment in got}]
    assert all(sorted(names) == sorted(usual) for names in orders)
    assert any(names != usual for names in orders)
    assert any(names == usual for names in orders)


async def test_the_same_seed_gives_the_same_faults_in_the_same_order(tmp_path, receiver):
    rates = {"lose": 0.2, "repeat": 0.3, "delay": 0.2, "reorder": 0.3}
    first, first_book = await astray(tmp_path, receiver, "one", **rates)
    second, second_book = await astray(tmp_path, receiver, "two", **rates)

    assert first == second
    assert [row["faults"] for row in first_book] == [row["faults"] for row in second_book]
    assert {fault for row in first_book for fault in row["faults"]} == {"lose", "repeat", "delay", "reorder"}


def test_another_seed_gives_other_faults():
    rates = WebhookRates(lose=0.3, repeat=0.3)
    fates = [[webhook_outcome(seed, rates, "payment.captured", n) for n in range(50)] for seed in (1, 1, 2)]
    assert fates[0] == fates[1] != fates[2]


def test_one_rate_does_not_move_the_draws_of_another():
    few, many = (
        [webhook_outcome(1, WebhookRates(lose=lose, repeat=0.3), "x", n) for n in range(200)]
        for lose in (0.0, 0.2)
    )
    assert all(one == other for one, other in zip(few, many, strict=True) if not other.lost)


async def test_payments_fare_by_seed(tmp_path, receiver):
    rates = {"late": 0.3, "reverse": 0.3, "decline": 0.2}
    told = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        async with open_shop(tmp_path / name, receiver.url, seed=11, payments=rates) as shop:
            for _ in range(20):
                await shop.paid()
            at_once = [payment["status"] for payment in (await shop.book())["payments"]]
            shop.clock.advance(timedelta(hours=1))
            shop.gateway.tick(shop.clock.now())
            shop.clock.advance(timedelta(days=4))
            shop.gateway.tick(shop.clock.now())
            book = (await shop.book())["payments"]
            told.append([(p["id"], p["state"], p["faults"]) for p in book])

    assert told[0] == told[1]
    states = {state for _, state, _ in told[0]}
    assert states == {"captured", "failed", "reversed"}
    # Late ones were pending or called failed, and went through after all.
    assert {"created", "failed", "captured"} == set(at_once)
    for status, (_, state, faults) in zip(at_once, told[0], strict=True):
        assert ("decline" in faults) == (state == "failed")
        assert ("reverse" in faults) == (state == "reversed")
        assert ("late" in faults) == (status != "captured" and state != "failed")


async def test_a_late_payment_of_an_order_paid_meanwhile_goes_back(shop, receiver):
    order = await shop.order()
    await shop.pay(order["id"], "card", number="4000000000000119")
    await shop.pay(order["id"], "upi")

    shop.clock.advance(timedelta(minutes=10))
    shop.gateway.tick(shop.clock.now())
    late = (await shop.payments_of(order["id"]))[1]
    assert (late["status"], late["captured"]) == ("authorized", False)
    await shop.post(f"/v1/payments/{late['id']}/capture", 400, amount=50_000, currency="INR")

    shop.clock.advance(timedelta(days=5))
    shop.gateway.tick(shop.clock.now())
    assert sorted(p["state"] for p in (await shop.book())["payments"]) == ["captured", "refunded"]
    await receiver.wait_for(6)
    assert sorted(receiver.names()) == [
        "order.paid", "payment.authorized", "payment.authorized", "payment.captured", "payment.failed",
        "refund.processed",
    ]  # fmt: skip


async def test_without_answers_everything_is_held_back_until_the_service_answers(tmp_path, receiver):
    async with open_shop(tmp_path, receiver.url) as shop:
        order = await shop.order()
        state = await shop.post("/control/mute")
        assert state["muting"] == "everything"
        await shop.get(f"/v1/orders/{order['id']}", 503)
        assert (await shop.browser.get(f"/pay/{order['id']}")).status_code == 503
        assert (await shop.book())["payments"] == []

        await shop.post("/control/mute", what="webhooks")
        await shop.pay(order["id"])
        assert receiver.received == []
        await shop.post("/control/mute", 400, what="people")

    # It answers as little after a restart.
    async with open_shop(tmp_path, receiver.url) as shop:
        assert (await shop.get("/control/state"))["muting"] == "webhooks"
        assert receiver.received == []
        await shop.post("/control/unmute")
        await receiver.wait_for(3)


async def test_readiness_and_figures_have_their_own_port(shop):
    await shop.paid()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{shop.ready_port}", trust_env=False
    ) as supervisor:
        assert (await supervisor.get("/readyz")).json() == {"ready": True, "waiting_for": []}
        assert (await supervisor.get("/status")).json()["payments"] == {"captured": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhooks": {"lose": 1.5}},
        {"webhooks": {"delay_s": [9, 3]}},
        {"payments": {"late": -0.1}},
        {"payments": {"later": 0.1}},
        {"webhook_url": "hooks"},
        {"key_secret": ""},
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong, tmp_path):
    with pytest.raises(ValueError):
        parse(arguments(tmp_path, "http://127.0.0.1:1/") | wrong, GatewayArguments)


def test_arguments_show_no_secret(tmp_path):
    shown = repr(parse(arguments(tmp_path, "http://127.0.0.1:1/"), GatewayArguments))
    assert KEYS[1] not in shown
    assert WEBHOOK_SECRET not in shown
