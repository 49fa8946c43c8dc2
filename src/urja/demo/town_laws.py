"""The town's laws against books that Urja did not write: the gateway's, and the meters' own relays."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from urja.base.untyped_values import JsonObject
from urja.demo.stand_ins import PAYMENTS
from urja.laws.connections import Connection
from urja.laws.downtime import NO_DOWNTIME, Downtimes
from urja.laws.meter_histories import MeterHistory
from urja.laws.verify import Finding

_SHOWN: Final = 20

_BY_HAND: Final = "^(counter|bank):"
"""Keys of credits and debits of receipts and bank statements: laws of their own judge those (`urja verify`)."""


def examine(
    connection: Connection,
    payments: list[JsonObject],
    houses: list[JsonObject],
    heard_by: datetime,
) -> list[Finding]:
    """Check payments, relays and commands.

    `payments` are the rows of the gateway's book, `houses` the fleet's answer of that name. A command whose time
    ended before `heard_by` (business time) must have a known end.
    """
    checks = [
        (
            "paid_is_credited_once",
            "each captured payment of the gateway's book is credited once, with its amount, and no other is",
            _credited(connection, payments),
        ),
        (
            "returned_is_debited_once",
            "what the gateway gave back of a credited payment is taken off the account, once",
            _debited(connection, payments),
        ),
        (
            "switch_is_last_command",
            "each meter's switch stands as the last confirmed command left it",
            _switched(connection, houses),
        ),
        (
            "commands_end",
            "each command has ended in one state, or is still in time",
            _unended(connection, heard_by),
        ),
    ]
    return [Finding(law, sentence, tuple(found)[:_SHOWN]) for law, sentence, found in checks]


def examine_reached(
    connection: Connection,
    pasts: Mapping[str, MeterHistory],
    now: datetime,
    promised: timedelta,
    *,
    switching: Downtimes = NO_DOWNTIME,
    paying: Downtimes = NO_DOWNTIME,
) -> list[Finding]:
    """Check the laws of meters that could be reached all the time, by the fleet's journal (`pasts`).

    `promised` is the business time in which an order reaches such a meter and a payment leads to reconnection;
    younger ones are not judged. Where a needed process was down, the time counts from when all run again: `switching`
    is when a process that brings orders to meters was not ready, `paying` the same for processes that a reconnection
    after a payment needs.
    """
    checks = [
        (
            "reachable_obeys",
            "an order to the relay of a reachable meter is carried out in its time, where all needed processes run",
            _disobeyed(connection, pasts, now, promised, switching),
        ),
        (
            "reachable_is_reconnected",
            "a consumer who has paid enough, behind a reachable meter, is reconnected in the promised time",
            _still_disconnected(connection, pasts, now, promised, paying),
        ),
    ]
    return [Finding(law, sentence, tuple(found)[:_SHOWN]) for law, sentence, found in checks]


def credited(connection: Connection, payments: list[dict[str, object]]) -> bool:
    """Return whether the ledger has caught up with the gateway's book."""
    return not any((*_credited(connection, payments), *_debited(connection, payments)))


def figures(connection: Connection, payments: list[JsonObject]) -> dict[str, int]:
    """Return recharges in both books, and the numbers of disconnections and reconnections."""
    counts = dict(
        connection.execute(
            "SELECT kind, count(*) FROM commands_command WHERE kind IN ('connect', 'disconnect') "
            "AND state IN ('confirmed', 'connected_load_unproven', 'waiting_for_person') GROUP BY kind"
        ).fetchall()
    )
    return {
        "recharges_paid": sum(bool(payment["captured"]) for payment in payments),
        "recharges_credited": len(_credits(connection)),
        "disconnects": counts.get("disconnect", 0),
        "reconnects": counts.get("connect", 0),
    }


