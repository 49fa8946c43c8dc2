"""How an operation is performed: guarded, in one transaction, recorded, followed by what depends on it.

    content ─▶ faults? ─▶ audit entry ─▶ carried out ─▶ revision, projection, accruals ─▶ COMMIT

An operation is a class: its fields are the request, `faults` yields sentences about what is missing, `carry_out`
carries it out. Everything else is here: the audit entry, the history of the rows that change (written by a trigger,
which refuses changes outside of an operation), the dry run, and what ingest, the head end and the accruals must learn
of it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from urja.apps.assets.projection_versions import mark_due
from urja.apps.journal import revision
from urja.apps.journal.errors import RefusedError, sentence_of
from urja.apps.journal.models import AuditEntry
from urja.apps.journal.operation import Execution, UseCase, next_number
from urja.apps.readings.operations import recompute_since
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject
from urja.usecases.ownership import owned_by_others


@dataclass(frozen=True, slots=True)
class Change:
    """A row that an operation or a dry run creates, changes or deletes."""

    table: str
    row_id: int
    before: JsonObject | None
    after: JsonObject | None

    def to_json(self) -> dict[str, object]:
        """Return it for the caller: without wrapped keys, which no caller sees."""
        return {
            "table": self.table,
            "row_id": self.row_id,
            "before": _shown(self.before),
            "after": _shown(self.after),
        }


def _shown(row: dict[str, object] | None) -> dict[str, object] | None:
    return (
        None
        if row is None
        else {name: value for name, value in row.items() if not name.startswith("wrapped_")}
    )


def perform(
    operation: UseCase, *, recorded_at: datetime, actor: str, idempotency_key: str | None = None
) -> AuditEntry:
    """Perform an operation, or raise RefusedError with every fault: then nothing has changed.

    An idempotency key that was used for the same content returns that entry and does nothing; with other content it
    is refused.
    """
    with transaction.atomic():
        if idempotency_key is not None:
            known = AuditEntry.objects.filter(idempotency_key=idempotency_key).first()
            if known is not None:
                return _replay(known, operation)
        return execute(operation, recorded_at=recorded_at, actor=actor, idempotency_key=idempotency_key).entry


@dataclass(frozen=True, slots=True)
class Executed:
    """An operation that was carried out, and what it has touched."""

    entry: AuditEntry
    since: dict[int, datetime]
    """Service points whose energy was evaluated again, and from when on."""
    devices: list[int]
    """Devices whose row, installation or feeding transformer has changed."""


def execute(
    operation: UseCase, *, recorded_at: datetime, actor: str, idempotency_key: str | None = None
) -> Executed:
    """Perform as `perform` does and return what was touched. Raises RefusedError, also for a used idempotency key."""
    with transaction.atomic():
        execution = Execution(next_number(), actor, recorded_at)
        try:
            # A savepoint: a violated constraint, or a number that a guard's query does not take, aborts a transaction in
            # PostgreSQL, and the caller still stores the refusal in this one.
            with transaction.atomic():
                if faults := list(operation.faults(execution)):
                    raise RefusedError(faults)
                entry = AuditEntry.objects.create(
                    id=execution.id,
                    kind=operation.kind(),
                    content=operation.content(),
                    actor=actor,
                    recorded_at=recorded_at,
                    idempotency_key=idempotency_key,
                )
                _carry_out(operation, execution)
        except (IntegrityError, DataError) as error:
            raise RefusedError([sentence_of(error)]) from error
        entry.outcome = execution.outcome | ({"outside": execution.outside} if execution.outside else {})
        entry.service_point_id = execution.service_point_id
        entry.save(update_fields=["outcome", "service_point_id"])
    return Executed(entry, execution.touched, execution.touched_devices)


def dry_run_changes(operation: UseCase, *, recorded_at: datetime, actor: str) -> list[Change]:
    """Return the rows that an operation would change, and change nothing. Raises RefusedError as `perform` does."""
    with transaction.atomic():
        entry = perform(operation, recorded_at=recorded_at, actor=actor)
        changes = changes_of(entry.id)
        transaction.set_rollback(True)
    return changes


def _replay(known: AuditEntry, operation: UseCase) -> AuditEntry:
    if known.kind != operation.kind() or known.content != operation.content():
        raise RefusedError(
            [
                say(
                    "idempotency key {idempotency_key} was used for another operation ({known}): use a new key",
                    idempotency_key=known.idempotency_key,
                    known=known.id,
                )
            ]
        )
    return known


def _carry_out(operation: UseCase, execution: Execution) -> None:
    with recording_history(execution):
        operation.carry_out(execution)
        _judge(execution, operation.owner())
        _follow_up(execution)


@contextmanager
def recording_history(execution: Execution) -> Iterator[None]:
    """Give the changes of the block an operation's number in the history."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('urja.operation', %s, true), set_config('urja.known_at', %s, true)",
            [str(execution.id), execution.recorded_at.isoformat()],
        )
        yield
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        # Without the number any later change of a recorded table is refused: the trigger sees that no operation is running.
        cursor.execute("SELECT set_config('urja.operation', '', true)")


