"""What other bodies have paid of subsidy claims, recorded beside the books; amounts in minor units."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection


@dataclass(frozen=True, slots=True)
class SubsidyPayment:
    """A payment as it was recorded, or what takes one back."""

    operation_id: int
    """The operation that recorded it."""
    body: str
    """Who paid: `claim_on` of tariff lines."""
    currency: str
    amount_minor: int
    """Below zero it takes back what was recorded wrongly under its reference."""
    paid_on: date
    reference: str
    """The bank's."""
    recorded_at: datetime
    actor: str


def record(payment: SubsidyPayment) -> None:
    """Store a payment, in the transaction of its operation; it is never changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_subsidy_payment (operation_id, body, currency, amount_minor, paid_on, reference, "
            "recorded_at, actor) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                payment.operation_id,
                payment.body,
                payment.currency,
                payment.amount_minor,
                payment.paid_on,
                payment.reference,
                payment.recorded_at,
                payment.actor,
            ],
        )


def newest(most: int) -> list[SubsidyPayment]:
    """Return at most so many payments, the newest day first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT operation_id, body, currency, amount_minor, paid_on, reference, recorded_at, actor "
            "FROM billing_subsidy_payment ORDER BY paid_on DESC, recorded_at DESC, operation_id DESC LIMIT %s",
            [most],
        )
        return [SubsidyPayment(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class PaidSum:
    """What a body has paid in a currency, in minor units, and in how many records."""

    body: str
    currency: str
    amount_minor: int
    count: int


def sums() -> list[PaidSum]:
    """Return what each body has paid, less what was taken back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body, currency, sum(amount_minor)::bigint, count(*) FROM billing_subsidy_payment GROUP BY 1, 2"
        )
        return [PaidSum(*row) for row in cursor.fetchall()]


def recorded_minor(body: str, reference: str) -> int:
    """Return what is recorded of a body under a reference, whatever its case, less what was taken back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(amount_minor), 0)::bigint FROM billing_subsidy_payment "
            "WHERE body = %s AND lower(reference) = lower(%s)",
            [body, reference],
        )
        (found,) = cursor.fetchone()
    return int(found)
