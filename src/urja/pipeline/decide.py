"""The pipeline's stage `decide`: for each account whose facts have moved, what its policy says, and the doing of it.

A run looks at what the inbox names (credits, receipts, commands, orders) and then, by one statement over all
accounts, at those whose books have moved or whose time has come. Facts are loaded for hundreds at once; what is
done is done account by account, each step whole or not at all. A run that dies is made up for by the next one:
what was decided is stored last, and every step looks at what is under way before it adds to it.
"""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings

from urja.apps.commands.kinds import CONNECT, DISCONNECT, State as CommandState
from urja.apps.network import queries as registry
from urja.apps.notices import operations as notices
from urja.apps.rulebook.queries.policies import policy_book
from urja.apps.supply import (
    account_states,
    manual_switching,
    reconnections,
    switching,
    tamper_orders,
    vacancies,
    weld_detection,
)
from urja.apps.supply.account_facts import SwitchCommand
from urja.apps.supply.account_states import AccountDecision
from urja.apps.supply.health import assess, recovery_sentence
from urja.apps.supply.kinds import Cause
from urja.apps.supply.queries import facts
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.apps.supply.switching import CREDIT, RETRY_AFTER, RunContext, SwitchingQueue
from urja.base.clock import wall_now_ms
from urja.core.calendar import midnight
from urja.core.policy import Reason, decide, hold_window
from urja.pipeline import restored_switches
from urja.pipeline.credits import post_credits
from urja.pipeline.stage import Report

log = structlog.get_logger()

AT_ONCE: Final = 500
"""Accounts whose facts are loaded together."""
MAX_ACCOUNTS: Final = 5000
"""Accounts in one run: the rest are next, and what is urgent comes before them."""
REST: Final = 4
"""A look over all accounts is followed by a rest of so many times its length."""

NO_POLICY: Final = "no policy is loaded, so nobody is warned, cut or restored: urja policy load FILE"


@dataclass(slots=True)
class DecisionRun:
    """What one run of the stage has done."""

    accounts: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """`cuts`, `connects`, `called_back`, `errands`, `notices`, `welds`, `tampers`, `news`."""
    full: bool = False
    """Whether there were more accounts than a run takes."""
    idle: str = ""
    """Why nothing is decided at all."""
    held: set[str] = field(default_factory=set)
    """Of each account that is held back: why, and what to do."""


class Decide:
    """The stage, synchronous: credits are posted, and followed by what they bring about at once.

    Each run looks at what somebody waits for. The look over all accounts comes every `all_every_s`, and where that
    is short for their number, takes at most a fifth of the time.
    """

    def __init__(self, all_every_s: float) -> None:
        self._all_every_s = all_every_s
        self._next_all_s = -math.inf
        self._restored = ""

    def run_once(self, now: datetime) -> Report:
        """Post what credits wait, then decide."""
        credits_posted = post_credits(now)
        began_s = time.monotonic()
        look_at_all = began_s >= self._next_all_s
        decided = decide_due(now, only_changed=not look_at_all)
        if look_at_all:
            self._restored = recovery_sentence()
        if look_at_all and not decided.full:
            ended_s = time.monotonic()
            self._next_all_s = ended_s + max(self._all_every_s, REST * (ended_s - began_s))
        return Report(
            credits_posted + decided.accounts,
            detail=decided.idle or self._restored,
            # Only a look over all accounts meets each that is held back.
            held=decided.held if look_at_all else None,
        )


def decide_due(now: datetime, wall_ms: int | None = None, *, only_changed: bool = False) -> DecisionRun:
    """Decide what is due at the business instant `now`; a second run at the same time does nothing.

    `only_changed` leaves out the look over all accounts: what somebody waits for is in the inbox.
    """
    wall_ms = wall_now_ms() if wall_ms is None else wall_ms
    told_of = 0 if only_changed else tamper_orders.open_work_orders(now)
    if not only_changed:
        restored_switches.check_switches(now, wall_ms)
    policies = policy_book()
    if not policies:
        return DecisionRun(idle=NO_POLICY)
    health, changed = assess(now)
    moment = RunContext(now, wall_ms, health, policies)
    report = DecisionRun(counts=Counter({"tampers": told_of}))
    ordered = switching.apply_orders(moment)
    inbox = account_states.changes(MAX_ACCOUNTS)
    urgent = ordered | inbox.account_ids | set(account_states.with_cuts_under_way() if changed else ())
    _decide_all(sorted(urgent), moment, report, inbox.credited_wall_ms)
    account_states.remove_changes(inbox)
    if not only_changed:
        due = account_states.due(now, MAX_ACCOUNTS)
        report.full = len(due) == MAX_ACCOUNTS
        _decide_all(due, moment, report, {})
        report.counts["cuts"] += vacancies.disconnect_vacant(moment)
    report.counts += Counter()
    if report.counts:
        log.info("decided", accounts=report.accounts, **report.counts)
    return report


