"""Undoing an operation: the registry is as it was before, and dependants learn of it as of any other change.

Rows that the operation created are deleted; rows that it changed or deleted are restored from the history, step by
step backwards, so that no rule of the database is broken on the way. The audit entry stays, with the number of its
undo; so does the history of both. Requests to other apps are reversed (`side_effects`).
"""

# ruff: noqa: S608  (names of tables and columns are those of a constant and of the catalogue)

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection
from django.db.models import Sum

from urja.apps.assets.models import Projection
from urja.apps.bank import queries as bank
from urja.apps.billing.models import ArrearPayment, FinalSettlement, Instalment
from urja.apps.billing.queries import charged_agreements, closed_through
from urja.apps.books.models import CreditRequest, DebitRequest
from urja.apps.books.queries import settled_balances
from urja.apps.contracts import mode_changes
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.counter import queries as counter
from urja.apps.identity.kinds import AddressChangeState
from urja.apps.identity.models import AddressChange
from urja.apps.journal.models import AuditEntry
from urja.apps.journal.operation import Execution, Operation, UseCase
from urja.apps.local_zone import local_zone
from urja.apps.maintenance.queries import maintenance_of
from urja.apps.rulebook.queries import tariffs
from urja.apps.work import operations as work, queries as orders
from urja.base.sentences import Sentence, say
from urja.core.calendar import local_day
from urja.usecases import side_effects
from urja.usecases.address_changes import withdraw_address_changes_of
from urja.usecases.kinds import BY_KIND, undoing
from urja.usecases.kinds.amounts import amount_text
from urja.usecases.operation_execution import RECORDED_TABLES

TERMS_TABLE: Final = "contracts_agreement_terms"


