"""The pipeline's stage `decide`: for each account whose facts have changed, its policy is evaluated and the decision
carried out.

A run handles the accounts that the inbox names (credits, receipts, commands, orders) and then, found by one statement
over all accounts, those whose ledger has moved or whose time has come. Facts are loaded for hundreds of accounts at
once; decisions are carried out account by account, each step whole or not at all. A run that dies is made up for by
the next one, because the decision is stored last, and every step checks what is under way before it adds to it.
"""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Final

import structlog

from urja.apps.commands.kinds import CONNECT, DISCONNECT, State as CommandState
from urja.apps.local_zone import local_zone
from urja.apps.network import queries as registry
from urja.apps.notices import operations as notices
from urja.apps.rulebook.queries.policies import policy_book
from urja.apps.supply import (
    account_states,
    gas_escapes,
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
from urja.core.policy import Reason, Window, decide, hold_window
from urja.pipeline import restored_switches
from urja.pipeline.credits import post_credits
from urja.pipeline.savepoints import Savepoints
from urja.pipeline.stage import Report

log = structlog.get_logger()

AT_ONCE: Final = 500
"""Accounts whose facts are loaded together."""
MAX_ACCOUNTS: Final = 5000
"""Accounts in one run: the others follow in the next one, and urgent ones come first."""
REST: Final = 4
"""A run over all accounts is followed by a rest of this many times its duration: at most a fifth of the time."""

NO_POLICY: Final = (
    "no policy is loaded, so no consumer is warned, disconnected or reconnected: urja policy load FILE"
)


@dataclass(slots=True)
class DecisionRun:
    """Counts and problems of one run of the stage."""

    accounts: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """`cuts`, `connects`, `called_back`, `work_orders`, `notices`, `welds`, `tampers`, `gas_escapes`, `news`."""
    full: bool = False
    """Whether there were more accounts than a run takes."""
    idle: str = ""
    """Why no decision is made at all; empty where decisions are made."""
    held: set[str] = field(default_factory=set)
    """For each account that is held back: why, and what to do."""


class Decide:
    """The stage, synchronous: credits are posted, and their consequences follow at once.

    Each run handles the accounts in the inbox, for which people wait. A run over all accounts comes every
    `all_every_s` seconds, and takes at most a fifth of the time where that is short for their number.
    """

    def __init__(self, all_every_s: float) -> None:
        self._all_every_s = all_every_s
        self._next_all_s = -math.inf
        self._restored = ""

    def run_once(self, now: datetime) -> Report:
        """Post waiting credits, then decide all that is due at `now` (business time, UTC)."""
        credits_posted = post_credits(now, wait=False)
        began_s = time.monotonic()
        run_all = began_s >= self._next_all_s
        decided = decide_due(now, only_changed=not run_all)
        if run_all:
            self._restored = recovery_sentence()
        if run_all and not decided.full:
            ended_s = time.monotonic()
            self._next_all_s = ended_s + max(self._all_every_s, REST * (ended_s - began_s))
        return Report(
            credits_posted + decided.accounts,
            detail=decided.idle or self._restored,
            # Only a run over all accounts meets every account that is held back.
            held=decided.held if run_all else None,
        )


def decide_due(now: datetime, wall_ms: int | None = None, *, only_changed: bool = False) -> DecisionRun:
    """Decide all that is due at the business instant `now`; a second run at the same time does nothing.

    With `only_changed`, only the accounts in the inbox are handled. `wall_ms` is real time in Unix milliseconds.
    """
    wall_ms = wall_now_ms() if wall_ms is None else wall_ms
    # In each run: who is endangered does not wait for a run over all accounts.
    endangered = gas_escapes.hold_supplies(now)
    tamper_orders_opened = 0 if only_changed else tamper_orders.open_work_orders(now)
    if not only_changed:
        restored_switches.check_switches(now, wall_ms)
    policies = policy_book()
    if not policies:
        return DecisionRun(idle=NO_POLICY)
    health, changed = assess(now)
    moment = RunContext(now, wall_ms, health, policies)
    report = DecisionRun(counts=Counter({"tampers": tamper_orders_opened, "gas_escapes": len(endangered)}))
    ordered = switching.accounts_at(switching.apply_orders(moment) | endangered, now)
    inbox = account_states.changes(MAX_ACCOUNTS)
    # A service that became ill calls back the disconnections under way, so their accounts are decided at once.
    apart = Savepoints.of("decide", "its decision", now)
    urgent = ordered | inbox.account_ids | set(account_states.with_cuts_under_way() if changed else ())
    _decide_all(sorted(urgent), moment, report, inbox.credited_wall_ms, apart, at_once=True)
    # After the decisions: if the run dies before this, the next one finds the same changes. Those of an account that
    # fails are removed with the others': its failure brings it back, after a minute at first. Kept ones would fill the
    # inbox, and each run would try the account again.
    account_states.remove_changes(inbox)
    _decide_all(sorted(apart.due()), moment, report, {}, apart)
    if not only_changed:
        due = account_states.due(now, MAX_ACCOUNTS, apart.waiting())
        report.full = len(due) == MAX_ACCOUNTS
        _decide_all(due, moment, report, {}, apart)
        report.counts["cuts"] += vacancies.disconnect_vacant(moment)
    report.held |= set(map(str, apart.known.values()))
    report.counts += Counter()
    if report.counts:
        log.info("decided", accounts=report.accounts, **report.counts)
    return report


def _decide_all(
    account_ids: Sequence[int],
    moment: RunContext,
    report: DecisionRun,
    recorded_wall_ms: Mapping[int, int],
    apart: Savepoints,
    *,
    at_once: bool = False,
) -> None:
    for some in batched(account_ids, AT_ONCE):
        for done in apart.run(
            some,
            lambda one: ("account", one),
            lambda ids: _decide_some(ids, moment, recorded_wall_ms),
            commits_itself=True,
            at_once=at_once,
        ):
            report.accounts += done.accounts
            report.counts += done.counts
            report.held |= done.held


def _decide_some(
    account_ids: Sequence[int], moment: RunContext, recorded_wall_ms: Mapping[int, int]
) -> DecisionRun:
    """Decide accounts whose facts are loaded together. What is decided a second time is done once."""
    report = DecisionRun()
    known = facts.load(account_ids, moment.now, moment.health, moment.policies, report.held)
    reconnections.record_credits(known, moment, recorded_wall_ms)
    decided = [AccountDecision(item, decide(item.policy, item.facts)) for item in known]
    _ask_for_notices(decided, moment, report)
    acted = _DecisionExecutor(moment, report, known).all(decided)
    reconnections.close(acted, moment)
    report.counts["welds"] += weld_detection.open_work_orders(known, moment.now)
    report.counts["news"] += account_states.save(_by_next_change(acted, moment), moment.now)
    report.accounts += len(known)
    return report


def _ask_for_notices(decided: Iterable[AccountDecision], moment: RunContext, report: DecisionRun) -> None:
    """Request the notices of decisions. An account whose opening credit is recorded and not posted yet gets none: the
    next run sees the credit in the balance.
    """
    wanted = [
        notices.Request(item.known.account_id, notice.kind, notice.params, notice.dedupe_key)
        for item in decided
        if item.known.last_decision is not None or not item.known.unposted
        for notice in item.decision.notices
    ]
    if wanted:
        notices.request_notices(wanted, moment.now)
        report.counts["notices"] += len(wanted)


def _by_next_change(decided: Sequence[AccountDecision], moment: RunContext) -> list[AccountDecision]:
    """The decisions with the time of their next evaluation: the day of a new policy version, or the instant at which
    terms or a protected status change.
    """
    zone = local_zone()
    day = moment.policies.next_change(moment.now, zone)
    versions = [] if day is None else [midnight(day, zone)]
    return [_waiting(item, versions) for item in decided]


def _waiting(item: AccountDecision, versions: Sequence[datetime]) -> AccountDecision:
    changes = [*versions, *([] if item.known.changes_at is None else [item.known.changes_at])]
    return item.waiting_until(min(changes)) if changes else item


class _DecisionExecutor:
    """Carries decisions out: one instance for each set of accounts, with the switching queues of their transformers."""

    def __init__(self, moment: RunContext, report: DecisionRun, known: Sequence[AccountSnapshot]) -> None:
        self.moment, self.report = moment, report
        self.fed_by = registry.transformers_of(item.agreement.service_point_id for item in known)
        transformers = {self._transformer(item) for item in known}
        self.cuts = SwitchingQueue.of(DISCONNECT, transformers, moment.now)
        self.connects = SwitchingQueue.of(CONNECT, transformers, moment.now)

    def all(self, decided: Sequence[AccountDecision]) -> list[AccountDecision]:
        """Carry out all decisions, reconnections first; then disconnections that were not tried yet, longest out of
        credit first.
        """
        return [self._one(item) for item in sorted(decided, key=_turn)]

    def _transformer(self, known: AccountSnapshot) -> str:
        """The transformer of a service point; empty where it is not known."""
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
        """Handle a supply that has another hold than credit: a payment clears only the credit hold."""
        known = item.known
        if item.decision.restore is not None:
            self._clear(known)
            item = AccountDecision(
                # Decided again without the credit hold: the payment has cleared it, and the other hold remains.
                known,
                decide(known.policy, replace(known.facts, holds=known.facts.holds - {CREDIT})),
            )
        # A valve that is ready for its button is one press from open.
        may_open = known.pending_connect is not None or _waits_for_person(known)
        if known.facts.supply == "off" and not may_open:
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
        if again_at := switching.sleeps_until(known, window, self.moment.now):
            return _put_off(item, again_at, "cut.to", "asleep")
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
        if again_at := switching.sleeps_until(known, Window(cut.not_before, cut.not_after), now):
            return _put_off(item, again_at, "cut.to", "asleep")
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
        """Neither disconnect nor reconnect: a disconnection that is under way has lost its reason and is called back."""
        known = item.known
        if known.pending_cut is not None:
            self._undo(known, item.decision.reason.rule)
        elif CREDIT in known.facts.holds and known.facts.supply != "off":
            # A disconnection was ordered and never carried out.
            if _may_be_cut(known):
                self._connect(known, item.decision.reason)
            self._clear(known)
        return item

    def _undo(self, known: AccountSnapshot, why: str) -> None:
        if self._call_back(known, why):
            self._connect(known, Reason("holds", "unheld").of(known.facts.commodity))

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
    """Sort key: reconnections first; then disconnections not tried before, so that unreachable meters do not take the
    places of every window.
    """
    facts, latest = item.known.facts, item.known.latest
    tried = latest is not None and latest.kind == DISCONNECT
    tried_at = latest.issued_at if latest is not None and tried else datetime.min.replace(tzinfo=UTC)
    return item.decision.restore is None, tried_at, facts.below_cut_since or facts.now, facts.balance_minor


def _put_off(
    item: AccountDecision, until: datetime, rule: str, key: str = "waits_for_window"
) -> AccountDecision:
    """Return a decision to disconnect that waits for its turn behind its transformer, or for its meter to wake."""
    at = until.astimezone(item.known.facts.zone).isoformat(timespec="seconds")
    reason = Reason(rule, key, {"not_before_at": at}).of(item.known.facts.commodity)
    return item.waiting_until(until, reason)


def _outdated(known: AccountSnapshot) -> bool:
    """Return whether a credit was recorded after the unfinished disconnection was ordered: it must not be carried out
    any more.
    """
    return known.latest_cause == Cause.CREDIT and bool(known.credits)


def _counted(known: AccountSnapshot, window_from_at: datetime) -> bool:
    """Return whether the account already has its place among the disconnections of the window."""
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
    """Return whether the supply may be off as far as is known: a disconnection is under way, or was sent and its
    result is unknown.
    """
    latest = known.latest
    if latest is None or latest.kind != DISCONNECT:
        return False
    return not latest.finished or (latest.sent_at is not None and _came_to_nothing(latest))


def _came_to_nothing(command: SwitchCommand) -> bool:
    return command.state in (CommandState.FAILED, CommandState.EXPIRED, CommandState.SUPERSEDED)


def _again_at(known: AccountSnapshot, kind: str, now: datetime) -> datetime | None:
    """Return when a failed command may be repeated; None where it may be now."""
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
