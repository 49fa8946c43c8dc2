"""Everything a decision rests on, loaded for many accounts at once by a few statements.

Whatever a decision uses is loaded here and nowhere else. So the stage, the check at the moment of a disconnection, and
a page that shows what a payment would change see the same facts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection

from urja.apps.billing.balances import Balance, fresh_balances
from urja.apps.billing.rating_basis import unratable_reason
from urja.apps.commands.kinds import CONNECT, DISCONNECT, State as CommandState
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement, PaymentMode
from urja.apps.local_zone import local_zone
from urja.apps.notices.kinds import NoticeState
from urja.apps.payments import queries as payments
from urja.apps.rulebook.errors import UnknownPolicyError
from urja.apps.rulebook.queries import tariffs
from urja.apps.rulebook.queries.policies import PolicyBook, policy_book
from urja.apps.supply import area_health
from urja.apps.supply.account_facts import AccountFacts, LastDecision, SwitchCommand, account_facts
from urja.apps.supply.queries import policies_and_health
from urja.apps.work import queries as work
from urja.apps.work.kinds import WorkOrderKind
from urja.apps.work.queries import WorkOrderRow
from urja.core.calendar import local_day
from urja.core.policy import (
    LETTER,
    AuthorisedPayment,
    Facts,
    Health,
    NoticeFact,
    PaidSince,
    Policy,
    exhausted,
    holds_in_force,
)
from urja.core.policy.facts import Supply

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Credit:
    """A recorded credit; not posted yet where `seq` is None."""

    id: int
    account_id: int
    amount_minor: int
    requested_at: datetime
    correlation: int
    posted_at: datetime | None
    seq: int | None
    arrears_minor: int
    """The part of it that went to dues."""

    @property
    def credited_minor(self) -> int:
        """The part of it that went to the balance, in minor units."""
        return self.amount_minor - self.arrears_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """An account with everything known of its supply at one instant."""

    account_id: int
    agreement: Agreement
    device_id: int | None
    """The billing meter; None where none is installed now."""
    policy: Policy
    facts: Facts
    balance: Balance
    last_decision: LastDecision | None
    """The last decision; None before the first."""
    latest: SwitchCommand | None
    """The newest command to the load switch, in any state."""
    latest_cause: str
    """Its cause; empty where it was not given by `decide`."""
    executed: SwitchCommand | None
    """The newest command that the meter has executed."""
    credits: tuple[Credit, ...]
    """Credits not posted yet, and those posted since the newest switching, oldest first."""
    by_hand: bool = False
    """Whether the meter has no load switch, so that field staff switch beside it."""
    manual_order: WorkOrderRow | None = None
    """The newest work order to switch by hand, in any state."""
    changes_at: datetime | None = None
    """When terms or a protected status begin or end next, as far as known."""

    @property
    def pending_cut(self) -> SwitchCommand | None:
        """A disconnection that has not ended."""
        latest = self.latest
        return latest if latest and latest.kind == DISCONNECT and not latest.finished else None

    @property
    def pending_connect(self) -> SwitchCommand | None:
        """A reconnection that has not ended."""
        latest = self.latest
        return latest if latest and latest.kind == CONNECT and not latest.finished else None

    @property
    def other_holds(self) -> frozenset[str]:
        """Holds beside credit that are in force, without those that a protected status suspends."""
        return holds_in_force(self.facts)

    @property
    def unposted(self) -> tuple[Credit, ...]:
        """Credits that are not posted yet."""
        return tuple(credit for credit in self.credits if credit.seq is None)


def authorised_payments(
    account_ids: Sequence[int], exhausted_since: Mapping[int, datetime | None]
) -> Mapping[int, tuple[AuthorisedPayment, ...]]:
    """Return payments (minor units) that the gateway authorised and that are not credited, by account.

    Failed ones since the credit was exhausted are included, because the policy limits how many may delay a
    disconnection.
    """
    if not account_ids:
        return {}
    found = payments.authorised_of(account_ids, exhausted_since)
    return {
        account_id: tuple(AuthorisedPayment(one.amount_minor, one.since, one.failed) for one in payments)
        for account_id, payments in found.items()
    }


def of_account(account_id: int, now: datetime, health: Health) -> AccountSnapshot | None:
    """Return the facts of an account, amounts in minor units.

    None without an agreement in force, before its supply is in service, or without a policy.
    """
    return next(iter(load([account_id], now, health)), None)


def of_agreement(agreement: Agreement, now: datetime) -> AccountSnapshot | None:
    """Return the same for a page that has the account's agreement and terms loaded, with the last assessed health."""
    policies, health = policies_and_health()
    if not policies or agreement.has_ended(now):
        return None
    agreements, own = _decided_about([agreement], now)
    if not agreements:
        return None
    with tariffs.cached_versions():
        return next(iter(_Loader(agreements, own, now, health, policies).known()), None)


