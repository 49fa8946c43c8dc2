"""Each law of the town is seen to fail when the code that should keep it is broken.

Against the gateway's own process and its book, and a real meter's switch; what the books say is in PostgreSQL.
"""

import asyncio
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.apps.payments.cast import sign
from tests.apps.payments.till import opened_till  # noqa: F401 - a fixture
from tests.apps.town import START, adopt
from tests.headend.conftest import admin, nats_server, pipeline, start_headend  # noqa: F401 - fixtures
from tests.headend.ordering import Desk, House, put_device

from urja.base.clock import SteppedClock
from urja.base.ports import free_port
from urja.demo import town_laws
from urja.meter.surroundings import RelayOptions

HOUR = timedelta(hours=1)
NEVER = START - timedelta(days=365)
"""No command's time has ended before this."""


def held(database, payments=(), houses=(), heard_by=NEVER) -> dict[str, tuple[str, ...]]:
    """What contradicts each law."""
    with database.connect() as connection:
        findings = town_laws.examine(connection, list(payments), list(houses), heard_by)
    return {finding.law: finding.contradictions for finding in findings}


# -- money ---------------------------------------------------------------------------------------------------


def some_days_of_money(till, database) -> dict[str, tuple[str, ...]]:
    """One pays, one forges, one is authorised late, one is taken back by the bank, one gets a part back."""
    paid, forged, late, reversed_, partly = (till.order() for _ in range(5))
    till.shop.pay(paid.provider_order_id)
    till.shop.card(late.provider_order_id, "4000 0000 0000 0119")
    till.shop.card(reversed_.provider_order_id, "5105 1051 0510 5100")
    till.shop.pay(partly.provider_order_id)
    captured = next(body for body in till.shop.webhooks() if json.loads(body)["event"] == "payment.captured")
    for number in (1, 2):
        till.hook(captured)
        till.hook(_as_if_paid(captured, forged, number), sign(captured, "guessed"))
    till.collect()
    [payment] = till.shop.payments_of(partly.provider_order_id)
    till.shop.post(f"/v1/payments/{payment['id']}/refund", amount=5_000)
    till.shop.move(minutes=6)
    till.shop.until(lambda: till.shop.payments_of(late.provider_order_id)[0]["status"] == "captured")
    till.shop.move(hours=2)
    till.shop.until(lambda: {refund["status"] for refund in _refunds(till)} == {"processed"})
    till.collect()
    for body in till.shop.webhooks():
        till.hook(body)
    till.collect()
    return held(database, till.shop.get("/book/payments")["payments"])


def _refunds(till):
    found = till.shop.get("/v1/refunds")["items"]
    return found if len(found) == 2 else [{"status": "to come"}]


def _as_if_paid(captured: bytes, order, number: int) -> bytes:
    told = json.loads(captured)
    told["payload"]["payment"]["entity"] |= {"id": f"pay_forged{number}", "order_id": order.provider_order_id}
    return json.dumps(told).encode()


