"""Razorpay's API over httpx: short timeouts, and two kinds of failure, away and refused."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import takewhile
from typing import Any, Final
from urllib.parse import quote

import httpx

from urja.apps.payments.errors import GatewayAwayError, GatewayRefusedError
from urja.apps.payments.port import DisputeFact, OrderFact, PaymentFact, RefundFact, SettlementFact
from urja.apps.payments.providers.razorpay import words
from urja.apps.payments.providers.razorpay.settings import Options
from urja.base.certificates import trusted
from urja.base.untyped_values import JsonObject

_PAGE: Final = 100
_SETTLED_PAGE: Final = 500
"""Rows per page of settlements; the API allows up to 1,000."""


class Client:
    """One installation's account at Razorpay."""

    def __init__(self, options: Options, secrets: Mapping[str, str]) -> None:
        self._base_url = options.base_url.rstrip("/")
        self._login = (options.key_id, secrets.get("key_secret", ""))
        self.timeout_s = 4.0

    def place_order(self, receipt: str, amount_minor: int, currency: str, *, again: bool) -> str:
        """Place an order over an amount in minor units and return its id.

        With `again` it searches for the receipt first, because the answer to an earlier call may have been lost.
        """
        if again:
            known = self._call("GET", "/v1/orders", params={"receipt": receipt})
            for order in _items(known):
                if (order.get("receipt"), order.get("amount"), order.get("currency")) == (
                    receipt,
                    amount_minor,
                    currency,
                ):
                    return _id(order)
        body = {"amount": amount_minor, "currency": currency, "receipt": receipt, "payment_capture": True}
        return _id(self._call("POST", "/v1/orders", json=body))

    def order(self, provider_order_id: str) -> OrderFact:
        return _read(words.order, self._call("GET", f"/v1/orders/{quote(provider_order_id, safe='')}"))

    def payments_of(self, provider_order_id: str) -> Sequence[PaymentFact]:
        answer = self._call("GET", f"/v1/orders/{quote(provider_order_id, safe='')}/payments")
        return [_read(words.payment, item) for item in _items(answer)]

    def payment(self, payment_id: str) -> PaymentFact:
        return _read(words.payment, self._call("GET", f"/v1/payments/{quote(payment_id, safe='')}"))

    def capture(self, payment: PaymentFact) -> PaymentFact:
        body = {"amount": payment.amount_minor, "currency": payment.currency}
        path = f"/v1/payments/{quote(payment.payment_id, safe='')}/capture"
        return _read(words.payment, self._call("POST", path, json=body))

    def payments_since(self, since: datetime) -> Sequence[PaymentFact]:
        """Return payments since an instant (UTC, whole seconds).

        The list starts with the newest: a payment that arrives during paging moves others to a later page, so none is
        missed.
        """
        asked = {"from": int(since.timestamp())}
        return [_read(words.payment, item) for item in self._pages("/v1/payments", asked, _PAGE)]

    def refunds_since(self, since: datetime) -> Sequence[RefundFact]:
        return [fact for fact in self._refunds(int(since.timestamp())) if fact is not None]

    def dispute(self, dispute_id: str) -> DisputeFact:
        return _read(words.dispute, self._call("GET", f"/v1/disputes/{quote(dispute_id, safe='')}"))

    def disputes_since(self, since: datetime) -> Sequence[DisputeFact]:
        """Return disputes since an instant (UTC); the API cannot filter by time, but lists the newest first."""
        found = (_read(words.dispute, item) for item in self._pages("/v1/disputes", {}, _PAGE))
        return list(takewhile(lambda dispute: dispute.created_at >= since, found))

    def settled_on(self, day: date) -> Sequence[SettlementFact]:
        asked = {"year": day.year, "month": f"{day.month:02}", "day": f"{day.day:02}"}
        items = self._pages("/v1/settlements/recon/combined", asked, _SETTLED_PAGE)
        facts = (_read(words.settlement, item) for item in items)
        return [fact for fact in facts if fact is not None]

    def _refunds(self, since: int) -> Iterator[RefundFact | None]:
        return (_read(words.refund, item) for item in self._pages("/v1/refunds", {"from": since}, _PAGE))

    def _pages(self, path: str, asked: JsonObject, count: int) -> Iterator[Any]:
        """Yield all items of a list, page by page."""
        skip = 0
        while True:
            items = _items(self._call("GET", path, params={**asked, "count": count, "skip": skip}))
            yield from items
            if len(items) < count:
                return
            skip += count

    def refund(self, refund_id: str) -> RefundFact | None:
        return _read(words.refund, self._call("GET", f"/v1/refunds/{quote(refund_id, safe='')}"))

    def _call(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = httpx.request(
                method,
                self._base_url + path,
                auth=self._login,
                timeout=self.timeout_s,
                trust_env=False,
                verify=trusted(),
                **more,
            )
        except httpx.HTTPError as error:
            raise GatewayAwayError(f"{type(error).__name__}: {error}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise GatewayAwayError(f"the gateway answers with status {answer.status_code}")
        try:
            content = answer.json()
        except ValueError as error:
            raise GatewayAwayError(
                f"the gateway answers with status {answer.status_code} and no JSON"
            ) from error
        if answer.status_code >= 400:
            raise GatewayRefusedError(
                _description(content) or f"the gateway answers with status {answer.status_code}"
            )
        return content


def _items(answer: Any) -> list[Any]:
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise GatewayAwayError("the gateway's answer has no list of items")
    return items


def _id(order: Any) -> str:
    found = order.get("id") if isinstance(order, dict) else None
    if not isinstance(found, str) or not 0 < len(found) <= 64:
        raise GatewayAwayError("the gateway's order has no id")
    return found


def _read[Fact](reader: Callable[[Any], Fact], item: Any) -> Fact:
    try:
        return reader(item)
    except ValueError as error:
        raise GatewayAwayError(f"the gateway's answer cannot be read: {error}") from error


def _description(content: Any) -> str:
    error = content.get("error") if isinstance(content, dict) else None
    return str(error.get("description") or "")[:200] if isinstance(error, dict) else ""