def load(
    account_ids: Iterable[int],
    now: datetime,
    health: Health,
    policies: PolicyBook | None = None,
    held: set[str] | None = None,
) -> list[AccountSnapshot]:
    """Return the facts of accounts with an agreement in force and a supply in service at `now` (UTC); others are left
    out, and so are those whose opening balance is not signed off.

    With the set `held`, accounts that cannot be rated or have no policy are left out too, and the reason is added to
    it. Without it, accounts without a policy are left out, and UnknownTariffError is raised where one cannot be rated.
    Amounts are in minor units.
    """
    agreements, own = _decided_about(contracts.in_force(account_ids, now), now)
    policies = policies or policy_book()
    with tariffs.cached_versions():
        if held is not None:
            agreements = _ratable(agreements, now, held)
        if not agreements or not policies:
            return []
        return _Loader(agreements, own, now, health, policies).known(held)


def _decided_about(
    agreements: Iterable[Agreement], now: datetime
) -> tuple[list[Agreement], dict[int, AccountFacts]]:
    """Return those whose supply is in service and whose opening balance, if any, is signed off, with their accounts'
    facts.
    """
    supplied = [one for one in agreements if one.is_supplied(now)]
    own = account_facts(supplied, now) if supplied else {}
    return [one for one in supplied if not own[one.account_id].awaits_sign_off], own


def _ratable(agreements: Iterable[Agreement], now: datetime, held: set[str]) -> list[Agreement]:
    ratable = []
    for agreement in agreements:
        if problem := unratable_reason(agreement, now):
            held.add(problem)
        else:
            ratable.append(agreement)
    return ratable


