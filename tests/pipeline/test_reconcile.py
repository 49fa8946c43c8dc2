"""The gateway's settlements compared with the ledger: its own process settles after midnight, and the stage fetches
the reports."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.apps.payments.till import as_role, opened_till  # noqa: F401 - a fixture
from tests.logs import logged

from urja.laws.verify import laws

IST = ZoneInfo("Asia/Kolkata")
FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 3)
WITHIN = timedelta(days=4)


@pytest.fixture
def reconciler(till):
    from urja.pipeline.reconcile import Reconciler

    return Reconciler(till.gateway, IST, WITHIN, 0.0)


@pytest.fixture
def run(till, reconciler):
    """A run of the stage, with the rights of its role, whenever it ran last."""

    def once():
        reconciler._next_at = None
        with as_role("urja_pipeline"):
            return reconciler.run_once(till.shop.now)

    return once


def pay(till, *amounts):
    """Orders that are paid and credited, each payment's id."""
    orders = [till.order(amount) for amount in amounts]
    for order in orders:
        till.shop.pay(order.provider_order_id)
    till.collect()
    return [till.shop.payments_of(order.provider_order_id)[0]["id"] for order in orders]


def past_midnight(till, **by):
    """The gateway has settled what was captured before."""
    till.shop.move(**(by or {"hours": 15}))
    return till.shop.until(lambda: till.shop.get("/book/payments")["settlement_rows"])


def reports():
    from urja.apps.payments.models import SettlementReport

    found = SettlementReport.objects.order_by("day")
    return [(report.day, report.asked_at is not None, report.closed_at is not None) for report in found]


def kept():
    from urja.apps.payments import queries

    return [(one.payment_id, one.reason, one.amount_minor) for one in queries.settlement_differences()]


def settlements():
    from urja.apps.payments import queries

    return queries.settlements()


def test_a_days_payments_are_settled_to_the_paisa(till, run):
    pay(till, 20_000)
    by_card = till.order(12_345)
    till.shop.card(by_card.provider_order_id, "4111 1111 1111 1111")
    till.collect()
    rows = past_midnight(till)
    run()
    [settled] = settlements()
    assert settled.day == SECOND
    assert settled.gross_minor == 32_345
    assert (settled.rows, settled.matched, settled.refunds_minor) == (2, 2, 0)
    assert settled.fees_minor == sum(row["fee"] for row in rows) > 0
    assert settled.tax_minor == sum(row["tax"] for row in rows)
    assert settled.net_minor == settled.gross_minor - settled.fees_minor == sum(row["credit"] for row in rows)
    assert settled.utr == rows[0]["settlement_utr"]
    assert kept() == []


def test_what_is_not_settled_yet_is_in_transit(till, run):
    from urja.apps.payments import queries

    pay(till, 20_000)
    run()
    transit = queries.in_transit()
    assert (transit.payments, transit.payments_minor) == (1, 20_000)
    assert transit.oldest_at == till.shop.now
    past_midnight(till)
    pay(till, 7_000)
    run()
    assert queries.in_transit().payments_minor == 7_000
    assert kept() == []


def test_a_refund_is_taken_from_a_settlement(till, run):
    [payment] = pay(till, 20_000)
    till.shop.post(f"/v1/payments/{payment}/refund", amount=5_000)
    till.shop.move(hours=2)
    till.shop.until(lambda: till.shop.get("/v1/refunds")["items"][0]["status"] == "processed")
    till.collect()
    past_midnight(till)
    run()
    [settled] = settlements()
    assert (settled.gross_minor, settled.refunds_minor, settled.rows, settled.matched) == (
        20_000,
        5_000,
        2,
        2,
    )
    assert settled.net_minor == 15_000 - settled.fees_minor
    assert kept() == []