def percentiles_of(durations_ms: list[int]) -> dict[str, int | None]:
    """Return median, 95th percentile and maximum of sorted durations in milliseconds; None for an empty list."""
    if not durations_ms:
        return {"p50": None, "p95": None, "max": None}
    ranks = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    last = len(durations_ms) - 1
    return {name: durations_ms[round(share * last)] for name, share in ranks.items()}


def _credits(connection: Connection) -> dict[str, list[tuple[int, bool]]]:
    """Return amount and whether it is posted, of each credit of a recharge, by the gateway's payment id."""
    credited: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for key, amount, posted in connection.execute(
        "SELECT c.idempotency_key, c.amount_minor, e.seq IS NOT NULL FROM books_credit_request c "
        "LEFT JOIN books_entry e ON e.bucket = c.id >> 40 AND e.origin = 'credit' "
        "AND (e.inputs->>'request')::bigint = c.id AND e.amount_minor = c.amount_minor "
        "WHERE c.kind = 'recharge' AND c.idempotency_key !~ %s",
        [_BY_HAND],
    ):
        credited[key.removeprefix(f"{PAYMENTS}:")].append((amount, posted))
    return credited


def _credited(connection: Connection, payments: list[JsonObject]) -> Iterator[str]:
    credited = _credits(connection)
    for payment in payments:
        found = credited.pop(payment["id"], [])
        wanted = [(payment["amount"], True)] if payment["captured"] else []
        if found != wanted:
            yield f"payment {payment['id']} is {payment['state']} of {payment['amount']}; credited: {found}"
    for payment_id, found in credited.items():
        yield f"payment {payment_id} is not in the gateway's book; credited: {found}"


def _debited(connection: Connection, payments: list[JsonObject]) -> Iterator[str]:
    """Yield payments that were not debited by what the gateway has paid back; every posted debit counts, however it is recorded."""
    returned: dict[str | None, int] = dict(
        connection.execute(
            "SELECT p.payment_id, sum(-e.amount_minor)::bigint FROM books_debit_request d "
            "JOIN books_entry e ON e.bucket = d.id >> 40 AND e.origin = 'credit' "
            "AND (e.inputs->>'debit')::bigint = d.id "
            "LEFT JOIN payments_refund r ON d.idempotency_key = r.provider || ':' || r.refund_id "
            "LEFT JOIN payments_payment p ON p.id = r.payment_id "
            "WHERE d.reverses = 'recharge' AND d.idempotency_key !~ %s GROUP BY p.payment_id",
            [_BY_HAND],
        ).fetchall()
    )
    for payment in payments:
        wanted = payment["refunds_processed"] + payment["disputes_lost"] if payment["captured"] else 0
        found = returned.pop(payment["id"], 0)
        if found != wanted:
            yield f"{wanted} of payment {payment['id']} went back, {found} was debited"
    for payment_id, found in returned.items():
        yield f"{found} was debited for payment {payment_id or '(unknown)'}, of which nothing went back"


def _switched(connection: Connection, houses: Iterable[dict[str, object]]) -> Iterator[str]:
    """The control state is compared, not the voltage: a welded relay obeys and still supplies, which is another law's
    subject. A switch that is ready for its button is not off, whether a person has pressed it or not.
    """
    last = dict(
        connection.execute(
            "SELECT DISTINCT ON (c.device_id) d.serial, c.kind FROM commands_command c "
            "JOIN assets_device d ON d.id = c.device_id "
            "WHERE c.kind IN ('connect', 'disconnect') "
            "AND c.state IN ('confirmed', 'connected_load_unproven', 'waiting_for_person') "
            "ORDER BY c.device_id, c.sequence DESC"
        ).fetchall()
    )
    for house in houses:
        wanted = last.get(house["serial"])
        off = house["control_state"] == 0
        if wanted is not None and off != (wanted == "disconnect"):
            yield f"meter {house['serial']} is {'off' if off else 'on'}; its last confirmed command is {wanted}"


