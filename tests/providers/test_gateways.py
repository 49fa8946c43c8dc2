"""Requirements on every payment gateway: each of `benches.GATEWAYS` runs all of these tests.

The settings alone name a gateway; the connection to it fails as a test says.
"""

import pkgutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module, resources
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.test import Client, override_settings
from msgspec import convert
from tests.apps.payments.till import Till, as_role
from tests.apps.town import START, adopt
from tests.providers import benches
from tests.providers.benches import Bench
from tests.providers.line import Trouble

from urja.apps.payments.config import PROVIDERS, PaymentsConfig
from urja.base.settings import GatewaySettings, PaymentsSettings

FILES = {"client", "page", "settings", "webhook", "words"}
IST = ZoneInfo("Asia/Kolkata")
UNREACHED = [Trouble.ERROR, Trouble.LIMIT, Trouble.SILENCE]
UNKNOWN = [Trouble.ANSWER_LOST, Trouble.ERROR_AFTER, Trouble.NONSENSE]


@pytest.fixture(scope="module", params=benches.GATEWAYS)
def bench(request, tmp_path_factory):
    """One for all tests that have no database of their own: each takes orders of its own."""
    with benches.GATEWAYS[request.param](tmp_path_factory.mktemp("gateway")) as bench:
        yield bench


@contextmanager
def configured(bench: Bench, name: str = "a-name"):
    """As the settings' file has it."""
    given = GatewaySettings(provider=bench.provider, options=bench.options())
    config = PaymentsConfig.of(PaymentsSettings(gateways={name: given}), {name: bench.secrets})
    with override_settings(URJA_PAYMENTS=config, ALLOWED_HOSTS=["testserver"]):
        from urja.apps.payments import clients

        gateway = clients.gateway(name)
        gateway.client.timeout_s = 1.0
        yield gateway


@pytest.fixture
def gateway(bench, django):
    bench.line.trouble = Trouble.NONE
    with configured(bench) as gateway:
        yield gateway


@pytest.fixture
def django(database_template):
    """Models can be imported; the database of all is not written to."""


def package(bench: Bench) -> str:
    return bench.provider if "." in bench.provider else f"{PROVIDERS}.{bench.provider}"


# -- its folder ----------------------------------------------------------------------------------------------


def test_its_folder_has_the_same_few_files(bench, django):
    found = import_module(package(bench))
    assert {module.name for module in pkgutil.iter_modules(found.__path__)} == FILES
    assert (resources.files(found) / "README.md").read_text().startswith("# ")
    settings, webhook = (import_module(f"{found.__name__}.{name}") for name in ("settings", "webhook"))
    assert settings.PROVEN
    assert settings.why_no_money_moves(convert(bench.options(), settings.Options)), "it is a stand-in"
    assert len(settings.SECRETS) == len(set(settings.SECRETS)) > 0
    assert 0 < len(webhook.HEADERS) <= 8
    assert [name for name in webhook.HEADERS if name != name.lower()] == []


# -- orders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount_minor", [100, 20_001, 2_500_000])
def test_an_order_has_our_receipt_and_the_amount_in_minor_units(gateway, amount_minor):
    placed = gateway.client.place_order(f"urja-{amount_minor}", amount_minor, "INR", again=False)
    fact = gateway.client.order(placed)
    assert (fact.order_id, fact.receipt, fact.amount_minor, fact.currency) == (
        placed, f"urja-{amount_minor}", amount_minor, "INR",
    )  # fmt: skip


@pytest.mark.parametrize("trouble", UNKNOWN, ids=lambda trouble: trouble.name)
def test_an_order_whose_answer_is_unknown_is_not_placed_twice(bench, gateway, trouble):
    from urja.apps.payments.errors import GatewayAwayError

    receipt = f"urja-{trouble.name}"
    bench.line.trouble = trouble
    with pytest.raises(GatewayAwayError):
        gateway.client.place_order(receipt, 20_000, "INR", again=False)
    bench.line.trouble = Trouble.NONE
    assert bench.orders(receipt) == 1, "it arrived"
    placed = gateway.client.place_order(receipt, 20_000, "INR", again=True)
    assert gateway.client.place_order(receipt, 20_000, "INR", again=True) == placed
    assert bench.orders(receipt) == 1


