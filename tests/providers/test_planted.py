"""A gateway with one planted error fails the suite that every gateway runs."""

from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from itertools import count

import pytest
from tests.providers import benches, test_gateways
from tests.providers.benches import START
from tests.providers.coinbox import client, webhook, words
from tests.providers.line import Trouble

from urja.apps.payments.errors import GatewayRefusedError


def takes_every_signature(patch):
    patch.setattr(webhook, "is_genuine", lambda *_: True)


def leaves_the_time_unsigned(patch):
    real, at = webhook.is_genuine, START.isoformat()
    patch.setattr(
        webhook,
        "is_genuine",
        lambda secrets, headers, body: real(secrets, {**headers, "coinbox-time": at}, body),
    )


def reads_whole_rupees(patch):
    patch.setattr(words, "minor", lambda text: int(float(text)) * 100)


def opens_a_new_order_each_time(patch):
    real, turns = client.Client.place_order, count()
    patch.setattr(
        client.Client,
        "place_order",
        lambda self, receipt, *given, **more: real(self, f"{receipt}-{next(turns)}", *given, **more),
    )


def reads_one_page(patch):
    patch.setattr(
        client.Client,
        "_listed",
        lambda self, path, **asked: self._call("GET", path, params={**asked, "cursor": ""})["rows"],
    )


def takes_an_error_for_a_no(patch):
    patch.setattr(client, "GatewayAwayError", client.GatewayRefusedError)


def wins_every_dispute(patch):
    patch.setitem(words._VERDICTS, "CARDHOLDER", words.DisputeState.WON)


def pays_out_more_than_was_paid(patch):
    real = words.settlement

    def settlement(line):
        fact = real(line)
        return replace(fact, credit_minor=fact.credit_minor + 1)

    patch.setattr(words, "settlement", settlement)


PLANTED: list[tuple[Callable, Callable, dict]] = [
    (takes_every_signature, test_gateways.test_only_what_it_signed_is_genuine, {}),
    (leaves_the_time_unsigned, test_gateways.test_only_what_it_signed_is_genuine, {}),
    (reads_whole_rupees, test_gateways.test_an_order_has_our_receipt_and_the_amount_in_minor_units, {"amount_minor": 20_001}),
    (opens_a_new_order_each_time, test_gateways.test_an_order_whose_answer_is_unknown_is_not_placed_twice, {"trouble": Trouble.ANSWER_LOST}),
    (reads_one_page, test_gateways.test_everything_of_a_list_is_had_page_by_page, {}),
    (pays_out_more_than_was_paid, test_gateways.test_everything_of_a_list_is_had_page_by_page, {}),
    (takes_an_error_for_a_no, test_gateways.test_a_gateway_that_is_not_reached_is_away_for_every_call, {"trouble": Trouble.ERROR}),
    (wins_every_dispute, test_gateways.test_disputes_in_our_words, {"lost": True}),
]  # fmt: skip


@pytest.fixture
def bench(tmp_path):
    with benches.coinbox(tmp_path) as bench:
        yield bench


@pytest.mark.parametrize(("plant", "test", "more"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_a_fault_is_seen(database_template, bench, monkeypatch, plant, test, more):
    with test_gateways.configured(bench) as gateway:
        given = {"bench": bench, "gateway": gateway, "monkeypatch": monkeypatch, **more}
        plant(monkeypatch)
        with pytest.raises((AssertionError, pytest.fail.Exception, GatewayRefusedError)):
            test(**{name: given[name] for name in signature(test).parameters})
