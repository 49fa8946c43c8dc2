"""Rows of balances: opening credit, security deposit and dues of an agreement."""

from collections.abc import Iterator, Sequence
from typing import Any

from urja.apps.billing.models import Deposit
from urja.apps.books.models import CreditRequest
from urja.apps.journal.operation import Execution, UseCase
from urja.base.untyped_values import JsonObject
from urja.usecases import agreements_in_force
from urja.usecases.agreements_in_force import in_force_at, newest_agreements_of
from urja.usecases.kinds.agreements import Bill
from urja.usecases.legacy_takeover import BringBalance, arrears_of
from urja.usecases.loading.staging import Load, Row
from urja.usecases.service_points import no_service_point_fault, service_points_of


def prefetch(load: Load, rows: Sequence[Row]) -> None:
    agreements_in_force.find_ahead(load.execution, [row["consumer_number"] for row in rows])


def operations_of(load: Load, execution: Execution, row: Row) -> Iterator[UseCase]:
    _check(load, row)
    service_point = execution.find(service_points_of, row["consumer_number"])
    agreement = None if service_point is None else execution.find(newest_agreements_of, service_point.id)
    if agreement is None or not in_force_at(agreement, execution.recorded_at):
        if service_point is None:
            row.fault(
                "consumer_number",
                no_service_point_fault(row["consumer_number"]),
                "load it with a file of consumers, or correct the number",
            )
        else:
            row.fault(
                "consumer_number",
                "the service point has no consumer",
                "load its consumer with a file of consumers, or correct the number",
            )
        return
    given: JsonObject = {}
    for name, known in (("credit", credited(agreement.id)), ("deposit", deposited(agreement.id))):
        if row[name] is None:
            continue
        if known is None:
            given[f"{name}_minor"] = row[name]
        elif known != row[name]:
            row.fault(
                name,
                f"it was loaded as {known / 100:.2f} before",
                "money is corrected in the ledger, by a new entry",
            )
    if row["bill"] and row["due_on"]:
        arrear = execution.find(arrears_of, (agreement.id, row["bill"]))
        bill = Bill(
            bill=row["bill"],
            due_on=row["due_on"],
            principal_minor=_said(load, row, "principal", arrear),
            surcharge_minor=_said(load, row, "surcharge", arrear),
        )
        if arrear is None or any(getattr(arrear, name) != getattr(bill, name) for name in _OWED):
            given["bill"] = bill
    if given:
        yield BringBalance(agreement=agreement.id, deposit_taken_at=row["deposit_taken_at"], **given)


_OWED = ("due_on", "principal_minor", "surcharge_minor")


def _said(load: Load, row: Row, name: str, arrear: Any) -> int:
    if row[name] is None and arrear is not None:
        return int(getattr(arrear, f"{name}_minor"))
    return int(load.value(row, name))


def _check(load: Load, row: Row) -> None:
    if row["bill"] and row["due_on"] is None:
        row.fault("due_on", "the due date of the bill is empty", "give the due date")
    for name in ("due_on", "principal", "surcharge"):
        if load.covers("bill") and not row["bill"] and row[name]:
            row.fault(name, "the row has no bill", "give the number of the bill")
    if row["deposit_taken_at"] is not None and row["deposit"] is None:
        row.fault("deposit_taken_at", "the row has no deposit", "give the amount, or leave it empty")


def credited(agreement_id: int) -> int | None:
    """Return the opening credit of an agreement in minor units, or None."""
    found = CreditRequest.objects.filter(idempotency_key=f"opening-credit:{agreement_id}")
    return found.values_list("amount_minor", flat=True).first()


def deposited(agreement_id: int) -> int | None:
    """Return the first security deposit of an agreement in minor units, or None."""
    found = Deposit.objects.filter(agreement_id=agreement_id).order_by("taken_at", "id")
    return found.values_list("amount_minor", flat=True).first()
