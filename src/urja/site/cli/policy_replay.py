"""Replay of a policy over a past period, account by account, from the ledger's entries.

A replay assumes unchanged consumption, also after a disconnection that did not happen, immediate delivery of every
notice, fresh data and healthy services. docs/policy.md explains the consequences.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from urja.base.untyped_values import JsonObject
from urja.core.calendar import local_day
from urja.core.policy import (
    Decision,
    Facts,
    NoticeFact,
    PaidSince,
    Policy,
    Reason,
    Standing,
    decide,
    exhausted,
)
from urja.laws.connections import Connection

COST_DAYS: Final = timedelta(days=7)
"""Days whose mean charge is the usual cost of a day, as on the consumer's page."""


@dataclass(frozen=True, slots=True)
class Posting:
    """The fields of a ledger entry that a policy uses; amounts in minor units."""

    at: datetime
    amount_minor: int
    balance_after_minor: int
    is_credit: bool
    service_date: date | None
    is_recharge: bool
    """Whether the entry is a payment (not a reversal, a share for arrears, or a separated bill)."""
    at_close_minor: int = 0
    """What of a charge is due because its period was closed."""
    clawed_back_minor: int = 0
    """How much of a subsidy it takes back."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A disconnection for credit that the meter confirmed, with the reason recorded then."""

    at: datetime
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The history of an account: its postings, oldest first, and its disconnections. Terms are those of today."""

    account_id: int
    sanctioned_load_w: int
    postings: tuple[Posting, ...]
    category: str = ""
    prepaid: bool = True
    flags: frozenset[str] = frozenset()
    converted_at: datetime | None = None
    cuts: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayedCut:
    """A disconnection that the document orders."""

    account_id: int
    at: datetime
    balance_minor: int
    reason: Reason
    restored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActualCut:
    """An actual disconnection, its reason, and the document's decision at that instant."""

    account_id: int
    at: datetime
    written: Reason | None
    """The recorded reason; None where no decision led to the disconnection."""
    standing: Standing
    reason: Reason


@dataclass(frozen=True, slots=True)
class Replay:
    """The replay of one account under a document."""

    cuts: tuple[ReplayedCut, ...]
    actual: tuple[ActualCut, ...]
    notices: int
    last: Decision


@dataclass(slots=True)
class _Account:
    """The state of one account during a replay."""

    policy: Policy
    facts: Facts
    waiting: list[Posting]
    """Postings not applied yet, in reverse order: the next one last."""
    costs: list[tuple[date, int]] = field(default_factory=list)
    not_counted: list[Posting] = field(default_factory=list)
    """Charges that do not count towards a disconnection for some time."""

    def advance(self, now: datetime) -> None:
        """Apply postings up to an instant."""
        while self.waiting and self.waiting[-1].at <= now:
            self._post(self.waiting.pop())
        self.facts = replace(
            self.facts, now=now, as_of=now, daily_cost_minor=self._daily_cost(), **self._not_counted(now)
        )

    def _not_counted(self, now: datetime) -> JsonObject:
        """Return the facts of charges that do not count yet, as `supply.queries.facts` has them."""
        granted, zone = timedelta(days=self.policy.credit.at_close_days), self.facts.zone
        settled = [one for one in self.not_counted if one.at_close_minor and one.at > now - granted]
        at_close_minor = max(0, sum(one.at_close_minor for one in settled))
        today = local_day(now, zone)
        return {
            "at_close_minor": at_close_minor,
            "at_close_until": settled[-1].at + granted if at_close_minor else None,
            "clawed_back_minor": sum(
                one.clawed_back_minor for one in self.not_counted if local_day(one.at, zone) == today
            ),
        }

    def _post(self, posting: Posting) -> None:
        facts, before = self.facts, posting.balance_after_minor - posting.amount_minor
        out = exhausted(self.policy, posting.balance_after_minor)
        paid = facts.paid if out else None
        if posting.is_credit:
            if posting.is_recharge:
                facts = replace(facts, last_recharge_minor=posting.amount_minor, last_recharge_at=posting.at)
            if out:
                known = paid or PaidSince(posting.at, 0, self.policy.credit.cut_below_minor - before)
                paid = replace(known, paid_minor=known.paid_minor + posting.amount_minor)
        elif posting.service_date is not None:
            if posting.at_close_minor or posting.clawed_back_minor:
                self.not_counted.append(posting)
            self.costs.append((posting.service_date, -posting.amount_minor))
        self.facts = replace(
            facts,
            balance_minor=posting.balance_after_minor,
            paid=paid,
            below_cut_since=(facts.below_cut_since or posting.at) if out else None,
        )

    def _daily_cost(self) -> int | None:
        if not self.costs:
            return None
        last = max(day for day, _ in self.costs)
        self.costs = [(day, cost) for day, cost in self.costs if day > last - COST_DAYS]
        cost = sum(cost for _, cost in self.costs) // len({day for day, _ in self.costs})
        return cost if cost > 0 else None

    def next_at(self, decision: Decision, end: datetime, stops: Iterable[datetime]) -> datetime:
        """Return the next instant at which facts or the decision can change."""
        instants = [end, *(stop for stop in stops if stop > self.facts.now)]
        if self.waiting:
            instants.append(self.waiting[-1].at)
        if decision.look_again_at is not None:
            instants.append(decision.look_again_at)
        return min(instants)