@pytest.mark.parametrize("trouble", UNREACHED, ids=lambda trouble: trouble.name)
def test_a_gateway_that_is_not_reached_is_away_for_every_call(bench, gateway, trouble):
    from urja.apps.payments.errors import GatewayAwayError

    client, now = gateway.client, bench.now
    client.timeout_s = 0.2
    bench.line.trouble = trouble
    calls = [
        lambda: client.place_order("urja-x", 20_000, "INR", again=False), lambda: client.order("x"),
        lambda: client.payments_of("x"), lambda: client.payment("x"), lambda: client.payments_since(now),
        lambda: client.refund("x"), lambda: client.refunds_since(now), lambda: client.dispute("x"),
        lambda: client.disputes_since(now), lambda: client.settled_on(now.date()),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(GatewayAwayError):
            call()


def test_what_it_does_not_know_is_refused_and_leads_nowhere_else(bench, gateway):
    from urja.apps.payments.errors import GatewayRefusedError

    for call in (gateway.client.order, gateway.client.payment, gateway.client.refund, gateway.client.dispute):
        for name in ("never-made", "../orders", "a/b?c=d"):
            with pytest.raises(GatewayRefusedError):
                call(name)


# -- payments ------------------------------------------------------------------------------------------------


def test_payments_of_an_order_in_our_words(bench, gateway):
    from urja.apps.payments.kinds import PaymentState
    from urja.apps.payments.port import Method

    placed = gateway.client.place_order("urja-words", 12_345, "INR", again=False)
    assert gateway.client.payments_of(placed) == []
    failed, paid = bench.decline(placed), bench.pay(placed, 12_345)
    facts = {fact.payment_id: fact for fact in gateway.client.payments_of(placed)}
    assert {name: fact.state for name, fact in facts.items()} == {
        failed: PaymentState.FAILED, paid: PaymentState.CAPTURED,
    }  # fmt: skip
    assert facts[failed].error
    assert facts[paid] == gateway.client.payment(paid)
    assert (facts[paid].order_id, facts[paid].amount_minor, facts[paid].currency) == (placed, 12_345, "INR")
    assert {type(fact.state) for fact in facts.values()} == {PaymentState}
    assert (facts[failed].method, facts[paid].method) == (Method.CARD, Method.UPI)


def test_what_is_authorised_is_captured_once(bench, gateway):
    from urja.apps.payments.errors import GatewayRefusedError
    from urja.apps.payments.kinds import PaymentState

    held = gateway.client.payment(bench.hold())
    assert held.state is PaymentState.AUTHORISED
    assert gateway.client.capture(held).state is PaymentState.CAPTURED
    with pytest.raises(GatewayRefusedError):
        gateway.client.capture(held)


def test_everything_of_a_list_is_had_page_by_page(bench, gateway, monkeypatch):
    bench.small_pages(monkeypatch)
    bench.move(minutes=1)
    since = bench.now
    paid = [
        bench.pay(gateway.client.place_order(f"urja-page-{n}", 10_000 + n, "INR", again=False), 10_000 + n)
        for n in range(5)
    ]
    assert sorted(fact.payment_id for fact in gateway.client.payments_since(since)) == sorted(paid)
    given_back = [bench.give_back(payment, 1_000 + n) for n, payment in enumerate(paid[:3])]
    refunds = {fact.refund_id: fact for fact in gateway.client.refunds_since(since)}
    assert [refunds[name].amount_minor for name in given_back] == [1_000, 1_001, 1_002]
    assert refunds[given_back[0]] == gateway.client.refund(given_back[0])
    assert refunds[given_back[0]].payment_id == paid[0]

    rows = {fact.entity_id: fact for fact in gateway.client.settled_on(bench.settle())}
    assert set(rows) >= {*paid, *given_back}
    assert [rows[name].amount_minor for name in paid] == [10_000 + n for n in range(5)]
    for fact in rows.values():
        assert fact.kind in {"payment", "refund", "dispute"}
        gross = fact.amount_minor if fact.kind == "payment" else -fact.amount_minor
        assert fact.credit_minor - fact.debit_minor == gross - fact.fee_minor
        assert 0 <= fact.tax_minor <= fact.fee_minor
        assert min(fact.credit_minor, fact.debit_minor) == 0
    assert gateway.client.settled_on((bench.now + timedelta(days=9)).date()) == []


@pytest.mark.parametrize("lost", [True, False])
def test_disputes_in_our_words(bench, gateway, lost):
    from urja.apps.payments.port import DisputeState

    since = bench.now
    placed = gateway.client.place_order(f"urja-disputed-{lost}", 20_000, "INR", again=False)
    payment, name = bench.disputed(placed, lost=lost)
    opened = gateway.client.dispute(name)
    assert (opened.state, opened.payment_id, opened.deducted_minor) == (DisputeState.OPEN, payment, 0)
    assert name in {fact.dispute_id for fact in gateway.client.disputes_since(since)}
    bench.decide(name)
    ended = gateway.client.dispute(name)
    assert (ended.state, ended.deducted_minor) == (
        (DisputeState.LOST, 20_000) if lost else (DisputeState.WON, 0)
    )


# -- what comes in -------------------------------------------------------------------------------------------


def test_only_what_it_signed_is_genuine(bench, gateway):
    from urja.apps.payments.port import WebhookSubject

    placed = gateway.client.place_order("urja-signed", 20_000, "INR", again=False)
    paid = bench.pay(placed, 20_000)
    headers, body = bench.webhooks()[-1]
    kept = {name: value for name, value in headers.items() if name in _headers(bench)}
    assert gateway.genuine(kept, body), "the headers that are kept are enough"
    assert gateway.read_event(body).known
    named = [gateway.read_event(told).about for _headers_, told in bench.webhooks()]
    assert (WebhookSubject.PAYMENT, paid) in named

    other = {name: f"{secret}-of-another" for name, secret in bench.secrets.items()}
    assert not gateway.genuine(bench.signed(body, other), body)
    assert not gateway.genuine(headers, body + b" ")
    assert not gateway.genuine({}, body)
    for name in headers:
        assert not gateway.genuine(headers | {name: ""}, body)
        assert not gateway.genuine(headers | {name: "\N{SNOWMAN}" * 1000}, body)
    unsigned = dict.fromkeys(bench.secrets, "")
    nameless = PaymentsConfig.of(
        PaymentsSettings(gateways={"a": GatewaySettings(provider=bench.provider, options=bench.options())})
    )
    with override_settings(URJA_PAYMENTS=nameless):
        from urja.apps.payments import clients

        assert not clients.gateway("a").genuine(bench.signed(body, unsigned), body), (
            "without a secret none is"
        )


def _headers(bench: Bench) -> tuple[str, ...]:
    return import_module(f"{package(bench)}.webhook").HEADERS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"event": 1, "topic": 1}',
        b"[" * 10_000,
        b'{"topic": "attempt"}',
    ],
)
def test_what_cannot_be_read_is_said_to_be(gateway, body):
    with pytest.raises((ValueError, RecursionError)):
        gateway.read_event(body)


