"""Settlements: captures, refunds and lost disputes of a local day are paid to the merchant's bank after midnight.

A payment settles at its amount less fee and tax, a refund at its full amount, a lost dispute as an adjustment at the
deducted amount: the gateway keeps the fee of a refunded payment. A payment that was never captured is not settled.
"""

import sqlite3
from datetime import date, datetime
from typing import Final

from urja.sandbox.faults import seeded_random
from urja.sandbox.gateway import entities
from urja.sandbox.gateway.context import GatewayContext
from urja.sandbox.http import RefusedError

_REPORT: Final = """
SELECT s.*, p.order_id, p.method, o.receipt AS order_receipt
FROM settlement_rows s JOIN payments p ON p.id = s.payment_id LEFT JOIN orders o ON o.id = p.order_id
"""


def local_day(context: GatewayContext, now: datetime) -> date:
    """Return the day on which settlement counts an instant."""
    return now.astimezone(context.zone).date()


def settle(context: GatewayContext, now: datetime) -> int:
    """Settle earlier local days and return the number of rows."""
    local = now.astimezone(context.zone)
    midnight_s = int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    book = context.book
    with book.transaction():
        payments = book.all(
            "SELECT * FROM payments p WHERE captured_at < ?"
            " AND NOT EXISTS (SELECT 1 FROM settlement_rows s WHERE s.entity_id = p.id) ORDER BY captured_at, n",
            midnight_s,
        )
        refunds = book.all(
            "SELECT * FROM refunds r WHERE processed_at < ? AND cause <> 'uncaptured'"
            " AND NOT EXISTS (SELECT 1 FROM settlement_rows s WHERE s.entity_id = r.id) ORDER BY processed_at, n",
            midnight_s,
        )
        lost = book.all(
            "SELECT * FROM disputes d WHERE decided_at < ? AND status = 'lost'"
            " AND NOT EXISTS (SELECT 1 FROM settlement_rows s WHERE s.dispute_id = d.id) ORDER BY decided_at, n",
            midnight_s,
        )
        rows = [
            *(_payment(row) for row in payments),
            *(_refund(row) for row in refunds),
            *(_adjustment(row) for row in lost),
        ]
        if rows:
            identifier = context.new_id("setl", "settlement_rows")
            settlement = {
                "settlement_id": identifier,
                "settlement_utr": str(
                    seeded_random(context.given.seed, "utr", identifier).randrange(10**15, 10**16)
                ),
                "settled_at": int(now.timestamp()),
                "settled_on": local.date().isoformat(),
            }
            for row in rows:
                book.insert("settlement_rows", **settlement, **row)
    return len(rows)


def _payment(row: sqlite3.Row) -> dict[str, object]:
    return {
        "entity_id": row["id"],
        "type": "payment",
        "debit": 0,
        "credit": row["amount"] - row["fee"],
        "amount": row["amount"],
        "fee": row["fee"],
        "tax": row["tax"],
        "created_at": row["created_at"],
        "payment_id": row["id"],
    }


def _refund(row: sqlite3.Row) -> dict[str, object]:
    return {
        "entity_id": row["id"],
        "type": "refund",
        "debit": row["amount"],
        "credit": 0,
        "amount": row["amount"],
        "fee": 0,
        "tax": 0,
        "created_at": row["created_at"],
        "payment_id": row["payment_id"],
    }


def _adjustment(row: sqlite3.Row) -> dict[str, object]:
    return {
        "entity_id": row["id"].replace("disp_", "adj_"),
        "type": "adjustment",
        "debit": row["amount_deducted"],
        "credit": 0,
        "amount": row["amount_deducted"],
        "fee": 0,
        "tax": 0,
        "created_at": row["decided_at"],
        "payment_id": row["payment_id"],
        "dispute_id": row["id"],
    }


def report(context: GatewayContext, query: dict[str, str], count: int, skip: int) -> list[dict[str, object]]:
    """Return the rows of the settlements made in a local month, or on a day of it. Raises RefusedError for a wrong
    date.
    """
    rows = context.book.all(
        f"{_REPORT} WHERE s.settled_on LIKE ? ORDER BY s.n LIMIT ? OFFSET ?", _period(query), count, skip
    )
    return [entities.settlement_row(row) for row in rows]


def _period(query: dict[str, str]) -> str:
    try:
        first = date(int(query["year"]), int(query["month"]), int(query.get("day", "1")))
    except KeyError as error:
        raise RefusedError(f"The {error.args[0]} field is required.", field=error.args[0]) from None
    except ValueError as error:
        raise RefusedError(f"year, month and day must be a date: {error}", field="year") from None
    return first.isoformat() if "day" in query else f"{first:%Y-%m}-%"


def all_rows(context: GatewayContext) -> list[dict[str, object]]:
    """Return every settlement row."""
    return [entities.settlement_row(row) for row in context.book.all(f"{_REPORT} ORDER BY s.n")]