def _unended(connection: Connection, heard_by: datetime) -> Iterator[str]:
    rows = connection.execute(
        "SELECT id, kind, state, ended_at IS NOT NULL FROM commands_command WHERE (ended_at IS NULL) <> "
        "(state IN ('queued', 'sent', 'acknowledged')) OR (ended_at IS NULL AND expires_at < %s) "
        "ORDER BY id LIMIT %s",
        [heard_by, _SHOWN],
    )
    for number, kind, state, ended in rows:
        yield f"command {number} ({kind}) is {state}, {'and has an end' if ended else 'and no end of it is known'}"


def _disobeyed(
    connection: Connection,
    pasts: Mapping[str, MeterHistory],
    now: datetime,
    promised: timedelta,
    outages: Downtimes,
) -> Iterator[str]:
    """Superseded in its time is an end as good as confirmed: a newer order existed, or its reason was gone.

    An order that was pending while a process was down is judged where all ran for the promised time before its
    expiry.
    """
    rows = connection.execute(
        "SELECT c.id, c.kind, d.serial, c.state, c.detail, c.issued_at, c.expires_at FROM commands_command c "
        "JOIN assets_device d ON d.id = c.device_id "
        "WHERE c.kind IN ('connect', 'disconnect') AND c.expires_at < %s "
        "AND c.state NOT IN ('confirmed', 'connected_load_unproven', 'waiting_for_person') "
        "AND (c.state <> 'superseded' OR c.ended_at >= c.expires_at) ORDER BY c.id",
        [now - promised],
    )
    for number, kind, serial, state, detail, issued_at, expires_at in rows:
        if outages.leave_time(issued_at, expires_at, promised) and _was_there(
            pasts, serial, issued_at, expires_at
        ):
            yield (
                f"command {number} ({kind}) of {issued_at.astimezone(UTC)} to {serial}, which could be reached "
                f"until {expires_at.astimezone(UTC)}, is {state}: {detail or 'nothing is said of it'}"
            )


def _still_disconnected(
    connection: Connection,
    pasts: Mapping[str, MeterHistory],
    now: datetime,
    promised: timedelta,
    outages: Downtimes,
) -> Iterator[str]:
    # A gas meter sleeps, and a person opens its valve: when that is, no promise of the system says.
    rows = connection.execute(
        "SELECT r.credit_id, d.serial, r.paid_at, r.credited_at, r.ordered_at, r.closed_at, r.outcome, c.state "
        "FROM supply_reconnection r JOIN supply_state s ON s.account_id = r.account_id "
        "JOIN assets_device_period p ON p.service_point_id = s.service_point_id AND p.role = 1 "
        "  AND p.valid_to IS NULL "
        "JOIN assets_device d ON d.id = p.device_id LEFT JOIN commands_command c ON c.id = r.command_id "
        "WHERE r.outcome IN ('', 'reconnected') AND d.commodity <> 'gas' AND r.paid_at + %(promised)s < %(now)s "
        "AND coalesce(r.closed_at, 'infinity') > r.paid_at + %(promised)s ORDER BY r.credit_id",
        {"promised": promised, "now": now},
    )
    for credit, serial, paid_at, credited_at, ordered_at, closed_at, outcome, state in rows:
        due_at = outages.due_at(paid_at, promised)
        if due_at >= now or (closed_at is not None and closed_at <= due_at):
            continue
        # A meter that has just come back may not have registered with the head end yet.
        if _was_there(pasts, serial, paid_at - promised, due_at):
            yield (
                f"credit {credit} was paid at {paid_at.astimezone(UTC)} behind {serial}, which could be reached; "
                f"credited {credited_at}, ordered {ordered_at}, the order is {state}, closed {closed_at} as "
                f"{outcome or 'nothing'}"
            )


def _was_there(pasts: Mapping[str, MeterHistory], serial: str, from_at: datetime, to_at: datetime) -> bool:
    return pasts[serial].is_there(int(from_at.timestamp()), int(to_at.timestamp()))
