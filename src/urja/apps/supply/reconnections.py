"""The steps from a payment to the reconnection.

There is a row for each credit that is recorded while a supply is off or being disconnected.
"""

from collections.abc import Iterable, Mapping, Sequence

from urja.apps.commands.queries import CommandRow
from urja.apps.supply.account_facts import SwitchCommand
from urja.apps.supply.account_states import AccountDecision
from urja.apps.supply.models import Reconnection
from urja.apps.supply.queries.facts import AccountSnapshot, Credit
from urja.apps.supply.switching import CREDIT, RunContext
from urja.core.policy import Standing


def record_credits(
    known: Sequence[AccountSnapshot], moment: RunContext, recorded_wall_ms: Mapping[int, int]
) -> None:
    """Store a row for each new credit of such accounts, and when it was posted.

    `recorded_wall_ms` has the wall time (Unix ms) of the recording, by account, where the credit is new.
    """
    rows = [
        _row(credit, item.pending_connect, moment, recorded_wall_ms.get(item.account_id, moment.wall_ms))
        for item in known
        if _matters(item)
        for credit in item.credits
    ]
    if not rows:
        return
    # The credit is the key: a later run sees the same credit again and must not reset its times.
    Reconnection.objects.bulk_create(rows, ignore_conflicts=True)
    credited = [row for row in rows if row.credited_at is not None]
    for row in Reconnection.objects.filter(credit_id__in=[r.credit_id for r in credited], credited_at=None):
        row.credited_at = next(r.credited_at for r in credited if r.credit_id == row.credit_id)
        row.credited_wall_ms = moment.wall_ms
        row.save(update_fields=["credited_at", "credited_wall_ms"])


def _matters(known: AccountSnapshot) -> bool:
    """Return whether an account's credits are followed.

    Not for a meter without a load switch: how soon field staff arrive is no property of the system.
    """
    return (
        not known.by_hand
        and (known.facts.supply == "off" or CREDIT in known.facts.holds or known.pending_cut is not None)
        and bool(known.credits)
    )


def _row(
    credit: Credit, connect: SwitchCommand | None, moment: RunContext, paid_wall_ms: int
) -> Reconnection:
    """Return a row for a credit.

    A connect may be under way already, given on the authorised payment or by the policy.
    """
    return Reconnection(
        credit_id=credit.id,
        account_id=credit.account_id,
        paid_at=credit.requested_at,
        # The database's clock may be ahead of this process's; a step never comes before the one that it follows.
        paid_wall_ms=min(paid_wall_ms, moment.wall_ms),
        seen_at=moment.now,
        seen_wall_ms=moment.wall_ms,
        credited_at=credit.posted_at,
        credited_wall_ms=None if credit.posted_at is None else moment.wall_ms,
        command_id=connect.id if connect else None,
        ordered_at=connect.issued_at if connect else None,
        ordered_wall_ms=connect.issued_wall_ms if connect else None,
    )


def record_command(account_id: int, command: CommandRow, moment: RunContext) -> None:
    """Store that a connect was given, on all open rows of the account."""
    Reconnection.objects.filter(account_id=account_id, closed_at=None).update(
        command_id=command.id, ordered_at=moment.now, ordered_wall_ms=moment.wall_ms
    )


def close(decided: Iterable[AccountDecision], moment: RunContext) -> None:
    """Close the rows of accounts whose supply was reconnected, or whose credit led to nothing."""
    by_account = {item.known.account_id: item for item in decided}
    waiting = Reconnection.objects.filter(
        account_id__in=by_account, closed_at=None, credited_at__isnull=False
    )
    for row in waiting:
        outcome = _outcome(by_account[row.account_id], row)
        if outcome:
            row.outcome, row.closed_at = outcome, moment.now
            row.save(update_fields=["outcome", "closed_at"])


def _outcome(item: AccountDecision, row: Reconnection) -> str:
    """Return how a posted row ended; empty while it is under way. `item` is from before this run's commands."""
    known = item.known
    if row.command_id is not None:
        executed = known.executed
        return (
            "reconnected" if known.facts.supply == "on" and executed and executed.id >= row.command_id else ""
        )
    if known.other_holds:
        return "held"
    if item.decision.standing is Standing.CUT and item.decision.restore is None:
        return "not_enough"
    under_way = known.pending_cut or known.pending_connect or CREDIT in known.facts.holds
    return "" if under_way or known.facts.supply == "off" else "never_off"
