"""Coinbox's JSON as facts in Urja's terms."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from urja.apps.payments.port import (
    DisputeFact,
    DisputeState,
    Method,
    OrderFact,
    PaymentFact,
    PaymentState,
    RefundFact,
    SettlementFact,
)

_PHASES: Final = {
    "STARTED": PaymentState.CREATED,
    "DECLINED": PaymentState.FAILED,
    "HELD": PaymentState.AUTHORISED,
    "TAKEN": PaymentState.CAPTURED,
    "RETURNED": PaymentState.REFUNDED,
}
_INSTRUMENTS: Final = {"VPA": Method.UPI, "PAN": Method.CARD, "PURSE": Method.WALLET}
_VERDICTS: Final = {
    "PENDING": DisputeState.OPEN,
    "MERCHANT": DisputeState.WON,
    "CARDHOLDER": DisputeState.LOST,
    "DROPPED": DisputeState.CLOSED,
}
_SORTS: Final = {"attempt": "payment", "return": "refund", "claim": "dispute"}


def minor(text: str) -> int:
    """`200.00` in minor units; it never has more than two decimals."""
    amount = Decimal(text) * 100
    if amount != amount.to_integral_value():
        raise ValueError(f"{text} has more than two decimals")
    return int(amount)


def major(amount_minor: int) -> str:
    return f"{amount_minor // 100}.{amount_minor % 100:02}"


def order(charge: Any) -> OrderFact:
    return OrderFact(charge["token"], charge["reference"], minor(charge["amount"]), charge["currency"])


def payment(attempt: Any) -> PaymentFact:
    return PaymentFact(
        payment_id=attempt["number"],
        order_id=attempt["charge"],
        amount_minor=minor(attempt["amount"]),
        currency=attempt["currency"],
        state=_PHASES[attempt["phase"]],
        method=_INSTRUMENTS.get(attempt["instrument"], Method.OTHER),
        error=attempt["why"],
        created_at=datetime.fromisoformat(attempt["began"]),
    )


def refund(given_back: Any) -> RefundFact | None:
    """None while the money has not gone back."""
    if not given_back["done"]:
        return None
    return RefundFact(
        given_back["number"],
        given_back["attempt"],
        minor(given_back["amount"]),
        datetime.fromisoformat(given_back["made"]),
    )


def dispute(claim: Any) -> DisputeFact:
    return DisputeFact(
        dispute_id=claim["number"],
        payment_id=claim["attempt"],
        amount_minor=minor(claim["amount"]),
        currency=claim["currency"],
        state=_VERDICTS[claim["verdict"]],
        deducted_minor=minor(claim["lost"]),
        phase="",
        reason=claim["why"],
        respond_by=None,
        created_at=datetime.fromisoformat(claim["made"]),
    )


def settlement(line: Any) -> SettlementFact:
    """Its fee is without tax, and its amounts have a sign."""
    net, fee, tax = minor(line["net"]), minor(line["fee"]), minor(line["tax"])
    return SettlementFact(
        entity_id=line["number"],
        kind=_SORTS.get(line["sort"], line["sort"]),
        payment_id="" if line["sort"] == "attempt" else line["attempt"],
        settlement_id=line["payout"],
        utr=line["bank_reference"],
        amount_minor=abs(minor(line["gross"])),
        currency=line["currency"],
        fee_minor=fee + tax,
        tax_minor=tax,
        credit_minor=max(net, 0),
        debit_minor=max(-net, 0),
        created_at=datetime.fromisoformat(line["made"]),
        settled_at=datetime.fromisoformat(line["paid"]),
    )