def replay(policy: Policy, history: History, begin: datetime, end: datetime, zone: ZoneInfo) -> Replay:
    """Return the replay of one account from `begin` up to `end`.

    The account starts connected, with no notice sent.
    """
    facts = Facts(
        account_id=history.account_id,
        now=begin,
        zone=zone,
        balance_minor=0,
        as_of=begin,
        category=history.category,
        flags=history.flags,
        prepaid=history.prepaid,
        converted_at=history.converted_at,
        sanctioned_load_w=history.sanctioned_load_w,
        supply="on",
    )
    account = _Account(policy, facts, waiting=list(reversed(history.postings)))
    cuts: list[ReplayedCut] = []
    actual: list[ActualCut] = []
    notices = 0
    happened = {cut.at: cut.reason for cut in history.cuts if begin <= cut.at < end}
    account.advance(begin)
    decision = decide(policy, account.facts)
    while True:
        now = account.facts.now
        if now in happened:
            written = happened[now]
            actual.append(ActualCut(history.account_id, now, written, decision.standing, decision.reason))
        while decision.intents and (facts := _carried_out(account.facts, decision, cuts)) != account.facts:
            # A delivered notice and a switched relay are new facts, so the policy decides again at the same instant.
            notices += len(decision.notices)
            account.facts = facts
            decision = decide(policy, facts)
        following = account.next_at(decision, end, happened)
        if following >= end:
            return Replay(tuple(cuts), tuple(actual), notices, decision)
        account.advance(following)
        decision = decide(policy, account.facts)


def _carried_out(facts: Facts, decision: Decision, cuts: list[ReplayedCut]) -> Facts:
    """Return the facts after a decision was carried out: notices delivered, relay switched."""
    sent = tuple(NoticeFact(notice.kind, facts.now, facts.now) for notice in decision.notices)
    facts = replace(facts, notices=facts.notices + sent)
    if decision.cut is not None and facts.supply == "on":
        cuts.append(ReplayedCut(facts.account_id, facts.now, facts.balance_minor, decision.cut.reason))
        return replace(facts, supply="off", holds=frozenset({"credit"}))
    if decision.restore is not None and facts.supply == "off":
        cuts[-1] = replace(cuts[-1], restored_at=facts.now)
        return replace(facts, supply="on", holds=frozenset())
    return facts


def histories(connection: Connection, currency: str, begin: datetime, end: datetime) -> Iterator[History]:
    """Yield every consumer account in a currency with its postings before `end`, read in one transaction."""
    # Imported here: these constants need Django, and `urja policy check` runs without it.
    from urja.apps.books.kinds import INTERNAL_CREDITS

    with connection.transaction(), connection.cursor(name="postings") as cursor:
        cuts = _confirmed_cuts(connection, begin, end)
        accounts = _accounts(connection, currency, end)
        cursor.execute(
            "SELECT account_id, posted_at, amount_minor, balance_after_minor, origin = 'credit', service_date, "
            "origin = 'credit' AND inputs->'request' IS NOT NULL AND line <> ALL(%s), "
            "coalesce((inputs->>'at_close')::bigint, 0), coalesce((inputs->>'clawed_back')::bigint, 0) "
            "FROM books.entry WHERE posted_at < %s ORDER BY account_id, seq",
            [list(INTERNAL_CREDITS), end],
        )
        for account_id, rows in groupby(cursor, key=lambda row: row[0]):
            known = accounts.get(account_id)
            if known is not None:
                postings = tuple(Posting(*row[1:]) for row in rows)
                yield replace(known, postings=postings, cuts=tuple(cuts.get(account_id, ())))


def _accounts(connection: Connection, currency: str, end: datetime) -> dict[int, History]:
    """Return histories by account id with the terms of the last agreement before `end`, still without postings."""
    rows = connection.execute(
        "SELECT DISTINCT ON (a.id) a.id, m.sanctioned_load_w, m.category, "
        "m.payment_mode = 'prepaid', array(SELECT DISTINCT p.kind FROM people.protection p "
        "  WHERE p.person_id = g.customer_id AND p.valid_from < %s AND coalesce(p.valid_to, 'infinity') >= %s), "
        "m.converted_at FROM books.account a "
        "JOIN contracts.agreement g ON g.account_id = a.id AND g.valid_from < %s "
        "JOIN contracts.terms m ON m.agreement_id = g.id AND m.valid_from < %s "
        "WHERE a.kind = 'consumer' AND a.currency = %s ORDER BY a.id, g.valid_from DESC, m.valid_from DESC",
        [end, end, end, end, currency],
    )
    return {
        account_id: History(
            account_id=account_id,
            sanctioned_load_w=load_w,
            postings=(),
            category=category,
            prepaid=prepaid,
            flags=frozenset(flags),
            converted_at=converted_at,
        )
        for account_id, load_w, category, prepaid, flags, converted_at in rows
    }


def _confirmed_cuts(connection: Connection, begin: datetime, end: datetime) -> dict[int, list[Happened]]:
    """Return confirmed disconnections by account id, without those that an operator ordered.

    The account is that of the command, else that of the service point's agreement at the time.
    """
    rows = connection.execute(
        "SELECT coalesce(c.account_id, g.account_id) AS account_id, c.ended_at, s.reason FROM commands.command c "
        "LEFT JOIN supply.switching s ON s.command_id = c.id "
        "LEFT JOIN contracts.agreement g ON c.account_id IS NULL AND g.service_point_id = c.service_point_id "
        "AND g.valid_from <= c.ended_at AND (g.valid_to IS NULL OR g.valid_to > c.ended_at) "
        "WHERE c.kind = 'disconnect' AND c.state = 'confirmed' AND c.ended_at >= %s AND c.ended_at < %s "
        "AND coalesce(s.cause, 'credit') = 'credit' AND coalesce(c.account_id, g.account_id) IS NOT NULL "
        "ORDER BY c.ended_at",
        [begin, end],
    )
    found: dict[int, list[Happened]] = {}
    for account_id, ended_at, written in rows:
        reason = None if written is None else Reason.from_json(written)
        found.setdefault(account_id, []).append(Happened(ended_at, reason))
    return found