def _decide_all(
    account_ids: Sequence[int], moment: RunContext, report: DecisionRun, recorded_wall_ms: Mapping[int, int]
) -> None:
    for some in batched(account_ids, AT_ONCE):
        known = facts.load(some, moment.now, moment.health, moment.policies, report.held)
        reconnections.record_credits(known, moment, recorded_wall_ms)
        decided = [AccountDecision(item, decide(item.policy, item.facts)) for item in known]
        _ask_for_notices(decided, moment, report)
        acted = _DecisionExecutor(moment, report, known).all(decided)
        reconnections.close(acted, moment)
        report.counts["welds"] += weld_detection.open_work_orders(known, moment.now)
        report.counts["news"] += account_states.save(_by_next_change(acted, moment), moment.now)
        report.accounts += len(known)
    report.counts += Counter()


def _ask_for_notices(decided: Iterable[AccountDecision], moment: RunContext, report: DecisionRun) -> None:
    """Whose opening credit is recorded and not posted yet is not warned: the next run sees it in the balance."""
    wanted = [
        notices.Request(item.known.account_id, notice.kind, notice.params, notice.dedupe_key)
        for item in decided
        if item.known.stood is not None or not item.known.unposted
        for notice in item.decision.notices
    ]
    if wanted:
        notices.request_notices(wanted, moment.now)
        report.counts["notices"] += len(wanted)


def _by_next_change(decided: Sequence[AccountDecision], moment: RunContext) -> list[AccountDecision]:
    """A version that comes into force is looked at on its day, and terms or a protected status at their instant."""
    zone = ZoneInfo(settings.URJA_TIMEZONE)
    day = moment.policies.next_change(moment.now, zone)
    versions = [] if day is None else [midnight(day, zone)]
    return [_waiting(item, versions) for item in decided]


def _waiting(item: AccountDecision, versions: Sequence[datetime]) -> AccountDecision:
    changes = [*versions, *([] if item.known.changes_at is None else [item.known.changes_at])]
    return item.waiting_until(min(changes)) if changes else item


class _DecisionExecutor:
    """Carries decisions out: one instance for each set of accounts, with its transformers' queues."""

    def __init__(self, moment: RunContext, report: DecisionRun, known: Sequence[AccountSnapshot]) -> None:
        self.moment, self.report = moment, report
        self.fed_by = registry.transformers_of(item.agreement.service_point_id for item in known)
        transformers = {self._transformer(item) for item in known}
        self.cuts = SwitchingQueue.of(DISCONNECT, transformers, moment.now)
        self.connects = SwitchingQueue.of(CONNECT, transformers, moment.now)

    def all(self, decided: Sequence[AccountDecision]) -> list[AccountDecision]:
        """Light first; then who was not tried yet and has been out of credit for longest."""
        return [self._one(item) for item in sorted(decided, key=_turn)]

    def _transformer(self, known: AccountSnapshot) -> str:
        """What feeds it; empty where that is not known."""
        return self.fed_by.get(known.agreement.service_point_id, "")

    def _one(self, item: AccountDecision) -> AccountDecision:
        known, decision = item.known, item.decision
        if known.device_id is None:
            return item
        if known.by_hand:
            item, counts = manual_switching.carry_out(item, self.moment)
            self.report.counts += counts
            return item
        if known.other_holds:
            return self._held(item)
        if decision.restore is not None:
            return self._restore(item, decision.restore.reason)
        if decision.cut is not None:
            return self._cut(item)
        return self._leave(item)

    def _held(self, item: AccountDecision) -> AccountDecision:
        """Something else than credit holds the supply off: a payment clears only its own reason."""
        known = item.known
        if item.decision.restore is not None:
            self._clear(known)
            item = AccountDecision(
                known, decide(known.policy, replace(known.facts, holds=known.facts.holds - {CREDIT}))
            )
        dark = known.facts.supply == "off" and known.pending_connect is None
        if dark:
            return item
        window = hold_window(known.policy, known.facts)
        if window is not None and window.not_before > self.moment.now:
            if known.pending_cut is not None:
                self._undo(known, item.decision.reason.rule)
            return item
        if known.pending_cut is not None and not _outdated(known):
            return item
        if again_at := _again_at(known, DISCONNECT, self.moment.now):
            return item.waiting_until(again_at)
        switching.order_hold(known, self._transformer(known), self.moment)
        self._count("cuts")
        return item

    def _restore(self, item: AccountDecision, reason: Reason) -> AccountDecision:
        known = item.known
        if known.pending_connect is not None or _waits_for_person(known):
            self._clear(known)
            return item
        if known.facts.supply != "off" and not _may_be_cut(known):
            self._clear(known)
            return item
        if known.pending_cut is not None and not self._call_back(known, "a credit came after it"):
            return item
        if again_at := _again_at(known, CONNECT, self.moment.now):
            return item.waiting_until(again_at)
        at = self.connects.slot(self._transformer(known), known.policy.reconnect.stagger_s, self.moment.now)
        if at > self.moment.now:
            return item.waiting_until(at)
        self._connect(known, reason)
        return item

    def _cut(self, item: AccountDecision) -> AccountDecision:
        known, cut, now = item.known, item.decision.cut, self.moment.now
        assert cut is not None
        if known.pending_cut is not None and not _outdated(known):
            return item
        if known.facts.supply == "off" and known.pending_connect is None:
            switching.order_cut(known.account_id, self._transformer(known), self.moment)
            return item
        if again_at := _again_at(known, DISCONNECT, now):
            return item.waiting_until(again_at)
        if not _counted(known, cut.not_before) and self.cuts.full(
            self._transformer(known), cut.not_before, known.policy.cut.most_per_transformer
        ):
            if known.pending_cut is not None:
                self._undo(known, "a credit came after it")
            following = known.policy.cut.open_hours.next_window(cut.not_after, known.facts.zone).not_before
            return _put_off(item, following, "cut.most_per_transformer")
        at = self.cuts.slot(self._transformer(known), known.policy.cut.stagger_s, now)
        if at > now:
            if known.pending_cut is not None:
                self._undo(known, "a credit came after it")
            return _put_off(item, at, "cut.stagger_s")
        if switching.order_cut(known.account_id, self._transformer(known), self.moment) is None:
            if known.pending_cut is not None:
                self._undo(known, "a credit came after it")
            return item.waiting_until(now + timedelta(minutes=1))
        self._count("cuts")
        return item

    def _leave(self, item: AccountDecision) -> AccountDecision:
        """Neither cut nor restored: a cut that is under way has lost its ground."""
        known = item.known
        if known.pending_cut is not None:
            self._undo(known, item.decision.reason.rule)
        elif CREDIT in known.facts.holds and known.facts.supply != "off":
            # It was ordered and never carried out.
            if _may_be_cut(known):
                self._connect(known, item.decision.reason)
            self._clear(known)
        return item

    def _undo(self, known: AccountSnapshot, why: str) -> None:
        if self._call_back(known, why):
            self._connect(known, Reason("holds", "unheld"))

    def _call_back(self, known: AccountSnapshot, why: str) -> bool:
        self._count("called_back")
        return switching.cancel_cut(known, self.moment, why) or known.facts.supply == "off"

    def _connect(self, known: AccountSnapshot, reason: Reason) -> None:
        correlation = known.credits[-1].correlation if known.credits else 0
        command = switching.order_connect(known, reason, self._transformer(known), self.moment, correlation)
        reconnections.record_command(known.account_id, command, self.moment)
        self._count("connects")

    def _clear(self, known: AccountSnapshot) -> None:
        switching.release_hold(known.agreement.service_point_id, CREDIT, switching.BY_POLICY, self.moment.now)

    def _count(self, what: str) -> None:
        self.report.counts[what] += 1


