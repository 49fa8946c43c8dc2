"""Balances: opening credit, security deposit and arrears of a service point, by bill, principal and surcharge apart."""

from typing import ClassVar

from urja.usecases.loading.cell_formats import Code
from urja.usecases.loading.date_formats import Day, Instant
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.number_formats import money


class Balances(Kind):
    name: ClassVar[str] = "balances"
    about: ClassVar[str] = "opening credit, deposit, and arrears by bill"
    key: ClassVar[tuple[str, ...]] = ("consumer_number", "bill")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("consumer_number", Code(32), "consumer number of the service point", required=True),
        Field("bill", Code(32), "number of an unpaid bill; empty for a row without one"),
        Field("due_on", Day(), "first due date of the bill"),
        Field("principal", money(), "unpaid principal", default="0"),
        Field("surcharge", money(), "unpaid late-payment surcharge", default="0"),
        Field("credit", money(1), "opening credit; once for a service point"),
        Field("deposit", money(1), "security deposit held; once for a service point"),
        Field(
            "deposit_taken_at",
            Instant(),
            "when the deposit was taken; first day of the agreement if left out",
        ),
    )
    example: ClassVar = (
        {"consumer_number": "1001000001", "bill": "B-2026-01", "due_on": "2026-01-31", "principal": "1250.50",
         "surcharge": "18.75", "deposit": "2000", "deposit_taken_at": "2026-03-01"},
        {"consumer_number": "1001000001", "bill": "B-2026-02", "due_on": "2026-02-28", "principal": "1100"},
        {"consumer_number": "1001000002", "credit": "500"},
    )  # fmt: skip

    exported: ClassVar[str] = """
        SELECT s.consumer_number, e.bill, e.due_on, e.principal_minor AS principal, e.surcharge_minor AS surcharge,
            CASE WHEN e.place IS NULL OR e.place = 1 THEN c.amount_minor END AS credit,
            CASE WHEN e.place IS NULL OR e.place = 1 THEN d.amount_minor END AS deposit,
            CASE WHEN e.place IS NULL OR e.place = 1 THEN d.taken_at END AS deposit_taken_at
        FROM network.service_point s
        JOIN contracts.agreement a ON a.service_point_id = s.id AND a.valid_from <= %(at)s
            AND coalesce(a.valid_to, 'infinity') > %(at)s
        LEFT JOIN (SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY bill) AS place FROM billing.arrear) e
            ON e.account_id = a.account_id
        LEFT JOIN books.credit_request c ON c.idempotency_key = 'opening-credit:' || a.id
        LEFT JOIN LATERAL (SELECT amount_minor, taken_at FROM billing.deposit WHERE agreement_id = a.id
            ORDER BY taken_at, id LIMIT 1) d ON true
        WHERE e.id IS NOT NULL OR c.id IS NOT NULL OR d.amount_minor IS NOT NULL
        ORDER BY s.consumer_number, e.bill
    """
