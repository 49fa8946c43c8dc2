"""The laws of settlements: the stored settlements equal the gateway's own report, to the paisa.

Sums and rows are calculated here from both sides, without trusting what the stage has marked.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from urja.base.untyped_values import JsonObject
from urja.laws.connections import Connection
from urja.laws.verify import Finding

type Row = JsonObject

_SHOWN: Final = 20
_SUMS: Final = ("amount", "fee", "tax", "credit", "debit")


def examine(
    connection: Connection, payments: list[Row], rows: list[Row], settled_by: datetime
) -> list[Finding]:
    """Compare the stored settlements with `payments` and `rows`, the payments and settlement rows of the gateway.

    A settlement made before `settled_by` (business time) must be stored; a younger one that is stored must be
    correct.
    """
    checks = [
        (
            "settlements_are_known",
            "each settlement of the gateway is recorded row by row, and no other is",
            _unknown(connection, rows, settled_by),
        ),
        (
            "settlements_sum_up",
            "each settlement's payments, refunds, fees, tax and transfer are the gateway's, to the paisa",
            _sums(connection, rows),
        ),
        (
            "settled_is_booked",
            "each amount paid out was credited, or is pending for a clerk with a reason",
            _unbooked(connection),
        ),
        (
            "revenue_is_the_gateways",
            "credited recharges less reversals are what was paid out and what is on its way",
            _revenue(connection, payments, rows),
        ),
    ]
    return [Finding(law, sentence, tuple(found)[:_SHOWN]) for law, sentence, found in checks]


def caught_up(connection: Connection, rows: list[Row]) -> bool:
    """Return whether everything that the gateway has settled is stored and matched."""
    return not any(_unknown(connection, rows, datetime.max.replace(tzinfo=UTC))) and not any(
        _unbooked(connection)
    )


def figures(rows: list[Row]) -> dict[str, int]:
    """Return the number of settlements in the gateway's report, and their net amount in minor units."""
    return {
        "settlements": len({row["settlement_id"] for row in rows}),
        "settled_net_minor": sum(row["credit"] - row["debit"] for row in rows),
    }


def _as_told(row: Row) -> Row:
    """Return a row as it is stored here: a loss by a dispute under the name of the dispute."""
    if row["type"] != "adjustment" or not row["dispute_id"]:
        return row
    return {**row, "type": "dispute", "entity_id": row["dispute_id"]}


def _known(connection: Connection) -> dict[str, Row]:
    found = connection.execute(
        "SELECT entity_id, kind AS type, settlement_id, utr AS settlement_utr, amount_minor AS amount, currency, "
        "fee_minor AS fee, tax_minor AS tax, credit_minor AS credit, debit_minor AS debit, "
        "extract(epoch FROM settled_at)::bigint AS settled_at FROM payments_settlement_row"
    )
    names = [column.name for column in found.description or ()]
    return {row[0]: dict(zip(names, row, strict=True)) for row in found.fetchall()}


def _unknown(connection: Connection, rows: Iterable[Row], settled_by: datetime) -> Iterator[str]:
    known = _known(connection)
    for row in map(_as_told, rows):
        ours = known.pop(row["entity_id"], None)
        if ours is None:
            if row["settled_at"] < settled_by.timestamp():
                yield f"{row['type']} {row['entity_id']} of settlement {row['settlement_id']} is not known here"
            continue
        for name, value in ours.items():
            if value != row[name]:
                yield f"{row['entity_id']}: {name} is {row[name]} in the gateway's book and {value} here"
    for entity_id in known:
        yield f"{entity_id} was never settled by the gateway and is recorded here"


def _sums(connection: Connection, rows: Iterable[Row]) -> Iterator[str]:
    """Check the sums of the settlements that are stored; whether all are stored is another law."""
    theirs: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in map(_as_told, rows):
        for name in _SUMS:
            theirs[row["settlement_id"]][f"{row['type']} {name}"] += row[name]
    found = connection.execute(
        "SELECT settlement_id, kind, sum(amount_minor)::bigint, sum(fee_minor)::bigint, sum(tax_minor)::bigint, "
        "sum(credit_minor)::bigint, sum(debit_minor)::bigint FROM payments_settlement_row GROUP BY 1, 2 ORDER BY 1, 2"
    )
    for settlement_id, kind, *sums in found:
        for name, ours in zip(_SUMS, sums, strict=True):
            book = theirs[settlement_id][f"{kind} {name}"]
            if ours != book:
                yield f"settlement {settlement_id}: {kind} {name} is {book} in the gateway's book and {ours} here"


def _unbooked(connection: Connection) -> Iterator[str]:
    """Check the settlement rows against the ledger's requests, which are keyed by the gateway's ids."""
    found = connection.execute(
        "SELECT r.kind, r.entity_id, r.settlement_id, r.amount_minor, coalesce(c.amount_minor, d.amount_minor) "
        "FROM payments_settlement_row r "
        "LEFT JOIN books_credit_request c ON r.kind = 'payment' "
        "AND c.idempotency_key = r.provider || ':' || r.entity_id "
        "LEFT JOIN books_debit_request d ON r.kind IN ('refund', 'dispute') "
        "AND d.idempotency_key = r.provider || ':' || r.entity_id "
        "WHERE coalesce(c.amount_minor, d.amount_minor) IS DISTINCT FROM r.amount_minor AND NOT EXISTS ("
        "SELECT FROM payments_unmatched u WHERE u.provider = r.provider AND u.payment_id = r.entity_id "
        "AND u.reason ^@ 'settled_' AND NOT u.detail ? 'gone_at') ORDER BY r.id"
    )
    for kind, entity_id, settlement_id, settled, booked in found:
        yield f"{kind} {entity_id} of {settled} in settlement {settlement_id} is booked as {booked}; it is not listed for a clerk"


_CREDITS: Final = (
    "SELECT split_part(idempotency_key, ':', 2), sum(amount_minor)::bigint FROM books_credit_request "
    "WHERE kind IN ('recharge', 'maintenance') GROUP BY 1"
)
_DEBITS: Final = (
    "SELECT split_part(idempotency_key, ':', 2), sum(amount_minor)::bigint FROM books_debit_request "
    "WHERE reverses IN ('recharge', 'maintenance') GROUP BY 1"
)


def _revenue(connection: Connection, payments: Iterable[Row], rows: Iterable[Row]) -> Iterator[str]:
    """Compare both sides: what the ledger has credited, and what the gateway has paid out or owes for it.

    Payments listed for a clerk are not booked yet, and are excluded on both sides.
    """
    settled = {
        row["entity_id"]: row["amount"] * (1 if row["type"] == "payment" else -1)
        for row in map(_as_told, rows)
    }
    paid = {payment["id"]: payment["amount"] for payment in payments if payment["captured"]}
    credited, debited = (dict(connection.execute(requests).fetchall()) for requests in (_CREDITS, _DEBITS))
    booked = sum(credited.values()) - sum(debited.values())
    received = sum(settled.get(entity, 0) for entity in (*credited, *debited))
    on_its_way = sum(paid.get(entity, 0) for entity in credited if entity not in settled)
    taken_later = sum(amount for entity, amount in debited.items() if entity not in settled)
    if booked != received + on_its_way - taken_later:
        yield (
            f"the ledger has {booked} of recharges; the gateway has paid out {received} of them, "
            f"{on_its_way} are on their way, and {taken_later} are still to be taken back"
        )
