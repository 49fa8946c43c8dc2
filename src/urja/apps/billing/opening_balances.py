"""Opening balances: what files brought with an account, and whether a person has signed it off.

An account whose opening balance is not signed off is not charged and not decided about until it is; what is charged
afterwards is the difference since its supply came into service. An account that is charged already goes on.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from babel.numbers import get_currency_precision
from django.db import connection

from urja.apps.billing.kinds import BroughtBill, UnsignedBalance, UnsignedList
from urja.apps.billing.models import OpeningBalance
from urja.apps.journal.operation import Execution, next_id
from urja.base.csv_texts import with_apostrophe
from urja.base.ids import bucket_of
from urja.core.units import major_text

_LOCK: Final = 0x75726A6F70
"""Key of an advisory lock: a file that is loaded meanwhile must not be covered by a sign-off that has not seen it."""


_UNSIGNED: Final = """
SELECT o.agreement_id, s.consumer_number, p.name, c.currency,
    coalesce((SELECT q.amount_minor FROM books.credit_request q
        WHERE q.idempotency_key = 'opening-credit:' || o.agreement_id), 0),
    coalesce((SELECT sum(d.amount_minor) FROM billing_deposit d WHERE d.agreement_id = o.agreement_id), 0)::bigint,
    coalesce((SELECT jsonb_agg(jsonb_build_array(r.bill, r.due_on, r.principal_minor, r.surcharge_minor)
        ORDER BY r.due_on, r.bill) FROM billing_arrear r WHERE r.account_id = a.account_id), '[]'),
    o.holds_charges,
    coalesce((SELECT v.in_service_at <= %(now)s FROM assets.supply_in_service v
        WHERE v.service_point_id = a.service_point_id), false)
FROM billing.opening_balance o
JOIN contracts.agreement a ON a.id = o.agreement_id
JOIN books.account c ON c.id = a.account_id
JOIN network.service_point s ON s.id = a.service_point_id
JOIN network.premise p ON p.id = s.premise_id
WHERE NOT o.signed_off ORDER BY s.consumer_number, o.agreement_id
"""


def unsigned_list(now: datetime) -> UnsignedList:
    """Return the opening balances that no sign-off covers, with what each consists of at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(_UNSIGNED, {"now": now})
        return UnsignedList(
            tuple(
                UnsignedBalance(
                    agreement_id,
                    number,
                    premise,
                    currency,
                    credit,
                    deposit,
                    tuple(BroughtBill(*bill) for bill in _bills(bills)),
                    holds,
                    in_service,
                )
                for agreement_id, number, premise, currency, credit, deposit, bills, holds, in_service in cursor.fetchall()
            )
        )


def _bills(text: str | Sequence[Sequence[object]]) -> list[tuple[str, str, int, int]]:
    rows = msgspec.json.decode(text) if isinstance(text, str) else text
    return msgspec.convert(rows, list[tuple[str, str, int, int]])


HEADS: Final = ("consumer_number", "premise", "currency", "credit", "deposit", "dues", "sum", "in_service")


def csv_of(listed: UnsignedList) -> str:
    """Return the list as CSV, amounts in major units; texts that a spreadsheet would run as a formula are escaped."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADS)
    for row in listed.rows:
        amounts = (row.credit_minor, row.deposit_minor, row.dues_minor, row.sum_minor)
        decimals = get_currency_precision(row.currency)
        shown = [major_text(amount, decimals) for amount in amounts]
        texts = [row.consumer_number, row.premise, row.currency, *shown, "yes" if row.in_service else "no"]
        writer.writerow(map(with_apostrophe, texts))
    return file.getvalue()


def lock() -> None:
    """Serialise files that bring balances with sign-offs, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def record(execution: Execution, agreement_ids: Iterable[int], content_sha256: str = "") -> None:
    """Record that balances were brought or changed, or (with the hash of the list) signed off."""
    OpeningBalance.objects.bulk_create(
        [
            OpeningBalance(
                id=next_id(bucket_of(agreement_id)),
                agreement_id=agreement_id,
                content_sha256=content_sha256,
                **execution.stamp,
            )
            for agreement_id in agreement_ids
        ]
    )