class Undo(undoing.Undo, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason for the undo")
        entry = AuditEntry.objects.select_for_update().filter(id=self.entry_id).first()
        if entry is None:
            yield say("there is no operation {entry}", entry=self.entry_id)
            return
        which = say("operation {entry} ({kind})", entry=entry.id, kind=entry.kind)
        if entry.undone_by_id is not None:
            yield say(
                "{which} was undone by operation {undone_by}", which=which, undone_by=entry.undone_by_id
            )
            return
        asked = BY_KIND.get(entry.kind)
        if asked is None or not asked.undoable:
            instead = Operation.instead if asked is None else asked.instead
            yield say("{which} cannot be undone: {instead}", which=which, instead=instead)
            return
        made = _made_by(entry.id)
        for number, kind in _standing_on(entry.id, made):
            yield say(
                "operation {number} ({kind}) came after {which} and depends on its records: undo that one first",
                number=number,
                kind=kind,
                which=which,
            )
        for faults in (_charge_faults, _outside_faults, _payment_faults, _account_faults):
            yield from faults(entry, made, which)

    def carry_out(self, execution: Execution) -> None:
        entry = AuditEntry.objects.get(id=self.entry_id)
        execution.undoes = entry.id
        execution.service_point_id = entry.service_point_id
        made = _made_by(entry.id)
        Projection.objects.filter(device_id__in=made.get("assets_device", [])).delete()
        with connection.cursor() as cursor:
            # In reverse order of creation: rows that refer to others are deleted first.
            for table in reversed(RECORDED_TABLES):
                if table in made:
                    cursor.execute(f"DELETE FROM {table} WHERE id = ANY(%s)", [made[table]])
        for step in _steps(entry.id):
            if step.row_id not in made.get(step.table, ()):
                step.take_back()
        FinalSettlement.objects.filter(operation_id=entry.id).delete()
        withdraw_address_changes_of(entry.id, execution.recorded_at)
        mode_changes.stop(entry.id, actor=execution.actor, at=execution.recorded_at)
        side_effects.take_back(execution, entry.outcome.get("outside", []))
        for order in orders.opened_by(entry.id):
            if order.service_point_id in made.get("network_service_point", ()):
                work.delete_unfinished(order.id)
            else:
                work.withdraw(
                    order.id, execution.recorded_at, f"operation {entry.id} was undone: {self.reason}"
                )
        AuditEntry.objects.filter(id=entry.id).update(undone_by_id=execution.id)
        execution.outcome["undone"] = entry.id


def _charge_faults(entry: AuditEntry, made: dict[str, list[int]], which: Sentence) -> Iterator[str]:
    """Yield which agreements are charged by what the operation recorded."""
    for agreement_id in charged_agreements(made.get("contracts_agreement", [])):
        yield say(
            "days of agreement {agreement_id} are charged already: end it with move_out instead",
            agreement_id=agreement_id,
        )
    for agreement_id, last in _charged_by_other_periods(entry.id, made):
        yield say(
            "agreement {agreement_id} is charged up to {last} by the billing periods that {which} gave it: change its terms from a later day on instead",
            agreement_id=agreement_id,
            last=last,
            which=which,
        )


def _payment_faults(entry: AuditEntry, made: dict[str, list[int]], which: Sentence) -> Iterator[str]:
    """Yield which settlements and payments rest on what the operation recorded."""
    for final in FinalSettlement.objects.filter(operation_id=entry.id, settled_at__isnull=False):
        yield say(
            "the remaining balance of account {account} was settled at {settled_at}: start a new agreement instead",
            account=final.account_id,
            settled_at=final.settled_at,
        )
    paid = ArrearPayment.objects.filter(arrear_id__in=made.get("billing_arrear", []))
    for bill in sorted(set(paid.values_list("arrear__bill", flat=True))):
        yield say(
            "payments have been made towards bill {bill}, which {which} recorded: convert the supply to postpaid instead",
            bill=bill,
            which=which,
        )
    posted = Instalment.objects.filter(plan_id__in=made.get("billing_instalment_plan", []))
    if posted.exists():
        yield say(
            "instalments of the plan that {which} created are posted: end it with end_instalments instead",
            which=which,
        )


def _account_faults(entry: AuditEntry, made: dict[str, list[int]], which: Sentence) -> Iterator[str]:
    """Yield which accounts would be left without an agreement, and with money or something that may bring some."""
    for account_id in _accounts_without_agreement(made):
        kept = settled_balances([account_id])[account_id] - _requested(entry, account_id)
        if kept:
            yield say(
                "account {account} has {amount} that {which} did not bring, and would have no agreement: refund it with refund_credit, or move it with adjust_balance first",
                account=account_id,
                amount=amount_text(kept),
                which=which,
            )
        maintenance = maintenance_of(account_id)
        beside = [account_id] if maintenance is None else [account_id, maintenance.account_id]
        if maintenance is not None and (maintenance.dues or settled_balances(beside)[beside[-1]]):
            yield say(
                "maintenance was posted or paid beside account {account}: end the agreement with move_out instead",
                account=account_id,
            )
        if bank.undecided_claims(beside) or counter.unpaid_cheques(beside):
            yield say(
                "account {account} has reported transfers or cheques that may be credited: decide_claim, clear_cheque or return_cheque come first",
                account=account_id,
            )


def _outside_faults(entry: AuditEntry, made: dict[str, list[int]], which: Sentence) -> Iterator[str]:
    """Yield what went out into the world: meters that head ends know, conversions, confirmed addresses, work that is done."""
    known = Projection.objects.filter(device_id__in=made.get("assets_device", []), projected_version__gt=0)
    for serial in known.values_list("device__serial", flat=True):
        yield say("the head end knows meter {serial} already: remove and scrap it instead", serial=serial)
    if mode_changes.is_over(entry.id):
        yield say(
            "{which} made mode change {order}, which has ended: undo the conversion that it made",
            which=which,
            order=entry.id,
        )
    confirmed = AddressChange.objects.filter(operation_id=entry.id, state=AddressChangeState.DONE)
    if confirmed.exists():
        yield say(
            "the address that {which} requested was confirmed: use correct_consumer again instead",
            which=which,
        )
    for order in orders.opened_by(entry.id):
        if order.done:
            yield say(
                "work order {order} ({kind}) of {which} is done: the work at the meter cannot be undone",
                order=order.id,
                kind=order.kind,
                which=which,
            )


def _charged_by_other_periods(entry_id: int, made: dict[str, list[int]]) -> Iterator[tuple[int, date]]:
    """Yield agreements whose charged days would have other billing periods after an undo, with their last charged day."""
    before = [step for step in _steps(entry_id) if step.table == TERMS_TABLE]
    codes: dict[int, set[str]] = {}
    for step in before:
        row = json.loads(step.row)
        codes.setdefault(row["agreement_id"], set()).add(row["tariff_code"])
    begins: dict[int, datetime] = {}
    touched = [*made.get(TERMS_TABLE, ()), *(step.row_id for step in before)]
    for terms in AgreementTerms.objects.filter(id__in=touched):
        codes.setdefault(terms.agreement_id, set()).add(terms.tariff_code)
        known = begins.get(terms.agreement_id, terms.valid_from)
        begins[terms.agreement_id] = max(known, terms.valid_from)
    closed = closed_through(list(begins))
    for agreement_id, begin in begins.items():
        first, last = local_day(begin, local_zone()), closed.get(agreement_id)
        cycles = {
            tariff.cycle
            for code in codes[agreement_id]
            if (tariff := tariffs.in_force(code, first)) is not None
        }
        if last is not None and last >= first and len(cycles) > 1:
            yield agreement_id, last


def _accounts_without_agreement(made: dict[str, list[int]]) -> list[int]:
    """Return the accounts whose only agreements an operation created."""
    agreements = made.get("contracts_agreement", [])
    accounts = Agreement.objects.filter(id__in=agreements).values("account_id")
    others = Agreement.objects.exclude(id__in=agreements).filter(account_id__in=accounts).values("account_id")
    alone = Agreement.objects.filter(id__in=agreements).exclude(account_id__in=others)
    return sorted(set(alone.values_list("account_id", flat=True)))


def _requested(entry: AuditEntry, account_id: int) -> int:
    """Return what an operation credited to an account less what it debited, in minor units: the undo reverses it."""
    asked = entry.outcome.get("outside", [])
    total = 0
    for what, rows, sign in (("credit", CreditRequest.objects, 1), ("debit", DebitRequest.objects, -1)):
        numbers = [rest[0] for asked_for, *rest in asked if asked_for == what]
        own = rows.filter(id__in=numbers, account_id=account_id)
        total += sign * (own.aggregate(sum=Sum("amount_minor"))["sum"] or 0)
    return total


def _made_by(operation_id: int) -> dict[str, list[int]]:
    """Return the rows that carry an operation's number, by table."""
    made: dict[str, list[int]] = {}
    with connection.cursor() as cursor:
        for table in RECORDED_TABLES:
            cursor.execute(f"SELECT id FROM {table} WHERE operation_id = %s", [operation_id])
            ids = [id_ for (id_,) in cursor.fetchall()]
            if ids:
                made[table] = ids
    return made


@dataclass(frozen=True, slots=True)
class _Step:
    """A row as it was before a change."""

    table: str
    row_id: int
    row: str
    deleted: bool

    def take_back(self) -> None:
        """Restore the columns that the history has; columns that the database generates are left to it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
                "AND attgenerated = '' AND %s::jsonb ? attname ORDER BY attnum",
                [self.table, self.row],
            )
            columns = ", ".join(name for (name,) in cursor.fetchall())
            values = f"SELECT {columns} FROM jsonb_populate_record(NULL::{self.table}, %s::jsonb)"
            if self.deleted:
                cursor.execute(f"INSERT INTO {self.table} ({columns}) {values}", [self.row])
            else:
                cursor.execute(
                    f"UPDATE {self.table} SET ({columns}) = ({values}) WHERE id = %s",
                    [self.row, self.row_id],
                )


def _steps(operation_id: int) -> list[_Step]:
    """Return the state before each of an operation's changes, the last one first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, row_id, row::text, action = 'deleted' FROM journal.history "
            "WHERE operation_id = %s ORDER BY id DESC",
            [operation_id],
        )
        return [_Step(*row) for row in cursor.fetchall()]


