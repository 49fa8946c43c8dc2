"""Two gateways of two providers at once: one account pays by both, and faults of one do not touch the other."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.test import Client, override_settings
from tests.apps.payments.till import as_role
from tests.apps.town import START, adopt
from tests.providers import benches
from tests.providers.line import Trouble

import urja
from urja.apps.payments.config import PaymentsConfig
from urja.base.settings import GatewaySettings, PaymentsSettings

NAMES = ("one", "two")
SOURCE = Path(urja.__file__).parent
MAY_NAME_ONE = (
    "apps/payments/providers/",
    "sandbox/",
    "site/supervisor/sandbox_gateway.py",
    "demo/stand_ins.py",
    "site/supervisor/secrets.py",
)
"""A provider's folder, its stand-in, what runs it, the settings of the demonstration, and what an earlier version kept."""


@pytest.fixture
def both(database, tmp_path):
    """Bench and collector of each, by the gateway's name; and the account."""
    from urja.apps.payments import clients
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.pipeline.collect import Collector

    load_tariff(bundled_tariffs()["demo-domestic.toml"], START)
    account_id = adopt(1, tariff_code="demo-domestic", sanctioned_load_w=3000).account_id
    with benches.razorpay(tmp_path) as one, benches.coinbox(tmp_path) as two:
        found = dict(zip(NAMES, (one, two), strict=True))
        settings = PaymentsSettings(
            gateways={
                name: GatewaySettings(provider=bench.provider, options=bench.options())
                for name, bench in found.items()
            }
        )
        config = PaymentsConfig.of(settings, {name: bench.secrets for name, bench in found.items()})
        with override_settings(URJA_PAYMENTS=config, ALLOWED_HOSTS=["testserver"]):
            collectors = {name: Collector(clients.gateway(name), 0.0) for name in NAMES}
            for collector in collectors.values():
                collector.gateway.client.timeout_s = 0.5
            yield account_id, found, collectors


def collect(both):
    from urja.pipeline.credits import post_credits

    _account_id, found, collectors = both
    with as_role("urja_pipeline"):
        for _ in range(2):
            for name, collector in collectors.items():
                collector.run_once(found[name].now)
            post_credits(found["one"].now)


def orders(both):
    from urja.apps.payments import requests
    from urja.apps.payments.queries import gateways

    with as_role("urja_web"):
        return {
            name: requests.open_order(
                gateways.config(), name, account_id=both[0], user_id=None, amount_minor=amount, currency="INR",
                now=both[1][name].now,
            )
            for name, amount in zip(NAMES, (20_000, 30_000), strict=True)
        }  # fmt: skip


def credited(both):
    from urja.apps.billing.queries import ledger_entries

    return sorted(entry.amount_minor for entry in ledger_entries.entries(both[0], 100))


def test_one_account_pays_by_both_and_each_is_settled_by_its_own(both):
    from urja.apps.payments import queries
    from urja.apps.payments.models import Payment
    from urja.pipeline.reconcile import Reconciler

    _account_id, found, collectors = both
    placed = orders(both)
    collect(both)
    for name, order in placed.items():
        order.refresh_from_db()
        found[name].pay(order.provider_order_id, order.amount_minor)
        with as_role("urja_web"):
            headers, body = found[name].webhooks()[-1]
            path = f"/hooks/payments/{name}/"
            assert (
                Client().post(path, body, content_type="application/json", headers=headers).status_code == 200
            )
    collect(both)
    assert credited(both) == [20_000, 30_000]
    assert set(Payment.objects.values_list("provider", "amount_minor")) == {("one", 20_000), ("two", 30_000)}
    for name in NAMES:
        found[name].settle()
        with as_role("urja_pipeline"):
            Reconciler(collectors[name].gateway, ZoneInfo("Asia/Kolkata"), timedelta(days=4), 0.0).run_once(
                found[name].now
            )
    assert queries.settlement_differences() == []
    assert queries.in_transit().payments == 0
    assert sorted(settlement.gross_minor for settlement in queries.settlements()) == [20_000, 30_000]


@pytest.mark.parametrize("unanswering", NAMES)
def test_a_gateway_without_an_answer_delays_no_payment_of_the_other_and_is_reported(both, unanswering):
    from urja.apps.payments import queries

    _account_id, found, _collectors = both
    [speaks] = set(NAMES) - {unanswering}
    placed = orders(both)
    collect(both)
    for name, order in placed.items():
        order.refresh_from_db()
        found[name].pay(order.provider_order_id, order.amount_minor)
    answered_at = queries.last_answered_at()
    for bench in found.values():
        bench.move(hours=1)
    found[unanswering].line.trouble = Trouble.SILENCE
    collect(both)
    assert credited(both) == [placed[speaks].amount_minor]
    assert queries.last_answered_at() == answered_at < found[speaks].now, (
        "no cut rests on half of the payments"
    )
    found[unanswering].line.trouble = Trouble.NONE
    for bench in found.values():
        bench.move(hours=1)
    collect(both)
    assert credited(both) == [20_000, 30_000]


def test_no_providers_word_stands_outside_its_folder():
    naming = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "razorpay" in path.read_text("utf-8").lower() or "coinbox" in path.read_text("utf-8").lower()
    }
    assert [path for path in sorted(naming) if not path.startswith(MAY_NAME_ONE)] == []