def credits_half(patch):
    from urja.apps.payments import crediting

    real = crediting.books.request_credit
    patch.setattr(
        crediting.books,
        "request_credit",
        lambda **more: real(**more | {"amount_minor": more["amount_minor"] // 2}),
    )


def credits_each_word(patch):
    """Whatever is told of a payment is a payment."""
    from urja.apps.payments import crediting

    real, turns = crediting.books.request_credit, itertools.count(1)

    def request(**more):
        real(**more)
        return real(**more | {"idempotency_key": f"{more['idempotency_key']}:{next(turns)}"})

    patch.setattr(crediting.books, "request_credit", request)


def credits_nothing(patch):
    from urja.apps.payments import crediting

    patch.setattr(crediting, "_credit", lambda *_: None)


def failed_is_the_end(patch):
    """A bank that agrees after all is not believed any more."""
    from urja.apps.payments import crediting
    from urja.apps.payments.kinds import PaymentState

    rank = crediting.PAYMENT_RANK
    patch.setattr(crediting, "PAYMENT_RANK", rank | {PaymentState.FAILED: max(rank.values())})


def believes_everybody(patch):
    """What a webhook says of a payment is taken for what the gateway answers about it."""
    from urja.apps.payments.providers.razorpay import client, webhook, words

    told, asked = {}, client.Client.payment

    def genuine(_secrets, _headers, body):
        entity = json.loads(body)["payload"]["payment"]["entity"]
        told[entity["id"]] = words.payment(entity)
        return True

    patch.setattr(webhook, "is_genuine", genuine)
    patch.setattr(client.Client, "payment", lambda gateway, id_: told.get(id_) or asked(gateway, id_))


def keeps_what_went_back(patch):
    from urja.apps.payments import crediting

    patch.setattr(crediting, "_debit", lambda *_: None)


def takes_half_back(patch):
    from urja.apps.payments import crediting

    real = crediting.books.request_debit
    patch.setattr(
        crediting.books,
        "request_debit",
        lambda **more: real(**more | {"amount_minor": more["amount_minor"] // 2}),
    )


def takes_it_back_twice(patch):
    from urja.apps.payments import crediting

    real = crediting.books.request_debit

    def request(**more):
        real(**more | {"idempotency_key": f"{more['idempotency_key']}:again"})
        return real(**more)

    patch.setattr(crediting.books, "request_debit", request)


def test_the_laws_of_money_hold(till, database):
    assert not any((found := some_days_of_money(till, database)).values()), found


@pytest.mark.parametrize(
    ("break_it", "law"),
    [
        (credits_half, "paid_is_credited_once"),
        (credits_each_word, "paid_is_credited_once"),
        (credits_nothing, "paid_is_credited_once"),
        (failed_is_the_end, "paid_is_credited_once"),
        (believes_everybody, "paid_is_credited_once"),
        (keeps_what_went_back, "returned_is_debited_once"),
        (takes_half_back, "returned_is_debited_once"),
        (takes_it_back_twice, "returned_is_debited_once"),
    ],
)
def test_a_broken_till_breaks_its_law(till, database, monkeypatch, break_it, law):
    break_it(monkeypatch)
    assert some_days_of_money(till, database)[law]


# -- switches ------------------------------------------------------------------------------------------------


@dataclass
class Office:
    """The books' side of one house: a command is given here, and what the head end says of it is kept."""

    house: House
    clock: SteppedClock

    def __post_init__(self) -> None:
        self.place = adopt(serial=self.house.identity.serial, system_title=self.house.identity.title)

    def order(self):
        from urja.apps.commands.operations import issue

        now = self.clock.now()
        command = issue(
            device_id=self.place.device_id,
            service_point_id=self.place.service_point_id,
            kind="disconnect",
            issued_at=now,
            issued_wall_ms=1,
            expires_at=now + HOUR,
            reason="test",
            correlation=1,
        )
        return self.house.order("disconnect", command_id=command.id, sequence=command.sequence)

    def note(self, progress) -> None:
        from urja.apps.commands.operations import record_progress

        assert record_progress(progress), "nothing moved"


def _asleep(work):
    """Books are written beside the loop, as the pipeline does it."""

    def run():
        from django.db import connections

        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


async def told_to_open(database, start_headend, pipeline, clock, mode=4) -> dict[str, tuple[str, ...]]:  # noqa: F811
    """A cut of a real meter, from the command to what the books say of it; beside it, its switch."""
    house, desk = House(clock, port=free_port(), relay=RelayOptions(mode=mode)), Desk(pipeline)
    office = _asleep(lambda: Office(house, clock))
    await put_device(pipeline, house.entry())
    order = _asleep(office.order)
    async with start_headend(), house.listening():
        await desk.send(order)
        await desk.end_of(order)
    _asleep(lambda: office.note(desk.heard))
    seen = {"serial": house.identity.serial, "control_state": int(house.switch.state)}
    return held(database, houses=[seen])


@pytest.mark.parametrize("mode", [4, 0], ids=["obeys", "cannot"])
async def test_a_switch_stands_as_the_books_say(
    database,
    start_headend,  # noqa: F811
    pipeline,  # noqa: F811
    stepped_clock,
    mode,
):
    found = await told_to_open(database, start_headend, pipeline, stepped_clock, mode)
    assert not any(found.values()), found


async def test_a_cut_that_is_not_read_back_breaks_its_law(
    database,
    start_headend,  # noqa: F811
    pipeline,  # noqa: F811
    stepped_clock,
    monkeypatch,
):
    """The meter has acknowledged and does not move (control mode 0): its answer is taken for its state."""
    from urja.headend.commands import _control

    monkeypatch.setattr(_control.Control, "open", property(lambda _control: True))
    found = await told_to_open(database, start_headend, pipeline, stepped_clock, mode=0)
    assert found["switch_is_last_command"]


class Sink:
    """A broker that takes orders, and a head end that never tells of them."""

    async def publish_order(self, _order, _signed, _shard) -> int:
        return 1


def unheard_of(database, clock) -> dict[str, tuple[str, ...]]:
    """A command that leaves, and a day without a report of its outcome."""
    from urja.pipeline.dispatch import Dispatch

    office = Office(House(clock), clock)
    office.order()
    dispatch = Dispatch(Sink(), None, clock, signing_key=bytes(range(32)), in_thread=_in_this_thread)
    for hours in (0, 24):
        clock.advance(timedelta(hours=hours))
        now = clock.now()
        assert asyncio.run(dispatch.run_once(now)).done <= 1
    return held(database, heard_by=now - HOUR)


async def _in_this_thread(work, *arguments):
    return _asleep(lambda: work(*arguments))


def test_a_command_without_an_outcome_ends(database, stepped_clock):
    found = unheard_of(database, stepped_clock)
    assert not any(found.values()), found


def test_a_command_without_an_end_breaks_its_law(database, stepped_clock, monkeypatch):
    from urja.apps.commands import operations

    monkeypatch.setattr(operations, "expire", lambda *_: 0)
    assert unheard_of(database, stepped_clock)["commands_end"]