def _judge(execution: Execution, owner: str) -> None:
    """Check what the database would check at the end of the transaction, while the answer can still be a sentence."""
    if faults := owned_by_others(execution.id, owner):
        raise RefusedError(faults)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


OperationSource = Callable[[Execution], Sequence[UseCase]]
"""Returns the operations of one of many parts, once those before it are performed. Raises RefusedError where it has
none.
"""


def execute_many(
    execution: Execution, many: Sequence[OperationSource], owner: str = ""
) -> list[tuple[Execution, list[str]]]:
    """Perform many parts of one operation, one after the other; return each with its faults, empty where it was
    performed.

    Each is guarded as by `perform`, and a refused one changes nothing. The caller is within `recording_history`, and carries
    out what follows from the changes.
    """
    try:
        with transaction.atomic():
            done = [(part, _do_part(part, asked)) for asked in many for part in [execution.part()]]
            _judge(execution, owner)
            _wait_again()
            return done
    except (IntegrityError, DataError) as error:
        refused = [sentence_of(error)]
    except RefusedError as error:
        refused = error.faults
    # The savepoint has undone all of them. Halves find the one that fails: one bad row costs a few retries, not one for each row.
    execution.found.clear()
    if len(many) == 1:
        return [(execution.part(), refused)]
    half = len(many) // 2
    return [*execute_many(execution, many[:half], owner), *execute_many(execution, many[half:], owner)]


def _wait_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _do_part(execution: Execution, asked: OperationSource) -> list[str]:
    try:
        operations = asked(execution)
    except RefusedError as refused:
        return refused.faults
    faults = [fault for operation in operations for fault in operation.faults(execution)]
    if not faults:
        for operation in operations:
            operation.carry_out(execution)
    return faults


_KEPT_OF = {
    "agreement": "contracts_agreement",
    "device": "assets_device",
    "device_period": "assets_device_period",
    "node_period": "network_node_period",
    "placement": "network_placement",
}
"""Table names in the history that the next statement looks up."""
_TOUCHED = """
WITH period AS (
    SELECT service_point_id, device_id, valid_from FROM assets.device_period WHERE operation_id = ANY(%(ids)s)
    UNION ALL SELECT p.service_point_id, p.device_id, p.valid_from
    FROM journal.history h JOIN assets.device_period p ON p.id = h.row_id
    WHERE h.operation_id = ANY(%(ids)s) AND h.table_name = %(device_period)s
    UNION ALL SELECT (row->>'service_point_id')::bigint, (row->>'device_id')::bigint, (row->>'valid_from')::timestamptz
    FROM journal.history WHERE operation_id = ANY(%(ids)s) AND table_name = %(device_period)s
), agreement AS (
    SELECT service_point_id, valid_from FROM contracts.agreement WHERE operation_id = ANY(%(ids)s)
    UNION ALL SELECT (row->>'service_point_id')::bigint, (row->>'valid_from')::timestamptz
    FROM journal.history WHERE operation_id = ANY(%(ids)s) AND table_name = %(agreement)s
), placed AS (
    SELECT service_point_id FROM network.placement WHERE operation_id = ANY(%(ids)s)
    UNION ALL SELECT (row->>'service_point_id')::bigint
    FROM journal.history WHERE operation_id = ANY(%(ids)s) AND table_name = %(placement)s
    UNION ALL SELECT p.service_point_id FROM network.placement p WHERE p.node_id IN (
        -- A service point on a pole is fed by the transformer that the pole is placed under.
        SELECT node_id FROM network.node_period WHERE operation_id = ANY(%(ids)s)
        UNION ALL SELECT (row->>'node_id')::bigint
        FROM journal.history WHERE operation_id = ANY(%(ids)s) AND table_name = %(node_period)s)
), device AS (
    SELECT device_id AS id FROM period
    UNION SELECT id FROM assets.device_for_pipeline WHERE operation_id = ANY(%(ids)s)
    UNION SELECT row_id FROM journal.history WHERE operation_id = ANY(%(ids)s) AND table_name = %(device)s
    UNION SELECT m.device_id FROM placed p JOIN assets.device_period m USING (service_point_id)
)
SELECT
    (SELECT coalesce(jsonb_object_agg(service_point_id, since), '{}') FROM (
        SELECT service_point_id, min(valid_from) AS since
        FROM (SELECT service_point_id, valid_from FROM period UNION ALL TABLE agreement) AS touched
        GROUP BY service_point_id) s),
    (SELECT coalesce(array_agg(DISTINCT id), '{}') FROM device)
"""