_LATER = """
WITH own AS (
    SELECT table_name, row_id, max(id) AS last FROM journal.history WHERE operation_id = %(id)s GROUP BY 1, 2
    UNION ALL SELECT table_name, row_id, 0
    FROM unnest(%(tables)s::text[], %(rows)s::bigint[]) AS made (table_name, row_id)
)
SELECT DISTINCT o.id, o.kind FROM own
JOIN journal.history h ON h.table_name = own.table_name AND h.row_id = own.row_id AND h.id > own.last
JOIN journal.operation o ON o.id = h.operation_id
WHERE o.id <> %(id)s AND o.undone_by_id IS NULL AND o.kind <> 'undo'
"""

_REFERENCES = """
SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND c.confrelid::regclass::text = ANY(%s) AND c.conrelid::regclass::text = ANY(%s)
"""


def _standing_on(operation_id: int, made: dict[str, list[int]]) -> list[tuple[int, str]]:
    """Return later operations that have changed its rows, or created rows that refer to them."""
    pairs = [(table, id_) for table, ids in made.items() for id_ in ids]
    with connection.cursor() as cursor:
        cursor.execute(
            _LATER,
            {"id": operation_id, "tables": [table for table, _ in pairs], "rows": [id_ for _, id_ in pairs]},
        )
        found = set(cursor.fetchall())
        cursor.execute(_REFERENCES, [list(made), list(RECORDED_TABLES)])
        for table, column, referred in cursor.fetchall():
            cursor.execute(
                f"SELECT DISTINCT o.id, o.kind FROM {table} t JOIN journal.operation o ON o.id = t.operation_id "
                f"WHERE t.{column} = ANY(%s) AND o.id <> %s",
                [made[referred], operation_id],
            )
            found.update(cursor.fetchall())
    return sorted(found)