def test_a_return_is_signed_for_its_order(bench, gateway):
    placed = gateway.client.place_order("urja-returned", 20_000, "INR", again=False)
    paid = bench.pay(placed, 20_000)
    query = bench.returned(placed, paid, bench.secrets)
    other = {name: f"{secret}-of-another" for name, secret in bench.secrets.items()}
    assert gateway.returned(query, placed)
    assert not gateway.returned(query, "another")
    assert not gateway.returned(bench.returned(placed, paid, other), placed)
    assert not gateway.returned("", placed)


def test_its_page_is_opened_and_the_policy_widens_to_it_alone(bench, gateway):
    from urja.apps.payments.port import Checkout
    from urja.apps.payments.queries import gateways

    [given] = gateways.config().gateways
    page, back = gateways.page(given), "https://urja.example/accounts/1/"
    checkout = Checkout(
        "order/..?x",
        20_001,
        "INR",
        "Neem",
        "asha@example.org",
        "+919876543210",
        f"{back}returned/",
        back,
        "hi",
    )
    opening = page.opening(given.options, checkout)
    parts = urlsplit(opening.address)
    given_back = opening.fields or dict(parse_qsl(parts.query))
    assert f"{back}returned/" in given_back.values()
    assert "order/..?x" not in opening.address
    origin = f"{parts.scheme}://{parts.netloc}"
    assert opening.policy == ({} if opening.fields is None else {"form-action": (origin,)})
    assert len(page.RETURNED) > 0
    said = dict.fromkeys(page.RETURNED, "x" * 999)
    assert gateways.returned({**said, "more": "x"}) == dict.fromkeys(page.RETURNED, "x" * 200)


# -- from its wire to the ledger -----------------------------------------------------------------------------


