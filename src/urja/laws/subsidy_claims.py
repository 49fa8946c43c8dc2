"""The law of subsidy claims: the claims of all months come to what the receivable accounts hold, to the minor unit. And
that of their payments: each is its operation's.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from urja.apps.overviews.queries.receivables import CLAIMED, parameters
from urja.core.rating import parse_tariff
from urja.laws.connections import Connection


def examine(connection: Connection, bucket: int, proven: int, zone: str) -> Iterator[str]:
    """Yield each receivable account of a bucket of which the claims of all months have more or less than it is owed, and
    claims for periods that began after their month.

    After the batch `proven` alone where a part is proven: what was posted onto the account since.
    """
    claimed: Counter[tuple[str, str]] = Counter()
    for month, code, currency, _, periods_from, _, _, given, taken_back in connection.execute(
        CLAIMED, parameters(zone, bucket=bucket, proven=proven)
    ):
        claimed[code, currency] += given - taken_back
        if periods_from > month:
            yield f"{code} {currency} of bucket {bucket} is claimed with {month} for periods from {periods_from} on"
    owed = {
        (code, currency): minor
        for code, currency, minor in connection.execute(
            "SELECT code, currency, CASE WHEN %(proven)s = 0 THEN -balance_minor ELSE ("
            "  SELECT coalesce(sum(amount_minor), 0)::bigint FROM books_entry e "
            "  WHERE e.bucket = %(bucket)s AND e.batch > %(proven)s AND e.contra_id = a.id) END FROM books_account a "
            "WHERE bucket = %(bucket)s AND kind = 'contra' AND starts_with(code, 'receivable:')",
            {"bucket": bucket, "proven": proven},
        )
    }
    for key in sorted(owed.keys() | claimed.keys()):
        if claimed[key] != owed.get(key, 0):
            yield (
                f"{' '.join(key)} of bucket {bucket} is owed {owed.get(key, 0)}, its claims come to {claimed[key]}"
            )


_PAYMENTS: Final = """
SELECT coalesce(p.operation_id, o.id), p.operation_id IS NULL FROM billing_subsidy_payment p
FULL JOIN (SELECT * FROM journal_operation WHERE kind = 'record_subsidy_payment') o ON o.id = p.operation_id
WHERE (p.body, p.amount_minor::text, p.paid_on::text, p.reference, p.actor) IS DISTINCT FROM (
    o.content->>'body', o.content->>'subsidy_paid_minor', o.content->>'paid_on', o.content->>'payment_reference', o.actor)
ORDER BY 1
"""
_CURRENCIES: Final = """
SELECT DISTINCT p.operation_id, p.currency, p.body, a.code FROM billing_subsidy_payment p
LEFT JOIN books_account a ON a.kind = 'contra' AND starts_with(a.code, 'receivable:') AND a.currency = p.currency
ORDER BY 1
"""
"""Payments with the receivable accounts of their currency. Which line is whose, the tariffs say."""
_TARIFFS: Final = "SELECT text FROM rulebook_tariff_version"


def payments(connection: Connection) -> Iterator[str]:
    """Yield payments of claims that are not what their operations say, or in a currency in which nothing is claimed from their
    body, and operations without their payment.
    """
    for operation, missing in connection.execute(_PAYMENTS):
        yield (
            f"operation {operation} recorded a payment of a subsidy claim that is missing"
            if missing
            else f"the payment of a subsidy claim {operation} is not what an operation has recorded"
        )
    paid = connection.execute(_CURRENCIES).fetchall()
    owed = {
        (line.claim_on, f"receivable:{line.name}")
        for (text,) in (connection.execute(_TARIFFS) if paid else ())
        for line in parse_tariff(text).lines
        if line.claim_on
    }
    in_it = {operation for operation, _, body, code in paid if (body, code) in owed}
    for operation, currency in sorted({(operation, currency) for operation, currency, *_ in paid}):
        if operation not in in_it:
            yield f"the payment of a subsidy claim {operation} is in {currency}, in which nothing is claimed from its body"