def test_days_are_asked_in_order_and_closed_once(till, run):
    run()
    assert reports() == []
    pay(till, 20_000)
    run()
    assert reports() == [(FIRST, True, False)]
    past_midnight(till)
    run()
    assert reports() == [(FIRST, True, False), (SECOND, True, False)]
    till.shop.move(hours=6)
    run()
    assert reports() == [(FIRST, True, True), (SECOND, True, False)]


def test_after_a_stop_of_many_days_none_is_left_out(till, run, reconciler):
    pay(till, 20_000)
    run()
    past_midnight(till)
    till.shop.move(days=7)
    run()
    # Five at once, and the others without a pause.
    with as_role("urja_pipeline"):
        reconciler.run_once(till.shop.now)
    # The last of them has ended an hour ago.
    assert [(asked, closed) for _, asked, closed in reports()] == [(True, True)] * 7 + [(True, False)] * 2
    assert len(settlements()) == 1
    assert kept() == []


def test_told_twice_nothing_changes(till, run):
    from urja.apps.payments.models import SettlementRow

    pay(till, 20_000, 30_000)
    past_midnight(till)
    assert run().done > 0
    before = list(SettlementRow.objects.order_by("id").values())
    assert run().done == 0
    assert list(SettlementRow.objects.order_by("id").values()) == before


def test_a_report_is_not_asked_for_before_its_pause_is_over(till, reconciler):
    pay(till, 20_000)
    with as_role("urja_pipeline"):
        reconciler.run_once(till.shop.now)
        asked = reports()
        till.shop.move(minutes=14)
        assert reconciler.run_once(till.shop.now).done == 0
        till.shop.move(minutes=1)
        reconciler.run_once(till.shop.now)
    from urja.apps.payments.models import SettlementReport

    assert asked == reports()
    assert SettlementReport.objects.get().asked_at == till.shop.now


def test_a_gateway_that_does_not_answer_is_asked_again_and_the_day_stays_open(
    till, run, reconciler, monkeypatch
):
    from urja.apps.payments.errors import GatewayAwayError

    pay(till, 20_000)
    past_midnight(till)
    real = reconciler.gateway.client.settled_on

    def away(_day):
        raise GatewayAwayError("it answers 503")

    monkeypatch.setattr(reconciler.gateway.client, "settled_on", away)
    till.shop.move(days=30)
    report = run()
    assert report.detail == "the settlement report of 2026-03-02 cannot be fetched: it answers 503"
    assert not any(asked for _, asked, _ in reports())
    # No query was made: that nothing is settled is not known.
    assert kept() == []
    monkeypatch.setattr(reconciler.gateway.client, "settled_on", real)
    run()
    assert settlements() != []
    assert run().detail == ""


def test_a_payment_that_no_webhook_and_no_answer_told_of(till, run):
    """It is in the report and not in our books; once we learn of it, the difference is gone by itself."""
    order = till.order(20_000)
    till.shop.pay(order.provider_order_id)
    other = till.order(5_000)
    till.shop.pay(other.provider_order_id)
    _learn_only(till, other)
    past_midnight(till)
    with logged() as logs:
        run()
    payment = till.shop.payments_of(order.provider_order_id)[0]["id"]
    assert kept() == [(payment, "settled_unknown", 20_000)]
    assert [line["reason"] for line in logs if line["event"] == "settlement differs"] == ["settled_unknown"]
    till.collector.no_query_before = None
    till.collect()
    run()
    assert kept() == []
    assert [settled.matched for settled in settlements()] == [2]


def _learn_only(till, order):
    """The collector has asked after this order and no other."""
    from urja.apps.payments.models import Order

    Order.objects.exclude(id=order.id).update(ask_at=None)
    till.collect()
    Order.objects.exclude(id=order.id).update(ask_at=till.shop.now)
    till.collector.no_query_before = till.shop.now + timedelta(days=1)


def told_as(reconciler, monkeypatch, **changes):
    """The report tells every row otherwise than the gateway's book has it."""
    real = reconciler.gateway.client.settled_on
    monkeypatch.setattr(
        reconciler.gateway.client, "settled_on", lambda day: [replace(fact, **changes) for fact in real(day)]
    )


