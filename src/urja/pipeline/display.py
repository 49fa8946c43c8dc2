"""The pipeline's stage `display`: the balance is written to the meter's own display when it has news.

It is written after a recharge, when the supply state changes, and once a local day; not with each interval, because a
display's memory wears out and airtime costs (design, meter rule 12). The meter decides nothing by it. While a
reconnection is under way nothing is written: on a slow link the display's round trips would delay it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from django.db import connection

from urja.apps.billing.balances import Balance, fresh_balances
from urja.apps.billing.rating_basis import unratable_reason
from urja.apps.commands import operations as commands
from urja.apps.contracts import queries as contracts
from urja.apps.rulebook.queries import tariffs
from urja.apps.supply import account_states
from urja.core.calendar import local_day, midnight
from urja.pipeline.savepoints import Savepoints
from urja.pipeline.stage import Report

log = structlog.get_logger()

KIND: Final = "write_balance"
GOOD_FOR: Final = timedelta(hours=20)
"""After that the balance is of yesterday, and the next day's command replaces this one."""
AT_ONCE: Final = 200

_DUE = """
SELECT p.device_id, s.service_point_id, s.account_id, s.agreement_id,
    credit.posted_at, credit.amount_minor, credit.correlation, credit.balance_minor,
    CASE WHEN last.issued_at IS NULL THEN 'the first balance'
        WHEN credit.posted_at > last.issued_at THEN 'a credit was posted'
        WHEN s.since_at > last.issued_at THEN 'the standing has changed'
        ELSE 'a day has passed' END
FROM supply.state s
JOIN assets.device_period p ON p.service_point_id = s.service_point_id AND p.role = 1 AND p.valid_to IS NULL
LEFT JOIN LATERAL (
    SELECT c.issued_at FROM commands.command c WHERE c.device_id = p.device_id AND c.kind = 'write_balance'
    ORDER BY c.sequence DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
    SELECT r.posted_at, r.amount_minor, r.correlation,
        -- The share that goes to dues is posted right after it.
        coalesce(share.balance_after_minor, e.balance_after_minor) AS balance_minor
    FROM books.credit_request r
    JOIN books.entry e ON e.bucket = r.account_id >> 40 AND e.account_id = r.account_id AND e.seq = r.posted_seq
    LEFT JOIN books.entry share ON share.bucket = e.bucket AND share.account_id = e.account_id
        AND share.seq = e.seq + 1 AND share.idempotency_key = 'arrears:' || r.id
    WHERE r.account_id = s.account_id ORDER BY r.posted_seq DESC LIMIT 1
) credit ON true
WHERE (%(accounts)s::bigint[] IS NULL OR s.account_id = ANY(%(accounts)s::bigint[]))
    AND (last.issued_at IS NULL OR last.issued_at < %(today)s OR credit.posted_at > last.issued_at
        OR s.since_at > last.issued_at)
    AND s.account_id <> ALL(%(left_out)s::bigint[])
    AND NOT EXISTS (
        SELECT FROM supply.reconnection r LEFT JOIN commands.command c ON c.id = r.command_id
        WHERE r.account_id = s.account_id AND r.closed_at IS NULL AND c.ended_at IS NULL
    )
ORDER BY s.account_id LIMIT %(limit)s
"""

_NEWS = """
SELECT account_id FROM supply.decision WHERE id > %(decision)s
UNION SELECT account_id FROM books.credit_request WHERE posted_at >= %(since)s
-- Put off because a reconnection was under way.
UNION SELECT account_id FROM supply.reconnection WHERE closed_at IS NULL OR closed_at >= %(since)s
"""


@dataclass(frozen=True, slots=True)
class _Due:
    """One meter whose display is out of date, and the last credit that it will show."""

    device_id: int
    service_point_id: int
    account_id: int
    agreement_id: int
    recharge_at: datetime | None
    recharge_minor: int | None
    correlation: int | None
    recharge_total_minor: int | None
    reason: str

    def arguments(self, balance: Balance, now: datetime) -> dict[str, object]:
        """The arguments of `urja.headend.commands.write_balance`."""
        return {
            "balance_minor": balance.balance_minor,
            "balance_at": (balance.as_of or now).isoformat(),
            "recharge_minor": self.recharge_minor,
            "recharge_at": self.recharge_at.isoformat() if self.recharge_at else None,
            "recharge_total_minor": self.recharge_total_minor,
        }


class Display:
    """Checks every account at the start and once a local day, and in between the accounts with news.

    The position is remembered by this process alone: a new process checks all accounts and comes to the same result.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._whole_day: datetime | None = None
        self._decision = 0
        self._since: datetime | None = None
        self._put_off: list[int] = []
        """Accounts that `decide` was working on at the last check: it was not known whether their credit brings a
        reconnection."""

    def run_once(self, now: datetime, wall_ms: int) -> Report:
        """Issue the commands that are due at `now`. A second run at the same time issues none."""
        today = midnight(local_day(now, self._zone), self._zone)
        newest_decision = _newest_decision()
        in_hand = account_states.credited()
        whole = self._whole_day != today
        apart = Savepoints.of("display", "writing the balance", now)
        waiting = apart.waiting()
        chosen = None if whole else [*self._news(), *self._put_off, *apart.due()]
        due = _due(today, chosen, [*in_hand, *waiting])
        given = sum(
            apart.run(
                due, lambda one: ("account", one.account_id), lambda some: self._give(some, now, wall_ms)
            )
        )
        if len(due) < AT_ONCE:
            # In each run: those that failed are looked up by their numbers.
            apart.remove_idle()
        if len(due) < AT_ONCE or not (given or apart.waiting() != waiting):
            # All due accounts were handled. A run that was full does not move on, so that the rest is found again: the
            # next run leaves out what was written, and what has failed.
            self._whole_day, self._decision, self._since, self._put_off = today, newest_decision, now, in_hand
        return Report(given, held=list(map(str, apart.known.values())))

    def _news(self) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute(_NEWS, {"decision": self._decision, "since": self._since})
            return [account_id for (account_id,) in cursor.fetchall()]

    def _give(self, due: Sequence[_Due], now: datetime, wall_ms: int) -> int:
        agreements = contracts.agreements(item.agreement_id for item in due)
        with tariffs.cached_versions():
            # An account whose tariff is not loaded is reported by `decide`; its display waits until it is.
            balances = fresh_balances([one for one in agreements if not unratable_reason(one, now)], now)
        written = [item for item in due if item.account_id in balances]
        for item in written:
            commands.issue(
                device_id=item.device_id,
                service_point_id=item.service_point_id,
                account_id=item.account_id,
                kind=KIND,
                arguments=item.arguments(balances[item.account_id], now),
                issued_at=now,
                issued_wall_ms=wall_ms,
                expires_at=now + GOOD_FOR,
                reason=item.reason,
                correlation=item.correlation or 0,
            )
        if written:
            log.info("balances to displays", meters=len(written))
        return len(written)


def _newest_decision() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM supply.decision")
        return int(cursor.fetchone()[0])


def _due(today: datetime, accounts: Iterable[int] | None, left_out: Sequence[int]) -> list[_Due]:
    # None means all accounts, an empty list none.
    chosen = None if accounts is None else list(accounts)
    if chosen == []:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE, {"accounts": chosen, "left_out": list(left_out), "today": today, "limit": AT_ONCE}
        )
        return [_Due(*row) for row in cursor.fetchall()]