@dataclass
class Counter(Till):
    """Web and pipeline around a gateway, each with the rights of its role."""

    bench: Any = None

    def knock(self, *webhooks: benches.Webhook) -> list[int]:
        """Webhooks come in by the web's own door."""
        with as_role("urja_web"):
            return [
                Client().post(
                    f"/hooks/payments/{self.gateway.name}/", body, content_type="application/json", headers=headers
                ).status_code
                for headers, body in webhooks
            ]  # fmt: skip


@pytest.fixture(params=benches.GATEWAYS)
def counter(request, database, tmp_path):
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.pipeline.collect import Collector

    load_tariff(bundled_tariffs()["demo-domestic.toml"], START)
    adopted = adopt(1, tariff_code="demo-domestic", sanctioned_load_w=3000)
    with benches.GATEWAYS[request.param](tmp_path) as bench, configured(bench) as gateway:
        counter = Counter(bench, adopted.account_id, gateway, Collector(gateway, 0.0), bench)
        yield counter
        counter.close()


CREDITED = [("recharge", 20_000)]


def test_webhooks_in_any_order_and_repeated_credit_once(counter):
    order = counter.order()
    counter.bench.pay(order.provider_order_id, 20_000)
    told = counter.bench.webhooks()
    for webhook in [*reversed(told), *told]:
        assert counter.knock(webhook) == [200]
        counter.collect()
    assert counter.entries() == CREDITED
    assert counter.state(order) == "credited"


def test_a_forged_webhook_leads_to_no_question(counter):
    from urja.apps.payments.models import Inbox, Order

    order = counter.order()
    counter.bench.pay(order.provider_order_id, 20_000)
    Order.objects.update(ask_at=None)
    counter.collect()
    bench, asked = counter.bench, len(counter.bench.line.requests)
    other = {name: f"{secret}-of-another" for name, secret in bench.secrets.items()}
    assert counter.knock(*((bench.signed(body, other), body) for _headers, body in bench.webhooks()))
    counter.collect()
    assert {row.verdict for row in Inbox.objects.all()} == {"forged"}
    assert len(bench.line.requests) == asked
    assert counter.entries() == []


@pytest.mark.parametrize("trouble", UNKNOWN, ids=lambda trouble: trouble.name)
def test_whatever_is_lost_on_the_line_one_order_is_placed_and_credited_once(counter, trouble):
    order = counter.asked_for()
    for _ in range(2):
        counter.bench.line.trouble = trouble
        counter.collect()
        assert counter.state(order) == "created"
        counter.bench.move(minutes=1)
    counter.bench.line.trouble = Trouble.NONE
    counter.collect()
    assert counter.state(order) == "pending"
    assert counter.bench.orders(order.receipt) == 1
    counter.bench.pay(order.provider_order_id, 20_000)
    counter.bench.line.trouble = trouble
    counter.knock(*counter.bench.webhooks())
    counter.collect()
    assert counter.entries() == [], "what is unknown is no credit"
    counter.bench.line.trouble = Trouble.NONE
    counter.bench.move(minutes=1)
    counter.collect()
    assert counter.entries() == CREDITED


def test_what_goes_back_is_debited_once_and_settled(counter):
    from urja.apps.payments import queries
    from urja.pipeline.reconcile import Reconciler

    order, disputed = counter.order(), counter.order(30_000)
    payment = counter.bench.pay(order.provider_order_id, 20_000)
    counter.bench.give_back(payment, 5_000)
    _payment, dispute = counter.bench.disputed(disputed.provider_order_id, lost=True)
    counter.bench.decide(dispute)
    counter.bench.move(minutes=10)
    for _ in range(2):
        counter.knock(*counter.bench.webhooks())
        counter.collect()
        counter.bench.move(minutes=10)
    assert sorted(counter.entries()) == [
        ("recharge", 20_000), ("recharge", 30_000), ("reversal", -30_000), ("reversal", -5_000),
    ]  # fmt: skip
    assert counter.reasons() == ["dispute_lost"]

    counter.bench.settle()
    reconciler = Reconciler(counter.gateway, IST, timedelta(days=4), 0.0)
    with as_role("urja_pipeline"):
        reconciler.run_once(counter.bench.now)
    assert queries.settlement_differences() == []
    transit = queries.in_transit()
    assert (transit.payments, transit.refunds) == (0, 0)