class _Loader:
    """Loader of everything about a set of accounts, each kind of fact by one statement."""

    def __init__(
        self,
        agreements: Sequence[Agreement],
        own: Mapping[int, AccountFacts],
        now: datetime,
        health: Health,
        policies: PolicyBook,
    ) -> None:
        self.agreements, self.now, self.health, self.policies = agreements, now, health, policies
        self.zone = local_zone()
        accounts = [agreement.account_id for agreement in agreements]
        self.in_areas = area_health.of_service_points(
            [agreement.service_point_id for agreement in agreements], health, now
        )
        self.own = {agreement.account_id: own[agreement.account_id] for agreement in agreements}
        # Credits before balances: one that is posted in between counts twice at worst, as pending and as balance, which
        # delays a disconnection by one run. In the other order it would be missed, and a paid supply disconnected.
        self.credits = _credits(accounts)
        self.last_decision = {
            account_id: own.last_decision for account_id, own in self.own.items() if own.last_decision
        }
        self.authorised = authorised_payments(
            [account_id for account_id, own in self.own.items() if own.has_uncredited],
            {id_: last_decision.below_cut_since for id_, last_decision in self.last_decision.items()},
        )
        self.balances = fresh_balances(agreements, now)
        self.switchless = {
            own.device_id for own in self.own.values() if own.device_id and not own.load_switch
        }
        self.manual_orders = work.newest_manual_switch_orders(self.switchless) if self.switchless else {}
        self.recharges = {
            account_id: (own.recharged_minor, own.recharged_at)
            for account_id, own in self.own.items()
            if own.recharged_minor is not None and own.recharged_at is not None
        }
        self.notices = _notices(
            {account_id: own.noticed_since for account_id, own in self.own.items() if own.has_notices}
        )
        self.turned_on = _turned_on(own.executed for own in self.own.values() if own.executed)

    def known(self, held: set[str] | None = None) -> list[AccountSnapshot]:
        found = []
        for agreement in self.agreements:
            terms = agreement.terms_at(self.now)
            try:
                policy = self.policies.governs(terms.policy, terms.category, local_day(self.now, self.zone))
            except UnknownPolicyError as error:
                log.warning("no policy", account=agreement.account_id, error=str(error))
                if held is not None:
                    held.add(
                        f"account {agreement.account_id} is held back: {error}; load it (urja policy load)"
                    )
                continue
            found.append(self._known(agreement, policy))
        return found

    def _known(self, agreement: Agreement, policy: Policy) -> AccountSnapshot:
        account_id = agreement.account_id
        own = self.own[account_id]
        return AccountSnapshot(
            account_id=account_id,
            agreement=agreement,
            device_id=own.device_id,
            policy=policy,
            facts=self._facts(agreement, policy, self._supply(own.device_id, own.executed)),
            balance=self.balances[account_id],
            last_decision=own.last_decision,
            latest=own.latest,
            latest_cause=own.latest_cause,
            executed=own.executed,
            # Those posted before the newest switching were already part of the decision behind it.
            credits=tuple(
                c for c in self.credits.get(account_id, ()) if c.seq is None or c.seq > own.latest_ledger_seq
            ),
            by_hand=own.device_id in self.switchless,
            manual_order=self.manual_orders.get(own.device_id) if own.device_id else None,
            changes_at=self._changes_at(agreement),
        )

    def _changes_at(self, agreement: Agreement) -> datetime | None:
        """Return when terms or a protected status begin or end next: no trigger reports the passing of time."""
        known = [self.own[agreement.account_id].flags_change_at]
        known += [terms.valid_from for terms in agreement.all_terms if terms.valid_from > self.now]
        return min((at for at in known if at is not None), default=None)

    def _facts(self, agreement: Agreement, policy: Policy, supply: Supply) -> Facts:
        account_id = agreement.account_id
        balance, last_decision, own = (
            self.balances[account_id],
            self.last_decision.get(account_id),
            self.own[account_id],
        )
        terms = agreement.terms_at(self.now)
        recharge = self.recharges.get(account_id)
        prepaid = terms.payment_mode == PaymentMode.PREPAID
        since = None
        if prepaid and exhausted(policy, balance.balance_minor):
            since = (last_decision.below_cut_since if last_decision else None) or self.now
        granted = timedelta(days=policy.credit.at_close_days)
        at_close_minor = balance.settled_since(self.now - granted)
        return Facts(
            account_id=account_id,
            now=self.now,
            zone=self.zone,
            balance_minor=balance.balance_minor,
            as_of=balance.as_of,
            estimated_share=balance.estimated_share,
            provisional_minor=balance.provisional_minor,
            at_close_minor=at_close_minor,
            at_close_until=balance.at_close[-1][0] + granted if at_close_minor else None,
            clawed_back_minor=balance.clawed_back_minor,
            last_recharge_minor=recharge[0] if recharge else None,
            last_recharge_at=recharge[1] if recharge else None,
            daily_cost_minor=balance.daily_cost_minor,
            below_cut_since=since,
            paid=self._paid(policy, account_id, since, last_decision) if since else None,
            prepaid=prepaid,
            becomes_postpaid=own.becomes_postpaid,
            converted_at=terms.converted_at,
            sanctioned_load_w=terms.sanctioned_load_w,
            commodity=agreement.commodity,
            category=terms.category,
            arrears_minor=own.arrears_minor,
            instalment=own.instalment,
            flags=own.flags,
            supply=supply,
            holds=own.holds,
            notices=tuple(self.notices.get(account_id, ())),
            authorised=self._under_way(account_id),
            review=own.review,
            health=self.in_areas.get(agreement.service_point_id, self.health),
        )

    def _supply(self, device_id: int | None, executed: SwitchCommand | None) -> Supply:
        """Return the state of the supply: `on`, `off` or `unknown`.

        After a connect that waits for the meter's button the supply counts as off until energy flows.
        """
        if device_id in self.switchless:
            return _left_by_hand(self.manual_orders.get(device_id))
        if executed is None:
            return "unknown"
        if executed.kind == DISCONNECT:
            return "off"
        waits = executed.state == CommandState.WAITING_FOR_PERSON and executed.device_id not in self.turned_on
        return "off" if waits else "on"

    def _under_way(self, account_id: int) -> tuple[AuthorisedPayment, ...]:
        """Return payments that the gateway authorised, and credits that are recorded and not posted yet."""
        recorded = [
            AuthorisedPayment(credit.amount_minor, credit.requested_at)
            for credit in self.credits.get(account_id, ())
            if credit.seq is None
        ]
        return (*self.authorised.get(account_id, ()), *recorded)

    def _paid(
        self, policy: Policy, account_id: int, out_since: datetime, last_decision: LastDecision | None
    ) -> PaidSince | None:
        """Return the credits posted since the credit was exhausted, and how much was due before the first of them."""
        since = [
            credit
            for credit in self.credits.get(account_id, ())
            if credit.posted_at is not None and credit.posted_at > out_since
        ]
        if not since:
            return None
        paid = sum(credit.credited_minor for credit in since)
        if last_decision and last_decision.paid_first_at and last_decision.paid_due_minor:
            return PaidSince(last_decision.paid_first_at, paid, last_decision.paid_due_minor)
        first = since[0].posted_at
        assert first is not None
        balance_minor = self.balances[account_id].balance_minor
        return PaidSince(first, paid, policy.credit.cut_below_minor - (balance_minor - paid))