MISFITS = [
    ({"amount_minor": 19_999, "fee_minor": 0, "tax_minor": 0, "credit_minor": 19_999}, "settled_other_amount", 19_999),
    ({"currency": "USD"}, "settled_other_amount", 20_000),
    ({"credit_minor": 1}, "settled_wrong_sum", 20_000),
    ({"fee_minor": 0, "tax_minor": 1, "credit_minor": 20_000}, "settled_wrong_sum", 20_000),
    ({"kind": "adjustment"}, "settled_other_kind", 20_000),
    ({"entity_id": "pay_of_nobody"}, "settled_unknown", 20_000),
]  # fmt: skip


def test_a_row_that_does_not_fit_is_kept_for_a_clerk(till, run, reconciler, monkeypatch):
    """Six payments of one settlement, of which each is told otherwise than the gateway's book has it."""
    from urja.apps.payments import queries

    paid = pay(till, *[20_000] * len(MISFITS))
    past_midnight(till)
    told = dict(zip(paid, MISFITS, strict=True))
    real = reconciler.gateway.client.settled_on
    monkeypatch.setattr(
        reconciler.gateway.client,
        "settled_on",
        lambda day: [replace(fact, **told[fact.entity_id][0]) for fact in real(day)],
    )
    run()
    run()
    assert sorted(kept()) == sorted(
        (changes.get("entity_id", payment), reason, amount)
        for payment, (changes, reason, amount) in told.items()
    )
    # What is told in another currency is a settlement of its own.
    assert sorted((settled.rows, settled.matched) for settled in settlements()) == [(1, 0), (5, 0)]
    assert queries.in_transit().payments == 6


def test_a_payment_that_was_settled_and_credited_to_no_account(till, run):
    """Kept for a clerk when it was paid; that its money came is a difference of the settlement."""
    order = till.order(20_000)
    till.shop.pay(order.provider_order_id)
    till.collect()
    from urja.apps.payments.models import Payment

    Payment.objects.update(credit_id=None)
    past_midnight(till)
    run()
    assert [reason for _, reason, _ in kept()] == ["settled_uncredited"]


def test_paid_and_in_no_settlement_after_some_days(till, run, reconciler, monkeypatch):
    [payment] = pay(till, 20_000)
    real = reconciler.gateway.client.settled_on
    monkeypatch.setattr(reconciler.gateway.client, "settled_on", lambda _day: [])
    till.shop.move(days=3, hours=23)
    run()
    assert kept() == []
    till.shop.move(hours=2)
    run()
    assert kept() == [(payment, "unsettled", 20_000)]
    # It comes late after all: the difference is gone by itself.
    [row] = till.shop.until(lambda: till.shop.get("/book/payments")["settlement_rows"])
    settled_on = datetime.fromtimestamp(row["settled_at"], IST).date()
    monkeypatch.setattr(reconciler.gateway.client, "settled_on", lambda _day: real(settled_on))
    run()
    assert kept() == []


def test_a_difference_that_a_clerk_has_closed_stays_closed(till, run, reconciler, monkeypatch):
    from django.db import transaction

    from urja.apps.payments import differences
    from urja.apps.payments.models import Unmatched

    pay(till, 20_000)
    past_midnight(till)
    told_as(reconciler, monkeypatch, currency="USD")
    run()
    with as_role("urja_pipeline"), transaction.atomic():
        found = differences.lock(Unmatched.objects.get().id)
        differences.close(found, "settled by hand", at=till.shop.now, actor="user 1", operation_id=1)
    run()
    assert kept() == []


