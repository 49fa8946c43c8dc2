"""A society's money by flat: what its accounts have, owe and were charged, by accounting month. No names, no readings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection

COLLECTED: Final = ("recharge", "payment", "reversal")
"""Lines of payments by consumers, and of those that went back."""


@dataclass(frozen=True, slots=True)
class FlatMoney:
    """The account of a flat over an accounting month; amounts in minor units of `currency`, a charge is below zero."""

    account_id: int
    consumer_id: int | None
    number: str
    """Consumer number."""
    flat: str
    tower: str
    """Name of its tower; empty outside the towers."""
    commodity: str
    """What its service point supplies; a flat with electricity and gas has an account for each."""
    currency: str
    opening_minor: int
    charged_minor: int
    received_minor: int
    closing_minor: int
    balance_minor: int
    """Posted by now, without the charges that were posted since `charges_until`."""
    dues_minor: int
    """Remaining old dues now."""
    is_current: bool
    """Whether its agreement has not ended."""

    @property
    def other_minor(self) -> int:
        """What is neither a charge nor a payment, in minor units: opening credits, corrections, dues, refunds."""
        return self.closing_minor - self.opening_minor - self.charged_minor - self.received_minor


_FLATS: Final = """
SELECT a.account_id, a.customer_id, s.consumer_number, p.name, CASE WHEN up.kind = 'tower' THEN up.name ELSE '' END,
    s.commodity, c.currency, coalesce(m.opening, 0)::bigint, coalesce(m.charged, 0)::bigint, coalesce(m.received, 0)::bigint,
    coalesce(m.closing, 0)::bigint, (c.balance_minor - coalesce((SELECT sum(e.amount_minor) FROM books.entry e
        WHERE e.account_id = a.account_id AND e.origin = 'engine' AND e.posted_at >= %(charges_until)s), 0))::bigint,
    coalesce((SELECT sum(r.principal_minor + r.surcharge_minor) FROM billing.arrear_left r
        WHERE r.account_id = a.account_id), 0)::bigint,
    a.valid_to IS NULL
FROM contracts.agreement a
JOIN network.service_point s ON s.id = a.service_point_id
JOIN network.premise p ON p.id = s.premise_id
LEFT JOIN network.premise up ON up.id = p.parent_id
JOIN books.account c ON c.id = a.account_id
LEFT JOIN LATERAL (
    SELECT sum(e.amount_minor) FILTER (WHERE e.accounting_month < %(month)s) AS opening,
        sum(e.amount_minor) FILTER (WHERE e.accounting_month = %(month)s AND e.origin = 'engine') AS charged,
        sum(e.amount_minor) FILTER (WHERE e.accounting_month = %(month)s AND e.line = ANY(%(collected)s)) AS received,
        sum(e.amount_minor) AS closing
    FROM books.entry e WHERE e.account_id = a.account_id AND e.accounting_month <= %(month)s
) m ON true
WHERE s.id = ANY(%(places)s) AND s.purpose = 'consumer'
    AND (a.valid_to IS NULL OR m.closing IS NOT NULL) ORDER BY s.consumer_number, a.valid_from
"""


def flats(service_point_ids: Sequence[int], month: date, charges_until: datetime) -> list[FlatMoney]:
    """Return the accounts of flats over an accounting month, given by its first day; by consumer number.

    Balances are those of now, without charges that were posted from `charges_until` (business time, UTC) on.
    Former agreements are included as long as their accounts have entries.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _FLATS,
            {
                "places": list(service_point_ids),
                "month": month,
                "collected": list(COLLECTED),
                "charges_until": charges_until,
            },
        )
        return [FlatMoney(*row) for row in cursor.fetchall()]
