"""The laws of switching: no forbidden disconnection, no missed disconnection, and reconnection after payment.

They compare the tables with the rules, without trusting the code that decided: hours, limits and notices are read
again from the policy's text, by plain arithmetic. Safety (the first twelve) checks each command that was given;
liveness (the last four) looks for commands that were not. docs/supply.md names each law and what would break it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from urja.laws import switching_liveness as liveness, switching_safety as safety
from urja.laws.connections import Connection
from urja.laws.downtime import NO_DOWNTIME, Downtimes
from urja.laws.switching_rows import Books
from urja.laws.verify import Finding

SLACK: Final = timedelta(minutes=2)
"""Business time in which a step may be under way: what is younger is not judged."""

_SHOWN: Final = 20


def laws(connection: Connection, now: datetime, zone: str, slack: timedelta = SLACK) -> dict[str, bool]:
    """Return each law and whether it holds."""
    return {finding.law: finding.holds for finding in examine(connection, now, zone, slack)}


def examine(
    connection: Connection,
    now: datetime,
    zone: str,
    slack: timedelta = SLACK,
    outages: Downtimes = NO_DOWNTIME,
) -> list[Finding]:
    """Return the laws with their contradictions.

    `connection` reads with a role that may read all; Django must be configured on the same database. `slack` is
    business time: at a speed of 600, one second of real time is ten minutes of it. Where a process was down
    (`outages`), it counts from when all processes that switch are ready again.
    """
    books = Books(connection, now, ZoneInfo(zone), slack, outages)
    checks: list[tuple[str, str, Callable[[Books], Iterable[str]]]] = [
        ("cut_has_a_ground", "each disconnection was given for a stated cause that is one", safety.grounded),
        (
            "cut_in_its_hours",
            "no disconnection that hours bind is outside the window, or in protected hours or days",
            safety.hours,
        ),
        (
            "cut_below_the_limit",
            "no supply is disconnected for credit at the limit or above",
            safety.below_the_limit,
        ),
        (
            "cut_for_what_counts",
            "no supply is disconnected for a reserve, for what settled at close in its days of grace, or for a subsidy taken back that day",
            safety.not_counted,
        ),
        (
            "cut_after_no_credit",
            "no disconnection is ordered while a credit is pending, or carried out after a later one",
            safety.no_credit,
        ),
        (
            "cut_after_notices",
            "each disconnection for credit follows its notices, served as the policy says and with its lead",
            safety.noticed,
        ),
        (
            "cut_of_no_protected_consumer",
            "no protected consumer is disconnected but for danger, by request or at the end, and none in a moratorium for credit",
            safety.marked,
        ),
        (
            "cut_across_no_mode_change",
            "no balance disconnects a supply that an order is making postpaid",
            safety.across_no_mode_change,
        ),
        (
            "cut_on_fresh_data",
            "each disconnection for credit rests on readings that are recent enough",
            safety.fresh,
        ),
        (
            "cut_while_services_run",
            "no supply is disconnected for credit while collection, payments or messages fail",
            safety.well,
        ),
        (
            "cut_while_no_review",
            "no supply is disconnected while a charge is being reviewed, but for danger, by request or at the end",
            safety.unreviewed,
        ),
        (
            "cut_in_turn",
            "disconnections behind a transformer keep their number and their interval",
            safety.in_turn,
        ),
        ("holds_are_kept", "no supply is reconnected while a hold is in force", safety.holds),
        (
            "governed_by_its_policy",
            "each disconnection and standing follows the policy that governs the agreement",
            safety.governed,
        ),
        ("account_has_a_standing", "each account has one standing with a sentence", liveness.has_a_standing),
        (
            "due_is_cut",
            "each supply that is due and reachable is disconnected in the window",
            liveness.cut_when_due,
        ),
        (
            "protected_is_not_kept_off",
            "no protected consumer stays disconnected, and none because of provisional charges alone",
            liveness.kept_off,
        ),
        (
            "danger_is_notified",
            "each report of escaping gas has a message to each consumer there and to the staff, and none is left unsent",
            liveness.danger_is_notified,
        ),
        (
            "paid_is_reconnected",
            "each consumer who has paid and is reachable is reconnected",
            liveness.paid_is_reconnected,
        ),
    ]
    return [Finding(law, sentence, _some(check(books))) for law, sentence, check in checks]


def _some(contradictions: Iterable[str]) -> tuple[str, ...]:
    return tuple(contradiction for contradiction, _ in zip(contradictions, range(_SHOWN), strict=False))
