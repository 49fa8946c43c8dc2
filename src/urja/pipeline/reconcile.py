"""The pipeline's stage `reconcile`: the gateway's settlement report of each day, compared with the ledger.

The report of a settlement day is fetched repeatedly during the day, because a gateway may settle several times, and a
last time some hours after its end; then the day is closed. Days are fetched in order from that of the oldest payment
without a settlement, so that none is left out after a stop. Rows are stored under the gateway's ids; repeated rows
change nothing.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from urja.apps.payments import reconciliation
from urja.apps.payments.clients import Gateway
from urja.apps.payments.errors import GatewayAwayError, GatewayRefusedError
from urja.pipeline.stage import Report

log = structlog.get_logger()

ASK_EVERY: Final = timedelta(minutes=15)
CLOSED_AFTER: Final = timedelta(hours=6)
"""Time after a day's end at which its report is fetched for the last time."""
DAYS_AT_ONCE: Final = 5
LEAST_PAUSE_WALL_S: Final = 1.0
NO_ANSWER_PAUSE_WALL_S: Final = 5.0


@dataclass(slots=True)
class Reconciler:
    """The stage for one gateway, synchronous. `speed`: business seconds in a real second."""

    gateway: Gateway
    zone: ZoneInfo
    within: timedelta
    """The time within which a payment should be in a settlement."""
    speed: float = 1.0
    _next_at: datetime | None = field(default=None, init=False)

    def run_once(self, now: datetime) -> Report:
        """Fetch due reports, day by day, and compare them with the ledger."""
        if self._next_at is not None and now < self._next_at:
            return Report()
        self._begin_days(now)
        today = now.astimezone(self.zone).date()
        days, stored, error = reconciliation.open_reports(self.gateway.name, today, DAYS_AT_ONCE), 0, ""
        pause = max(ASK_EVERY, timedelta(seconds=LEAST_PAUSE_WALL_S * self.speed))
        for day in days:
            try:
                stored += self._fetch(day, now)
            except (GatewayAwayError, GatewayRefusedError) as failure:
                # In their order: a later day's report can be judged only when the earlier ones are stored.
                error = f"the settlement report of {day} cannot be fetched: {failure}"
                reconciliation.record_report_error(self.gateway.name, day, str(failure))
                if isinstance(failure, GatewayAwayError):
                    pause = timedelta(seconds=NO_ANSWER_PAUSE_WALL_S * self.speed)
                break
        known_to = reconciliation.reports_reach_to(self.gateway.name, now)
        found = reconciliation.reconcile(self.gateway.name, now, known_to - self.within)
        if error:
            log.warning("settlement report not fetched", error=error)
        # After a stop of many days there are more reports, which need not wait for the next interval.
        self._next_at = now if len(days) == DAYS_AT_ONCE and not error else now + pause
        return Report(stored + found.matched + found.opened + found.closed, detail=error)

    def _begin_days(self, now: datetime) -> None:
        """Expect a report for each day up to today, from that of the oldest payment without a settlement."""
        today = now.astimezone(self.zone).date()
        known = reconciliation.last_report(self.gateway.name)
        if known is not None:
            first = known + timedelta(days=1)
        elif (captured_at := reconciliation.first_captured_at(self.gateway.name)) is not None:
            first = captured_at.astimezone(self.zone).date()
        else:
            return
        days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
        reconciliation.expect_reports(self.gateway.name, days)

    def _fetch(self, day: date, now: datetime) -> int:
        facts = self.gateway.client.settled_on(day)
        stored = reconciliation.store(self.gateway.name, day, facts, now)
        ended = now >= self._end_of(day) + CLOSED_AFTER
        reconciliation.record_report(self.gateway.name, day, now, ended=ended)
        if stored or ended:
            log.info("settlement report fetched", day=str(day), rows=len(facts), new=stored, closed=ended)
        return stored

    def _end_of(self, day: date) -> datetime:
        return datetime.combine(day + timedelta(days=1), time(), self.zone)
