"""`urja settlement show`, over a gateway's own settlements."""

import json
from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.apps.payments.till import opened_till  # noqa: F401 - a fixture

from urja.site.admin import Administration
from urja.site.cli.settlement import settlement


@pytest.fixture
def show(monkeypatch):
    """The command's output, over the test's database."""
    installation = SimpleNamespace(setup_django=lambda: None)
    monkeypatch.setattr(Administration, "of", lambda _data: installation)

    def shown(*arguments):
        done = CliRunner().invoke(settlement, ["show", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return shown


@pytest.fixture
def a_settlement(till):
    from urja.pipeline.reconcile import Reconciler

    order = till.order(12_345)
    till.shop.card(order.provider_order_id, "4111 1111 1111 1111")
    till.collect()
    till.shop.move(hours=15)
    rows = till.shop.until(lambda: till.shop.get("/book/payments")["settlement_rows"])
    later = till.order(5_000)
    till.shop.pay(later.provider_order_id)
    till.collect()
    Reconciler(till.gateway, ZoneInfo("Asia/Kolkata"), timedelta(days=7), 0.0).run_once(till.shop.now)
    return rows[0]


def test_nothing_settled_yet(till, show):
    assert show().splitlines() == [
        "There are no settlements.",
        "In transit: 0.00 (payments: 0, refunds: 0)",
    ]


def test_a_settlement_and_what_is_on_its_way(a_settlement, show):
    first, way = show().splitlines()
    row = a_settlement
    net = (row["amount"] - row["fee"]) / 100
    assert first == (
        f"2026-03-03  {row['settlement_id']}  {row['settlement_utr']}  123.45 paid - 0.00 refunded "
        f"- {row['fee'] / 100:.2f} fees ({row['tax'] / 100:.2f} of it tax) = {net:.2f} INR; 1 of 1 rows match"
    )
    assert way == "In transit: 50.00 (payments: 1, refunds: 0), the oldest of 2026-03-02"


def test_a_days_rows(a_settlement, show):
    _, row, _ = show("--day", "2026-03-03").splitlines()
    assert row.split() == ["payment", a_settlement["entity_id"], "123.45", "matches"]
    assert show("--day", "2026-03-02").startswith("There are no settlements.")


def test_differences_and_a_report_that_cannot_be_had(a_settlement, till, show):
    from urja.apps.payments.models import Payment, SettlementReport, SettlementRow
    from urja.apps.payments.reconciliation import reconcile

    Payment.objects.filter(payment_id=a_settlement["entity_id"]).update(credit_id=None)
    SettlementRow.objects.update(matched_at=None)
    reconcile("razorpay", till.shop.now, till.shop.now)
    SettlementReport.objects.filter(day="2026-03-03").update(last_error="it answers 503")
    told = json.loads(show("--day", "2026-03-03", "--json"))
    [settled] = told["settlements"]
    assert (settled["gross_minor"], settled["rows"], settled["matched"]) == (12_345, 1, 0)
    assert [row["matched"] for row in settled["told"]] == [False]
    reasons = {one["reason"] for one in told["differences"]}
    assert "settled_uncredited" in reasons
    assert told["report"]["error"] == "it answers 503"
    lines = show().splitlines()
    assert any(
        line.startswith(f"A clerk has to check {a_settlement['entity_id']} of 123.45") for line in lines
    )
    assert lines[-1] == "The report of 2026-03-03 is not available: it answers 503"
