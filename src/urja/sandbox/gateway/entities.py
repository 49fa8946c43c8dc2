"""Rows of the book as the entities of Razorpay's API, and in the form that the laws read."""

import json
import sqlite3
from typing import Final

import msgspec

from urja.base.untyped_values import JsonObject
from urja.sandbox.gateway.context import PaymentOutcome

_EVIDENCE: Final = (
    "shipping_proof",
    "billing_proof",
    "cancellation_proof",
    "customer_communication",
    "proof_of_service",
    "explanation_letter",
    "refund_confirmation",
    "access_activity_log",
    "refund_cancellation_policy",
    "term_and_conditions",
    "others",
    "submitted_at",
)
"""What a merchant may hand in against a dispute; nothing is handed in here."""


def _notes(row: sqlite3.Row) -> object:
    # Razorpay sends an empty list, not an object, where there are no notes.
    return json.loads(row["notes"]) or []


def order(row: sqlite3.Row) -> dict[str, object]:
    return {
        "id": row["id"],
        "entity": "order",
        "amount": row["amount"],
        "amount_paid": row["amount_paid"],
        "amount_due": row["amount"] - row["amount_paid"],
        "currency": row["currency"],
        "receipt": row["receipt"],
        "offer_id": None,
        "status": row["status"],
        "attempts": row["attempts"],
        "notes": _notes(row),
        "created_at": row["created_at"],
    }


def payment(row: sqlite3.Row) -> dict[str, object]:
    instrument = json.loads(row["instrument"])
    error = json.loads(row["error"] or "{}")
    refunded = row["amount_refunded"]
    entity: JsonObject = {
        "id": row["id"],
        "entity": "payment",
        "amount": row["amount"],
        "currency": row["currency"],
        "status": row["status"],
        "order_id": row["order_id"],
        "invoice_id": None,
        "international": False,
        "method": row["method"],
        "amount_refunded": refunded,
        "refund_status": None if refunded == 0 else "full" if refunded == row["amount"] else "partial",
        "captured": bool(row["captured"]),
        "description": None,
        "card_id": instrument.get("card", {}).get("id"),
        "bank": None,
        "wallet": instrument.get("wallet"),
        "vpa": instrument.get("vpa"),
        "email": None,
        "contact": None,
        "notes": [],
        "fee": row["fee"],
        "tax": row["tax"],
        "error_code": error.get("code"),
        "error_description": error.get("description"),
        "error_source": error.get("source"),
        "error_step": error.get("step"),
        "error_reason": error.get("reason"),
        "acquirer_data": instrument.get("acquirer_data", {}),
        "created_at": row["created_at"],
    }
    if row["method"] == "card":
        entity["card"] = instrument["card"]
    if row["method"] == "upi":
        entity["upi"] = {
            "payer_account_type": "bank_account",
            "vpa": instrument.get("vpa"),
            "flow": "collect",
        }
    return entity


def refund(row: sqlite3.Row) -> dict[str, object]:
    return {
        "id": row["id"],
        "entity": "refund",
        "amount": row["amount"],
        "currency": row["currency"],
        "payment_id": row["payment_id"],
        "notes": _notes(row),
        "receipt": row["receipt"],
        "acquirer_data": {"arn": None},
        "created_at": row["created_at"],
        "batch_id": None,
        "status": row["status"],
        "speed_processed": "normal",
        "speed_requested": "normal",
    }


def dispute(row: sqlite3.Row) -> dict[str, object]:
    return {
        "id": row["id"],
        "entity": "dispute",
        "payment_id": row["payment_id"],
        "amount": row["amount"],
        "currency": row["currency"],
        "amount_deducted": row["amount_deducted"],
        "reason_code": row["reason_code"],
        "respond_by": row["respond_by"],
        "status": row["status"],
        "phase": "chargeback",
        "created_at": row["created_at"],
        "evidence": {"amount": row["amount"], "summary": None} | dict.fromkeys(_EVIDENCE),
    }


def qr_code(row: sqlite3.Row, received: tuple[int, int], image_url: str) -> dict[str, object]:
    """Return a QR code; `received` is the number of payments and their total in paise."""
    return {
        "id": row["id"],
        "entity": "qr_code",
        "created_at": row["created_at"],
        "name": row["name"],
        "usage": row["usage"],
        "type": "upi_qr",
        "image_url": image_url,
        "payment_amount": row["payment_amount"],
        "status": row["status"],
        "description": row["description"],
        "fixed_amount": bool(row["fixed_amount"]),
        "payments_amount_received": received[1],
        "payments_count_received": received[0],
        "notes": _notes(row),
        "customer_id": row["customer_id"],
        "close_by": row["close_by"],
        "closed_at": row["closed_at"],
        "close_reason": row["close_reason"],
    }


def settlement_row(row: sqlite3.Row) -> dict[str, object]:
    """Return one row of the combined settlement report, joined with its payment and order."""
    return {
        "entity_id": row["entity_id"],
        "type": row["type"],
        "debit": row["debit"],
        "credit": row["credit"],
        "amount": row["amount"],
        "currency": "INR",
        "fee": row["fee"],
        "tax": row["tax"],
        "on_hold": False,
        "settled": True,
        "created_at": row["created_at"],
        "settled_at": row["settled_at"],
        "settlement_id": row["settlement_id"],
        "posted_at": None,
        "credit_type": "default",
        "description": None,
        "notes": "{}",
        "payment_id": None if row["type"] == "payment" else row["payment_id"],
        "settlement_utr": row["settlement_utr"],
        "order_id": row["order_id"],
        "order_receipt": row["order_receipt"],
        "method": row["method"],
        "card_network": None,
        "card_issuer": None,
        "card_type": None,
        "dispute_id": row["dispute_id"],
    }


def book_payment(row: sqlite3.Row) -> dict[str, object]:
    """Return a payment as the laws read it: `state` is its final state, `status` its status in the API.

    `row` also has `causes` and `sent_back` of its refunds, `lost` of its disputes, and `receipt` and `order_notes` of
    its order.
    """
    causes = (row["causes"] or "").split(",")
    state = "reversed" if "bank" in causes else row["status"]
    return {
        "id": row["id"],
        "order_id": row["order_id"],
        "qr_id": row["qr_id"],
        "receipt": row["receipt"],
        "notes": json.loads(row["order_notes"] or "{}"),
        "amount": row["amount"],
        "currency": row["currency"],
        "method": row["method"],
        "state": state,
        "status": row["status"],
        "captured": bool(row["captured"]),
        "amount_refunded": row["amount_refunded"],
        "refunds_processed": row["sent_back"] or 0,
        "disputes_lost": row["lost"] or 0,
        "fee": row["fee"],
        "tax": row["tax"],
        "faults": msgspec.json.decode(row["fate"], type=PaymentOutcome).names(),
        "created_at": row["created_at"],
        "failed_at": row["failed_at"],
        "authorized_at": row["authorized_at"],
        "captured_at": row["captured_at"],
    }
