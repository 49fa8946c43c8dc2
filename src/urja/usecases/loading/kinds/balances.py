"""Balances: what a connection brings along: credit, a deposit, and arrears by bill, principal and surcharge apart."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from typing import ClassVar, Final

from urja.usecases.loading import places
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.forms import Code, Day, Instant, money
from urja.usecases.loading.staging import Load, twice

_FOUND: Final = "load_row r JOIN load_found f USING (n)"
_ARREAR: Final = {"due_on": "due_on", "principal": "principal_minor", "surcharge": "surcharge_minor"}


class Balances(Kind):
    """See the module."""

    name: ClassVar[str] = "balances"
    about: ClassVar[str] = "opening credit, deposit, and arrears by bill"
    key: ClassVar[tuple[str, ...]] = ("consumer_number", "bill")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("consumer_number", Code(32), "number of the connection", required=True),
        Field("bill", Code(32), "number of the bill that is owed; empty for a row without one"),
        Field("due_on", Day(), "when the bill was due"),
        Field("principal", money(), "what is owed of it", default="0"),
        Field("surcharge", money(), "late-payment surcharge that is owed of it", default="0"),
        Field("credit", money(1), "credit to begin with; once a connection"),
        Field("deposit", money(1), "security deposit that is held; once a connection"),
        Field(
            "deposit_taken_at",
            Instant(),
            "when the deposit was taken; since when the person is there if left out",
        ),
    )
    example: ClassVar = (
        {"consumer_number": "1001000001", "bill": "B-2026-01", "due_on": "2026-01-31", "principal": "1250.50",
         "surcharge": "18.75", "deposit": "2000", "deposit_taken_at": "2026-03-01"},
        {"consumer_number": "1001000001", "bill": "B-2026-02", "due_on": "2026-02-28", "principal": "1100"},
        {"consumer_number": "1001000002", "credit": "500"},
    )  # fmt: skip

    def find(self, load: Load) -> None:
        load.run(
            "CREATE TEMP TABLE load_found ON COMMIT DROP AS SELECT r.n, s.id AS service_point_id, a.id AS agreement_id, "
            "a.account_id, a.valid_from, e.id AS arrear_id, c.amount_minor AS credited_minor, d.amount_minor AS deposited_minor "
            "FROM load_row r LEFT JOIN registry_service_point s USING (consumer_number) "
            "LEFT JOIN registry_agreement a ON a.service_point_id = s.id AND a.valid_from <= %(at)s "
            "AND coalesce(a.valid_to, 'infinity') > %(at)s "
            "LEFT JOIN registry_arrear e ON e.account_id = a.account_id AND e.bill = r.bill "
            "LEFT JOIN ledger_credit_request c ON c.idempotency_key = 'opening-credit:' || a.id "
            "LEFT JOIN LATERAL (SELECT amount_minor FROM registry_deposit WHERE agreement_id = a.id "
            "ORDER BY taken_at, id LIMIT 1) d ON true"
        )
        load.run("CREATE UNIQUE INDEX ON load_found (n)")
        load.run("ANALYZE load_found")

    def check(self, load: Load) -> None:
        twice(load)
        load.fault(
            "consumer_number",
            "CASE WHEN f.service_point_id IS NULL THEN 'there is no connection of this number' "
            "ELSE 'nobody has the connection' END",
            "load it with a file of consumers, or mend the number",
            f"{_FOUND} WHERE f.agreement_id IS NULL",
        )
        load.fault(
            "due_on",
            "'a bill is owed since a day, and it is empty'",
            "say when the bill was due",
            "load_row r WHERE r.bill IS NOT NULL AND r.due_on IS NULL",
        )
        for name in ("due_on", "principal", "surcharge"):
            if load.covers("bill"):
                load.fault(
                    name,
                    "'it belongs to no bill'",
                    "name the bill",
                    f"load_row r WHERE r.bill IS NULL AND r.{name} IS NOT NULL{' AND r.' + name + ' <> 0' if name != 'due_on' else ''}",
                )
        load.fault(
            "principal",
            "'nothing is owed of the bill'",
            "leave the row out",
            "load_row r WHERE r.bill IS NOT NULL AND coalesce(r.principal, 0) + coalesce(r.surcharge, 0) = 0",
        )
        for name in ("principal", "surcharge"):
            load.fault(
                name,
                f"'recharges have paid ' || round(p.{name} / 100.0, 2) || ' of it'",
                "what a recharge has paid is put right by its reversal; give what was owed at the beginning",
                f"{_FOUND} JOIN LATERAL (SELECT sum(principal_minor)::bigint AS principal, sum(surcharge_minor)::bigint "
                "AS surcharge FROM ledger_arrear_payment WHERE arrear_id = f.arrear_id) p ON true "
                f"WHERE p.{name} > coalesce(r.{name}, 0)",
            )
        for name, known in (("credit", "credited_minor"), ("deposit", "deposited_minor")):
            load.fault(
                name,
                "'row ' || r.first || ' says one already'",
                "say it once for a connection",
                f"(SELECT *, min(n) OVER (PARTITION BY consumer_number) AS first FROM load_row WHERE {name} IS NOT NULL) r "
                "WHERE r.n > r.first",
            )
            load.fault(
                name,
                f"'it came in with ' || round(f.{known} / 100.0, 2)",
                "money is put right in the ledger, by a new entry",
                f"{_FOUND} WHERE f.{known} <> r.{name}",
            )
        load.fault(
            "deposit_taken_at",
            "'no deposit is named'",
            "say how much, or leave it empty",
            "load_row r WHERE r.deposit_taken_at IS NOT NULL AND r.deposit IS NULL",
        )

    def plan(self, load: Load) -> None:
        """Everything is found already; nothing is shared between rows."""

    def write(self, load: Load, low: int, high: int) -> None:
        # The ledger's models want Django set up, which the example of a file does without.
        from urja.apps.books.operations import request_opening_credits

        span = {"low": low, "high": high}
        rows = f"{_FOUND} WHERE r.n >= %(low)s AND r.n < %(high)s"
        own = places.NEXT.format(bucket="(f.account_id >> 40)")
        load.made(
            "arrear",
            "INSERT INTO registry_arrear (id, account_id, bill, due_on, principal_minor, surcharge_minor, recorded_at, actor, "
            f"operation_id) SELECT {own}, f.account_id, r.bill, r.due_on, {load.value('principal')}, {load.value('surcharge')}, "
            f"%(at)s, %(actor)s, %(operation)s FROM {rows} AND r.bill IS NOT NULL AND f.arrear_id IS NULL",
            **span,
        )
        load.update("registry_arrear", _ARREAR, f"{rows} AND f.arrear_id IS NOT NULL", "f.arrear_id", **span)
        load.made(
            "deposit",
            "INSERT INTO registry_deposit (id, agreement_id, amount_minor, taken_at, recorded_at, actor, operation_id) "
            f"SELECT {own}, f.agreement_id, r.deposit, coalesce(r.deposit_taken_at, f.valid_from), %(at)s, %(actor)s, "
            f"%(operation)s FROM {rows} AND r.deposit IS NOT NULL AND f.deposited_minor IS NULL",
            **span,
        )
        load.count(
            [
                (
                    "credit: new",
                    request_opening_credits(
                        load.cursor,
                        f"SELECT f.agreement_id, f.account_id, r.credit FROM {rows} AND r.credit IS NOT NULL "
                        "AND f.credited_minor IS NULL",
                        load.parameters | span,
                        load.recorded_at,
                    ),
                )
            ]
        )

    exported: ClassVar[str] = """
        SELECT s.consumer_number, e.bill, e.due_on, e.principal_minor AS principal, e.surcharge_minor AS surcharge,
            CASE WHEN e.place IS NULL OR e.place = 1 THEN c.amount_minor END AS credit,
            CASE WHEN e.place IS NULL OR e.place = 1 THEN d.amount_minor END AS deposit,
            CASE WHEN e.place IS NULL OR e.place = 1 THEN d.taken_at END AS deposit_taken_at
        FROM registry_service_point s
        JOIN registry_agreement a ON a.service_point_id = s.id AND a.valid_from <= %(at)s
            AND coalesce(a.valid_to, 'infinity') > %(at)s
        LEFT JOIN (SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY bill) AS place FROM registry_arrear) e
            ON e.account_id = a.account_id
        LEFT JOIN ledger_credit_request c ON c.idempotency_key = 'opening-credit:' || a.id
        LEFT JOIN LATERAL (SELECT amount_minor, taken_at FROM registry_deposit WHERE agreement_id = a.id
            ORDER BY taken_at, id LIMIT 1) d ON true
        WHERE e.id IS NOT NULL OR c.id IS NOT NULL OR d.amount_minor IS NOT NULL
        ORDER BY s.consumer_number, e.bill
    """