def _follow_up(execution: Execution) -> None:
    """Inform ingest, the head end and the accruals, in the transaction of the change."""
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, {"ids": [execution.id, execution.undoes], **_KEPT_OF})
        periods, devices = cursor.fetchone()
        since = {
            int(service_point): datetime.fromisoformat(at)
            for service_point, at in msgspec.json.decode(periods).items()
        }
        for service_point, at in execution.reassess_from.items():
            since[service_point] = min(at, since.get(service_point, at))
        execution.touched, execution.touched_devices = since, list(devices)
        revision.advance(cursor)
        mark_due(devices)
        recompute_since(cursor, since, execution.recorded_at, settings.URJA_TIMEZONE)


def changes_of(operation_id: int) -> list[Change]:
    """Return the rows that an operation created, changed and deleted, as they were and as they are now."""
    before = _first_states(operation_id) | dict.fromkeys(_put_back(operation_id))
    changes = []
    for table in RECORDED_TABLES:
        rows = [row_id for name, row_id in before if name == table]
        with connection.cursor() as cursor:
            cursor.execute(
                # The table's name is one of a constant.
                f"SELECT id, to_jsonb(t) FROM {table} t WHERE operation_id = %s OR id = ANY(%s) ORDER BY id",  # noqa: S608 - names from our code, values bound
                [operation_id, rows],
            )
            now = {row_id: msgspec.json.decode(row) for row_id, row in cursor.fetchall()}
        changes += [
            Change(table, row_id, before.get((table, row_id)), now.get(row_id)) for row_id in {*rows, *now}
        ]
    return changes + _addresses_asked_for(operation_id)


def _addresses_asked_for(operation_id: int) -> list[Change]:
    """Return the change of a sign-in address that an operation requested or approved: it is in no history while it is
    pending.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.id, c.person_id, c.old_email, c.new_email, c.approval_counts_from FROM identity.address_change c "
            "JOIN journal.operation o ON c.id = (o.outcome->>'address_change_id')::bigint WHERE o.id = %s",
            [operation_id],
        )
        return [
            Change(
                "identity_address_change",
                row_id,
                None,
                {
                    "person_id": person_id,
                    "old_email": old,
                    "new_email": new,
                    "approval_counts_from": counts_from and counts_from.isoformat(),
                },
            )
            for row_id, person_id, old, new, counts_from in cursor.fetchall()
        ]


def _put_back(operation_id: int) -> list[tuple[str, int]]:
    """Return rows that an undo has restored; they carry the number of the operation that once created them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT h.table_name, h.row_id FROM journal.history h JOIN journal.operation o ON o.id = h.operation_id "
            "WHERE o.undone_by_id = %s AND h.action = 'deleted'",
            [operation_id],
        )
        return list(cursor.fetchall())


def _first_states(operation_id: int) -> dict[tuple[str, int], dict[str, object]]:
    """Return rows as they were before an operation, by table and key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (table_name, row_id) table_name, row_id, row FROM journal.history "
            "WHERE operation_id = %s ORDER BY table_name, row_id, id",
            [operation_id],
        )
        return {(table, row_id): msgspec.json.decode(row) for table, row_id, row in cursor.fetchall()}


RECORDED_TABLES = (
    "network_utility",
    "network_licensee",
    "network_premise",
    "network_service_point",
    "network_node",
    "network_node_period",
    "network_placement",
    "assets_device",
    "assets_device_period",
    "assets_seal",
    "people_person",
    "people_consent",
    "people_protection",
    "identity_account_access",
    "identity_employment",
    "contracts_agreement",
    "contracts_agreement_terms",
    "billing_deposit",
    "billing_deposit_demand",
    "billing_arrear",
    "billing_instalment_plan",
    "billing_opening_balance",
    "maintenance_due",
)
"""Tables with history, in an order in which rows can be created: each refers only to rows of tables before it."""
