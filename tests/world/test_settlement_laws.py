"""Each law of settlement is seen to fail when the code that should keep it is broken.

Against the gateway's own process and its book; ours is in PostgreSQL.
"""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.apps.payments.till import as_role, opened_till  # noqa: F401 - a fixture

from urja.laws import gateway_settlements as settlement_laws


def held(database, till, hours=1) -> dict[str, tuple[str, ...]]:
    """What contradicts each law."""
    book = till.shop.get("/book/payments")
    with database.connect() as connection:
        findings = settlement_laws.examine(
            connection, book["payments"], book["settlement_rows"], till.shop.now + timedelta(hours=hours)
        )
    return {finding.law: finding.contradictions for finding in findings}


def caught_up(database, till) -> bool:
    with database.connect() as connection:
        rows = till.shop.get("/book/payments")["settlement_rows"]
        return settlement_laws.caught_up(connection, rows)


def a_day_of_money(till, *, learn: bool = True) -> None:
    """By card and by UPI, a part given back, one taken back, one disputed and lost; then midnight, and one on its way."""
    upi, card, reversed_, disputed = (till.order(amount) for amount in (20_000, 12_345, 9_900, 7_700))
    till.shop.pay(upi.provider_order_id)
    till.shop.card(card.provider_order_id, "4111 1111 1111 1111")
    till.shop.card(reversed_.provider_order_id, "5105 1051 0510 5100")
    till.shop.card(disputed.provider_order_id, "4000 0000 0000 0259")
    till.collect()
    [payment] = till.shop.payments_of(card.provider_order_id)
    till.shop.post(f"/v1/payments/{payment['id']}/refund", amount=2_345)
    till.shop.move(hours=2)
    till.shop.until(lambda: _processed(till) == 2)
    till.collect()
    till.shop.move(hours=3)
    till.shop.until(lambda: till.shop.get("/v1/disputes")["items"][0]["status"] == "lost")
    till.collect()
    till.shop.move(hours=10)
    till.shop.until(lambda: len(till.shop.get("/book/payments")["settlement_rows"]) == 7)
    young = till.order(5_000)
    till.shop.pay(young.provider_order_id)
    till.collect()
    if learn:
        reconcile(till)


def _processed(till) -> int:
    return sum(refund["status"] == "processed" for refund in till.shop.get("/v1/refunds")["items"])


def reconcile(till) -> None:
    from urja.pipeline.reconcile import Reconciler

    stage = Reconciler(till.gateway, ZoneInfo("Asia/Kolkata"), timedelta(days=7), 0.0)
    with as_role("urja_pipeline"):
        stage.run_once(till.shop.now)


def takes_half(patch):
    """What reached the bank is read as half of it."""
    from urja.apps.payments import reconciliation

    real = reconciliation.store
    patch.setattr(
        reconciliation,
        "store",
        lambda provider, day, facts, now: real(
            provider, day, [replace(fact, credit_minor=fact.credit_minor // 2) for fact in facts], now
        ),
    )


def forgets_tax(patch):
    from urja.apps.payments import reconciliation

    real = reconciliation.store
    patch.setattr(
        reconciliation,
        "store",
        lambda provider, day, facts, now: real(
            provider, day, [replace(fact, tax_minor=0) for fact in facts], now
        ),
    )


def leaves_refunds_out(patch):
    from urja.apps.payments.providers.razorpay import words

    real = words.settlement
    patch.setattr(words, "settlement", lambda row: None if row["type"] == "refund" else real(row))


def reads_one_page(patch):
    from urja.apps.payments.providers.razorpay import client

    patch.setattr(client, "_SETTLED_PAGE", 3)
    patch.setattr(
        client.Client,
        "_pages",
        lambda gateway, path, asked, count: iter(
            gateway._call("GET", path, params={**asked, "count": count})["items"]
        ),
    )


def credits_half(patch):
    from urja.apps.payments import crediting

    real = crediting.books.request_credit
    patch.setattr(
        crediting.books,
        "request_credit",
        lambda **more: real(**more | {"amount_minor": more["amount_minor"] // 2}),
    )


def credits_nothing_and_looks_away(patch):
    from urja.apps.payments import crediting, reconciliation

    patch.setattr(crediting, "_credit", lambda *_: None)
    patch.setattr(reconciliation, "reconcile", lambda *_: reconciliation.ReconciliationCounts())


def keeps_what_was_taken_back(patch):
    """A reversal is noted and never debited."""
    from urja.apps.payments import crediting, reconciliation

    patch.setattr(crediting, "_debit", lambda *_: None)
    patch.setattr(reconciliation, "reconcile", lambda *_: reconciliation.ReconciliationCounts())


def looks_away_from_disputes(patch):
    from urja.apps.payments import crediting, reconciliation

    patch.setattr(crediting, "apply_dispute", lambda *_: True)
    patch.setattr(reconciliation, "reconcile", lambda *_: reconciliation.ReconciliationCounts())


def takes_a_lost_dispute_twice(patch):
    from urja.apps.payments import crediting

    real = crediting.books.request_debit

    def request(**more):
        if "disp_" in more["idempotency_key"]:
            real(**more | {"idempotency_key": f"{more['idempotency_key']}:again"})
        return real(**more)

    patch.setattr(crediting.books, "request_debit", request)


MUTATIONS = [
    (looks_away_from_disputes, {"settled_is_booked"}),
    (takes_a_lost_dispute_twice, {"revenue_is_the_gateways"}),
    (takes_half, {"settlements_are_known", "settlements_sum_up"}),
    (forgets_tax, {"settlements_are_known", "settlements_sum_up"}),
    (leaves_refunds_out, {"settlements_are_known"}),
    (reads_one_page, {"settlements_are_known"}),
    (credits_half, {"settled_is_booked", "revenue_is_the_gateways"}),
    (credits_nothing_and_looks_away, {"settled_is_booked"}),
    (keeps_what_was_taken_back, {"settled_is_booked"}),
]


def test_all_hold(till, database):
    a_day_of_money(till)
    assert {law: found for law, found in held(database, till).items() if found} == {}
    assert caught_up(database, till)
    rows = till.shop.get("/book/payments")["settlement_rows"]
    figures = settlement_laws.figures(rows)
    assert figures["settlements"] == 1
    fees = sum(row["fee"] for row in rows)
    assert fees > 0
    assert figures["settled_net_minor"] == 20_000 + 12_345 + 9_900 + 7_700 - 2_345 - 9_900 - 7_700 - fees


@pytest.mark.parametrize(("mutate", "broken"), MUTATIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_mutation_breaks_them(till, database, monkeypatch, mutate, broken):
    mutate(monkeypatch)
    a_day_of_money(till)
    found = held(database, till)
    assert broken <= {law for law, contradictions in found.items() if contradictions}, found


def test_one_that_is_young_need_not_be_known_and_is_waited_for(till, database):
    a_day_of_money(till, learn=False)
    assert held(database, till, hours=-4)["settlements_are_known"] == ()
    assert held(database, till)["settlements_are_known"] != ()
    assert not caught_up(database, till)


def test_a_settlement_of_no_account(till, database):
    a_day_of_money(till)
    with database.connect() as connection:
        connection.execute("UPDATE payments_settlement_row SET entity_id = 'pay_of_nobody' WHERE kind = 'payment' "
                           "AND amount_minor = 20000")  # fmt: skip
        connection.commit()
    found = held(database, till)
    assert any("never settled by the gateway" in one for one in found["settlements_are_known"])
    assert any("not listed for a clerk" in one for one in found["settled_is_booked"])