def _turn(item: AccountDecision) -> tuple[bool, datetime, datetime, int]:
    """Restored before cut; not tried before tried, so that meters out of reach do not take every window's places."""
    facts, latest = item.known.facts, item.known.latest
    tried = latest is not None and latest.kind == DISCONNECT
    tried_at = latest.issued_at if latest is not None and tried else datetime.min.replace(tzinfo=UTC)
    return item.decision.restore is None, tried_at, facts.below_cut_since or facts.now, facts.balance_minor


def _put_off(item: AccountDecision, until: datetime, rule: str) -> AccountDecision:
    """To be cut, and not yet its turn behind its transformer."""
    at = until.astimezone(item.known.facts.zone).isoformat(timespec="seconds")
    return item.waiting_until(until, Reason(rule, "waits_for_window", {"not_before_at": at}))


def _outdated(known: AccountSnapshot) -> bool:
    """Whether a credit was recorded after the unfinished cut was given: it must not be carried out any more."""
    return known.latest_cause == Cause.CREDIT and bool(known.credits)


def _counted(known: AccountSnapshot, window_from_at: datetime) -> bool:
    """Whether the account has had its place among the window's cuts already."""
    latest = known.latest
    return (
        latest is not None
        and latest.kind == DISCONNECT
        and known.latest_cause == Cause.CREDIT
        and latest.issued_at >= window_from_at
    )


def _waits_for_person(known: AccountSnapshot) -> bool:
    latest = known.latest
    return latest is not None and latest.state == CommandState.WAITING_FOR_PERSON


def _may_be_cut(known: AccountSnapshot) -> bool:
    """Whether the supply may be off, for all that is known: a cut is under way, or was sent and never heard of."""
    latest = known.latest
    if latest is None or latest.kind != DISCONNECT:
        return False
    return not latest.finished or (latest.sent_at is not None and _came_to_nothing(latest))


def _came_to_nothing(command: SwitchCommand) -> bool:
    return command.state in (CommandState.FAILED, CommandState.EXPIRED, CommandState.SUPERSEDED)


def _again_at(known: AccountSnapshot, kind: str, now: datetime) -> datetime | None:
    """When a command that has failed may be given again; none where nothing stands against it."""
    latest = known.latest
    if (
        latest is None
        or latest.kind != kind
        or latest.state != CommandState.FAILED
        or latest.ended_at is None
    ):
        return None
    again_at = latest.ended_at + RETRY_AFTER
    return again_at if again_at > now else None