def _notices(since: Mapping[int, datetime]) -> Mapping[int, Sequence[NoticeFact]]:
    """Return the notices of accounts, each account's from an instant on."""
    if not since:
        return {}
    found: dict[int, list[NoticeFact]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.account_id, n.kind, n.requested_at, n.delivered_at, n.sent_at, n.channel "
            "FROM unnest(%s::bigint[], %s::timestamptz[]) AS given (account_id, since_at) "
            "JOIN notices.notice n ON n.account_id = given.account_id AND n.requested_at >= given.since_at "
            # A letter that was entered by mistake has notified no consumer.
            "WHERE NOT (n.channel = %s AND n.state = %s) ORDER BY n.requested_at, n.id",
            [list(since), list(since.values()), LETTER, NoticeState.FAILED],
        )
        for account_id, *notice in cursor.fetchall():
            found[account_id].append(NoticeFact(*notice))
    return found


def _left_by_hand(manual_order: WorkOrderRow | None) -> Supply:
    """Return the state of a switch beside a meter: on, unless a work order to switch it off was done."""
    if manual_order is None:
        return "on"
    return "off" if (manual_order.kind == WorkOrderKind.SWITCH_OFF_BY_HAND) == manual_order.done else "on"


def _credits(account_ids: Sequence[int]) -> dict[int, list[Credit]]:
    """Return the last 50 credits of each account, oldest first: those not posted and the newest posted ones."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.* FROM unnest(%s::bigint[]) AS given (id) CROSS JOIN LATERAL ("
            "  SELECT id, account_id, amount_minor, requested_at, correlation, posted_at, posted_seq, "
            "  arrears_minor "
            "  FROM books.credit_request r WHERE r.account_id = given.id "
            "  ORDER BY requested_at DESC, id DESC LIMIT 50) c ORDER BY c.account_id, c.requested_at, c.id",
            [list(account_ids)],
        )
        found: dict[int, list[Credit]] = defaultdict(list)
        for row in cursor.fetchall():
            credit = Credit(*row)
            found[credit.account_id].append(credit)
    return found


_SWITCH_CONNECTED: Final = 302
"""The meter's own event (IS 15959): its switch or valve has been closed or opened for supply."""


def _turned_on(executed: Iterable[SwitchCommand]) -> set[int]:
    """Return the devices that waited for their button and have reported since that they are connected, or measured energy."""
    waiting = {c.device_id: c.ended_at for c in executed if c.state == CommandState.WAITING_FOR_PERSON}
    if not waiting:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.device_id FROM unnest(%s::bigint[], %s::timestamptz[]) AS w (device_id, since_at) "
            "JOIN assets.device_period p ON p.device_id = w.device_id AND p.valid_to IS NULL "
            # A meter's clock may be behind; an event that was on its way from before is not meant.
            "WHERE EXISTS (SELECT FROM readings.event e WHERE e.device_id = w.device_id AND e.code = %s "
            "AND e.occurred_at >= w.since_at - interval '15 min' AND e.received_at >= w.since_at) "
            "OR EXISTS (SELECT FROM readings.interval i WHERE i.service_point_id = p.service_point_id "
            "AND i.device_id = w.device_id AND i.series = 1 AND i.start_at >= w.since_at AND i.values[1] > 0)",
            [list(waiting), list(waiting.values()), _SWITCH_CONNECTED],
        )
        return {device_id for (device_id,) in cursor.fetchall()}
