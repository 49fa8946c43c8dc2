"""Coinbox's API by httpx."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import httpx
from tests.providers.coinbox import words
from tests.providers.coinbox.settings import Options

from urja.apps.payments.errors import GatewayAwayError, GatewayRefusedError
from urja.apps.payments.port import DisputeFact, OrderFact, PaymentFact, RefundFact, SettlementFact
from urja.base.certificates import trusted


class Client:
    """One installation's account."""

    def __init__(self, options: Options, secrets: Mapping[str, str]) -> None:
        self._base_url = options.base_url
        self._token = secrets.get("token", "")
        self.timeout_s = 4.0

    def place_order(self, receipt: str, amount_minor: int, currency: str, *, again: bool) -> str:
        """A charge lies under our reference: asked again, it is the same one."""
        body = {"amount": words.major(amount_minor), "currency": currency}
        return self._call("PUT", f"/charges/{receipt}", json=body)["token"]

    def order(self, provider_order_id: str) -> OrderFact:
        return words.order(self._call("GET", f"/charges/by-token/{_safe(provider_order_id)}"))

    def payments_of(self, provider_order_id: str) -> Sequence[PaymentFact]:
        found = self._call("GET", f"/charges/by-token/{_safe(provider_order_id)}")
        return [words.payment(attempt) for attempt in found["attempts"]]

    def capture(self, payment: PaymentFact) -> PaymentFact:
        return words.payment(self._call("POST", f"/attempts/{_safe(payment.payment_id)}/take"))

    def payment(self, payment_id: str) -> PaymentFact:
        return words.payment(self._call("GET", f"/attempts/{_safe(payment_id)}"))

    def payments_since(self, since: datetime) -> Sequence[PaymentFact]:
        return [words.payment(attempt) for attempt in self._listed("/attempts", since=since.isoformat())]

    def refunds_since(self, since: datetime) -> Sequence[RefundFact]:
        found = (words.refund(one) for one in self._listed("/returns", since=since.isoformat()))
        return [fact for fact in found if fact is not None]

    def dispute(self, dispute_id: str) -> DisputeFact:
        return words.dispute(self._call("GET", f"/claims/{_safe(dispute_id)}"))

    def disputes_since(self, since: datetime) -> Sequence[DisputeFact]:
        return [words.dispute(claim) for claim in self._listed("/claims", since=since.isoformat())]

    def settled_on(self, day: date) -> Sequence[SettlementFact]:
        return [words.settlement(line) for line in self._listed("/payouts", day=day.isoformat())]

    def refund(self, refund_id: str) -> RefundFact | None:
        return words.refund(self._call("GET", f"/returns/{_safe(refund_id)}"))

    def _listed(self, path: str, **asked: str) -> Iterator[Any]:
        cursor = ""
        while True:
            page = self._call("GET", path, params={**asked, "cursor": cursor})
            yield from page["rows"]
            cursor = page["next"]
            if not cursor:
                return

    def _call(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = httpx.request(
                method,
                self._base_url + path,
                headers={"authorization": f"Token {self._token}"},
                timeout=self.timeout_s,
                trust_env=False,
                verify=trusted(),
                **more,
            )
        except httpx.HTTPError as error:
            raise GatewayAwayError(f"{type(error).__name__}: {error}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise GatewayAwayError(f"it answers {answer.status_code}")
        if answer.status_code >= 400:
            raise GatewayRefusedError(answer.text[:200])
        try:
            return answer.json()
        except ValueError as error:
            raise GatewayAwayError("it answers no JSON") from error


def _safe(name: str) -> str:
    return quote(name, safe="")