def test_a_difference_that_comes_again_is_open_again_with_what_was_said_of_it(till, run):
    from urja.apps.payments import differences, queries
    from urja.apps.payments.models import Payment, SettlementRow, Unmatched

    [payment] = pay(till, 20_000)
    past_midnight(till)
    credit_id = Payment.objects.get().credit_id
    for credit, expected in ((None, 1), (credit_id, 0), (None, 1)):
        Payment.objects.update(credit_id=credit)
        SettlementRow.objects.update(matched_at=None)
        run()
        assert kept() == [(payment, "settled_uncredited", 20_000)] * expected
        found = Unmatched.objects.get()
        if not queries.notes(found):
            differences.annotate(found, "asked the bank", at=till.shop.now, actor="user 1", operation_id=1)
    assert [note["text"] for note in queries.notes(Unmatched.objects.get())] == ["asked the bank"]


def test_a_row_that_is_told_otherwise_later_is_kept_and_the_first_stands(till, run, reconciler, monkeypatch):
    [payment] = pay(till, 20_000)
    past_midnight(till)
    run()
    before = settlements()
    told_as(reconciler, monkeypatch, fee_minor=1, tax_minor=0, credit_minor=19_999)
    run()
    assert settlements() == before
    assert kept() == [(payment, "settled_otherwise", 20_000)]


def test_what_is_held_back_is_in_no_settlement_yet():
    from urja.apps.payments.providers.razorpay import words

    row = {
        "entity_id": "pay_1", "type": "payment", "amount": 100, "currency": "INR", "fee": 2, "tax": 0, "credit": 98,
        "debit": 0, "settled": False, "created_at": 1, "settled_at": None, "settlement_id": None,
    }  # fmt: skip
    assert words.settlement(row) is None
    settled = row | {"settled": True, "settled_at": 86_400, "settlement_id": "setl_1", "settlement_utr": None}
    fact = words.settlement(settled)
    assert (fact.settlement_id, fact.utr, fact.settled_at) == ("setl_1", "", datetime(1970, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("told", "known_as"),
    [
        ({"type": "adjustment", "debit": 100}, ("disp_1", "dispute")),
        ({"type": "adjustment", "credit": 100}, ("adj_1", "adjustment")),
        ({"type": "payment", "debit": 2}, ("adj_1", "payment")),
    ],
)
def test_only_what_is_deducted_by_an_adjustment_is_the_disputes(told, known_as):
    """A payment's own row may name a dispute too: it stays the payment's, or it would be settled as money taken."""
    from urja.apps.payments.providers.razorpay import words

    row = {
        "entity_id": "adj_1", "amount": 100, "currency": "INR", "fee": 0, "tax": 0, "credit": 0, "debit": 0,
        "settled": True, "created_at": 1, "settled_at": 86_400, "settlement_id": "setl_1", "dispute_id": "disp_1",
    }  # fmt: skip
    fact = words.settlement(row | told)
    assert (fact.entity_id, fact.kind) == known_as


def test_reports_of_more_than_a_page_are_had_whole(till, run, monkeypatch):
    from urja.apps.payments.providers.razorpay import client

    monkeypatch.setattr(client, "_SETTLED_PAGE", 2)
    pay(till, *range(10_000, 15_000, 1_000))
    past_midnight(till)
    run()
    [settled] = settlements()
    assert (settled.rows, settled.matched) == (5, 5)


def test_the_web_reads_what_was_settled_and_writes_nothing(till, run):
    from django.db import ProgrammingError

    from urja.apps.payments.models import SettlementRow

    pay(till, 20_000)
    past_midnight(till)
    run()
    with as_role("urja_web"):
        assert SettlementRow.objects.count() == 1
        with pytest.raises(ProgrammingError, match="permission denied"):
            SettlementRow.objects.update(matched_at=None)
    with as_role("urja_pipeline"), pytest.raises(ProgrammingError, match="permission denied"):
        SettlementRow.objects.update(credit_minor=0)


def test_the_books_laws_hold_after_it(till, run, database):
    pay(till, 20_000)
    past_midnight(till)
    run()
    with database.connect() as connection:
        assert all(laws(connection).values())
