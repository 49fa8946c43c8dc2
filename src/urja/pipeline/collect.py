"""The pipeline's stage `collect`: places orders at the payment gateway and queries their status.

Money is credited and debited by the gateway's answers, never by incoming messages: a webhook or a return with a valid
signature only causes a query about the object that it names. Webhooks are late, lost, repeated and out of order;
therefore every order that may still be paid is queried with growing pauses, and refunds are listed regularly. A
bounded number of queries runs concurrently; answers are written here, one after the other. A gateway that does not
answer is noted (the policy then suspends disconnections) and queried again.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from urja.apps.payments import crediting, gateway_health, inbox, order_placement
from urja.apps.payments.clients import Gateway
from urja.apps.payments.crediting import AppliedCounts
from urja.apps.payments.errors import GatewayAwayError, GatewayRefusedError
from urja.apps.payments.kinds import NO_MONEY, InboxSource, PaymentState
from urja.apps.payments.port import DisputeFact, OrderFact, PaymentFact, RefundFact, WebhookSubject
from urja.apps.payments.queries import InboxRow, OrderRow, gateways
from urja.apps.supply import recoveries
from urja.pipeline.stage import Report

log = structlog.get_logger()

CONCURRENT_QUERIES: Final = 8
"""Queries to the gateway that run at once."""
QUERIES_AT_ONCE: Final = 20
"""Orders placed, and orders queried, in one run, so that webhooks do not wait for long."""
TAKEN_AT_ONCE: Final = 200
FIRST_PAUSE: Final = timedelta(seconds=5)
LAST_PAUSE: Final = timedelta(hours=1)
GIVEN_UP_AFTER: Final = timedelta(days=6)
"""Longer than the five days after which a late authorisation that is not captured returns to the payer."""
REFUNDS_EVERY: Final = timedelta(minutes=5)
OVERLAP: Final = timedelta(days=8)
"""Refunds are listed by the time of their request, and carried out up to a week later."""
BEFORE_COPY: Final = timedelta(hours=1)
"""After a restore, payments are listed from this long before the copy, because they are listed by the time they
began."""
DISPUTES_BACK: Final = timedelta(days=180)
"""Disputes are listed by the time they were opened, and decided up to months later."""
NO_ANSWER_PAUSE_WALL_S: Final = 2.0
PLACING_WALL_S: Final = 60.0
"""Seconds of real time for which placing an order is tried, however fast business time runs."""
MAX_FORGED_STORED: Final = 1000


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """The gateway's answer about an order or a payment. `order` is queried only where a payment holds money."""

    order: OrderFact | None
    payments: Sequence[PaymentFact]


@dataclass(frozen=True, slots=True)
class GatewayQuery:
    """One query to the gateway. `ask` runs in a thread and touches no database; `hear` writes the answer.

    `hear` returns the queries that follow from the answer.
    """

    ask: Callable[[], object]
    hear: Callable[[Any], "list[GatewayQuery]"]
    failed: Callable[[GatewayAwayError | GatewayRefusedError], None]


_ORDER: Final = "order"
"""What a payer's return names: one of our orders."""

type Named = dict[tuple[str, str], list[int]]
"""Rows of the inbox by the object they name: a kind and an id."""


@dataclass(slots=True)
class Collector:
    """The stage for one gateway, synchronous: `run_once` is called repeatedly in one thread."""

    gateway: Gateway
    speed: float = 1.0
    """Business seconds in a real second: no order is queried more often than once in a real second."""
    no_query_before: datetime | None = None

    def run_once(self, now: datetime) -> Report:
        """Read the inbox, place due orders and make due queries at `now` (business time, UTC); the stage `decide` or
        `post` posts the credits.
        """
        settled = AppliedCounts()
        done, named = self._read_inbox(now)
        if self.no_query_before is None or now >= self.no_query_before:
            done += self._query_gateway(now, named, settled)
        crediting.debit_waiting_refunds(self.gateway.name, now, settled)
        crediting.mark_credited(self.gateway.name)
        return Report(done, detail=f"{settled.credits} credited" if settled.credits else "")

    # -- what came in --------------------------------------------------------------------------------------------

    def _read_inbox(self, now: datetime) -> tuple[int, Named]:
        """Close rows that cause no query; rows that name an object stay open until the gateway has answered about it."""
        aside: dict[str, list[int]] = {}
        named: Named = {}
        for row in inbox.waiting(self.gateway.name, TAKEN_AT_ONCE):
            if row.provider != self.gateway.name:
                log.warning("no such gateway", inbox=row.id, provider=row.provider)
                found: tuple[str, str] | str = inbox.FORGED
            elif row.source == InboxSource.RETURN:
                found = self._returned(row)
            else:
                found = self._webhook(row)
            if isinstance(found, str):
                aside.setdefault(found, []).append(row.id)
            else:
                named.setdefault(found, []).append(row.id)
        for verdict, rows in aside.items():
            inbox.close(rows, verdict, now)
        if inbox.FORGED in aside:
            inbox.prune_forged(MAX_FORGED_STORED)
        return sum(map(len, aside.values())), named

    def _webhook(self, row: InboxRow) -> tuple[str, str] | str:
        """Return the object that a webhook names, or its verdict where it causes no query."""
        body = bytes(row.body)
        # A valid signature only causes a query: an attacker with the webhook secret cannot credit an account.
        if not self.gateway.genuine(row.headers, body):
            log.warning("webhook with a wrong signature", provider=row.provider, webhook=row.id)
            return inbox.FORGED
        try:
            event = self.gateway.read_event(body)
        except ValueError as error:
            log.warning("webhook cannot be read", webhook=row.id, error=str(error))
            return "unreadable"
        if not event.known:
            log.warning("webhook of an unknown kind", webhook=row.id, kind=event.name)
            return "unknown_kind"
        return event.about or "ignored"

    def _returned(self, row: InboxRow) -> tuple[str, str] | str:
        """Return the order that a payer came back from, where the gateway has signed the return; otherwise a verdict."""
        order = None if row.order_id is None else order_placement.order_of(row.provider, row.order_id)
        query = bytes(row.body).decode(errors="replace")
        if (
            order is None
            or order.provider_order_id is None
            or not self.gateway.returned(query, order.provider_order_id)
        ):
            log.warning("return with a wrong signature", order=row.order_id)
            return inbox.FORGED
        return (_ORDER, str(order.id)) if order.state in order_placement.OPEN else "ignored"

    # -- what is asked -------------------------------------------------------------------------------------------

    def _query_gateway(self, now: datetime, named: Named, settled: AppliedCounts) -> int:
        refunds_through_at = gateway_health.refunds_through_at(self.gateway.name)
        refunds_due = refunds_through_at is None or self._refunds_due(refunds_through_at, now)
        queries = [
            *self._about_named(named, now, settled),
            *self._to_place(now),
            *self._due(now, settled, {int(name) for kind, name in named if kind == _ORDER}),
        ]
        if refunds_due:
            queries += [
                self._about_refunds(refunds_through_at or now, now, settled),
                self._about_disputes(now, settled),
            ]
        # After a restore the gateway may have taken payments that the data do not know.
        recovery = recoveries.open_recovery()
        if recovery is not None and recovery.gateway_asked:
            recovery = None
        listed: list[datetime] = []
        if recovery is not None:
            queries.append(self._about_payments(recovery.since_at - BEFORE_COPY, now, settled, listed))
        if not queries:
            return 0
        answered, error = self._run_queries(queries)
        if error:
            self.no_query_before = now + self._no_answer_pause()
            gateway_health.record_contact(self.gateway.name, now, answered=False, error=error)
            log.warning("gateway does not answer", provider=self.gateway.name, error=error)
            return answered
        if recovery is not None and listed:
            recoveries.record_gateway_asked(recovery.noticed_at, now)
        self.no_query_before = None
        gateway_health.record_contact(self.gateway.name, now, answered=True, refunds=refunds_due)
        return answered - 2 * refunds_due

    def _run_queries(self, queries: list[GatewayQuery]) -> tuple[int, str]:
        """Make all queries, a few at once; return how many were answered, and the error of one that was not."""
        answered, error = 0, ""
        away = threading.Event()
        while queries:
            following: list[GatewayQuery] = []
            with ThreadPoolExecutor(
                min(CONCURRENT_QUERIES, len(queries)), thread_name_prefix="gateway"
            ) as pool:
                asked = {pool.submit(_unless, away, question.ask): question for question in queries}
                for future in as_completed(asked):
                    question = asked[future]
                    try:
                        answer = future.result()
                    except GatewayAwayError as failure:
                        error = error or str(failure)
                        question.failed(failure)
                    except GatewayRefusedError as failure:
                        answered += 1
                        question.failed(failure)
                    else:
                        answered += 1
                        following += question.hear(answer)
            queries = following
        return answered, error

    def _no_answer_pause(self) -> timedelta:
        return timedelta(seconds=NO_ANSWER_PAUSE_WALL_S * self.speed)

    def _about_named(self, named: Named, now: datetime, settled: AppliedCounts) -> Iterator[GatewayQuery]:
        for (kind, name), rows in named.items():
            match kind:
                case WebhookSubject.REFUND:
                    question = self._about_refund(name, now, settled)
                case WebhookSubject.DISPUTE:
                    question = self._about_dispute(name, now, settled)
                case WebhookSubject.PAYMENT:
                    question = self._about_payment(name, now, settled)
                case _:
                    order = order_placement.order_of(self.gateway.name, int(name))
                    assert order is not None, "a payer came back from it"
                    question = self._about_order(order, now, settled)
            yield _closing(question, rows, now)

    def _to_place(self, now: datetime) -> Iterator[GatewayQuery]:
        config = gateways.config()
        assert config is not None, "there is a gateway"
        patience = max(order_placement.GIVE_UP_AFTER, timedelta(seconds=PLACING_WALL_S * self.speed))
        for order in order_placement.waiting(self.gateway.name, now, QUERIES_AT_ONCE):
            if why := order_placement.refusal(order, config, now, patience):
                order_placement.give_up(order, why, now)
                continue
            # Noted before the call: if the process dies in it, the next attempt looks the order up by its receipt
            # instead of placing it twice.
            order_placement.record_attempt(order, now + self._no_answer_pause())
            yield GatewayQuery(
                partial(
                    self.gateway.client.place_order,
                    order.receipt,
                    order.amount_minor,
                    order.currency,
                    again=order.asked > 0,
                ),
                partial(_placed, order, now),
                partial(_not_placed, order, now),
            )

    def _due(self, now: datetime, settled: AppliedCounts, asked: set[int]) -> Iterator[GatewayQuery]:
        """Queries about orders without news for a while, except those in `asked`."""
        for order in order_placement.due_for_query(self.gateway.name, now, asked, QUERIES_AT_ONCE):
            yield self._about_order(order, now, settled)

    def _refunds_due(self, through_at: datetime, now: datetime) -> bool:
        return now >= through_at + max(REFUNDS_EVERY, timedelta(seconds=self.speed))

    # -- questions and what follows ------------------------------------------------------------------------------

    def _about_order(self, order: OrderRow, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        provider_order_id = order.provider_order_id
        assert provider_order_id is not None, "it is at the gateway"

        def ask() -> OrderStatus:
            return self._status_of(self.gateway.client.payments_of(provider_order_id))

        def hear(status: OrderStatus) -> list[GatewayQuery]:
            crediting.apply_payments(order.provider, status.order, status.payments, now, settled)
            self._asked_after(order, status.payments, now)
            return []

        def failed(error: GatewayAwayError | GatewayRefusedError) -> None:
            if isinstance(error, GatewayRefusedError):
                log.warning("order refused", order=order.id, error=str(error))
                order_placement.record_query_error(order.id, str(error))
                self._asked_after(order, (), now)

        return GatewayQuery(ask, hear, failed)

    def _about_payment(self, payment_id: str, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(status: OrderStatus) -> list[GatewayQuery]:
            crediting.apply_payments(self.gateway.name, status.order, status.payments, now, settled)
            return []

        return GatewayQuery(
            lambda: self._status_of([self.gateway.client.payment(payment_id)]), hear, _log_refusal
        )

    def _about_payments(
        self, since: datetime, now: datetime, settled: AppliedCounts, listed: list[datetime]
    ) -> GatewayQuery:
        """The query for payments since the copy that the data were restored from; `listed` notes that it was
        answered.
        """

        def hear(payments: Sequence[PaymentFact]) -> list[GatewayQuery]:
            listed.append(since)
            unheard_of = crediting.not_applied_yet(self.gateway.name, payments)
            log.info("payments since the copy", listed=len(payments), unheard_of=len(unheard_of))
            return [self._about_payment(fact.payment_id, now, settled) for fact in unheard_of]

        return GatewayQuery(partial(self.gateway.client.payments_since, since), hear, _log_refusal)

    def _about_refund(self, refund_id: str, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(refund: RefundFact | None) -> list[GatewayQuery]:
            return [] if refund is None else self._refunded(refund, now, settled)

        return GatewayQuery(partial(self.gateway.client.refund, refund_id), hear, _log_refusal)

    def _about_refunds(self, through_at: datetime, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(refunds: Sequence[RefundFact]) -> list[GatewayQuery]:
            return [question for refund in refunds for question in self._refunded(refund, now, settled)]

        return GatewayQuery(
            partial(self.gateway.client.refunds_since, through_at - OVERLAP), hear, _log_refusal
        )

    def _about_dispute(self, dispute_id: str, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(dispute: DisputeFact) -> list[GatewayQuery]:
            return self._disputed(dispute, now, settled)

        return GatewayQuery(partial(self.gateway.client.dispute, dispute_id), hear, _log_refusal)

    def _about_disputes(self, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(disputes: Sequence[DisputeFact]) -> list[GatewayQuery]:
            return [question for dispute in disputes for question in self._disputed(dispute, now, settled)]

        return GatewayQuery(
            partial(self.gateway.client.disputes_since, now - DISPUTES_BACK), hear, _log_refusal
        )

    def _disputed(self, dispute: DisputeFact, now: datetime, settled: AppliedCounts) -> list[GatewayQuery]:
        apply = partial(crediting.apply_dispute, self.gateway.name, dispute, now, settled)
        return self._with_its_payment(dispute.payment_id, apply, now, settled)

    def _refunded(self, refund: RefundFact, now: datetime, settled: AppliedCounts) -> list[GatewayQuery]:
        apply = partial(crediting.apply_refund, self.gateway.name, refund, now, settled)
        return self._with_its_payment(refund.payment_id, apply, now, settled)

    def _with_its_payment(
        self, payment_id: str, apply: Callable[[], bool], now: datetime, settled: AppliedCounts
    ) -> list[GatewayQuery]:
        """Apply a refund or dispute; where its payment is not known, the payment is queried first."""
        if apply():
            return []
        payment = self._about_payment(payment_id, now, settled)

        def hear(status: OrderStatus) -> list[GatewayQuery]:
            payment.hear(status)
            apply()
            return []

        return [GatewayQuery(payment.ask, hear, _log_refusal)]

    def _status_of(self, payments: Sequence[PaymentFact]) -> OrderStatus:
        """The status of payments of one order, with the order itself where one of them holds money. Runs in a thread."""
        order_id = next((fact.order_id for fact in payments if fact.state not in NO_MONEY), None)
        if order_id is None:
            return OrderStatus(None, payments)
        order = self.gateway.client.order(order_id)
        return OrderStatus(order, [self._captured(order, fact) for fact in payments])

    def _captured(self, order: OrderFact, fact: PaymentFact) -> PaymentFact:
        """Capture an authorised payment of our order; where the gateway refuses (paid by another payment), return it
        unchanged.
        """
        fits = (fact.amount_minor, fact.currency) == (order.amount_minor, order.currency)
        if fact.state != PaymentState.AUTHORISED or not fits or not crediting.is_ours(order):
            return fact
        with contextlib.suppress(GatewayRefusedError):
            return self.gateway.client.capture(fact)
        return fact

    def _asked_after(self, order: OrderRow, payments: Sequence[PaymentFact], now: datetime) -> None:
        """Schedule the next query about an order, or end its queries."""
        live = any(fact.state in (PaymentState.CREATED, PaymentState.AUTHORISED) for fact in payments)
        if now >= order.created_at + GIVEN_UP_AFTER and not live:
            crediting.expire(order, now)
            return
        # An order that was paid meanwhile has no `ask_at`, and gets none here.
        pause = max(min(FIRST_PAUSE * 2 ** min(order.asked, 20), LAST_PAUSE), timedelta(seconds=self.speed))
        order_placement.record_query(order.id, order.asked + 1, now + pause)


def _unless(away: threading.Event, ask: Callable[[], object]) -> object:
    """Make a query, unless the gateway has left another query of this run unanswered. Raises GatewayAwayError."""
    if away.is_set():
        raise GatewayAwayError("the gateway has not answered another query")
    try:
        return ask()
    except GatewayAwayError:
        away.set()
        raise


def _placed(order: OrderRow, now: datetime, provider_order_id: str) -> list[GatewayQuery]:
    order_placement.record_placed(order, provider_order_id, now)
    return []


def _not_placed(order: OrderRow, now: datetime, error: GatewayAwayError | GatewayRefusedError) -> None:
    if isinstance(error, GatewayRefusedError):
        order_placement.give_up(order, str(error), now)
    else:
        order_placement.record_failure(order, str(error))


def _log_refusal(error: GatewayAwayError | GatewayRefusedError) -> None:
    """Leave an unanswered query to come again: by its schedule, or with the row of the inbox, which stays open."""
    if isinstance(error, GatewayRefusedError):
        log.warning("query refused", error=str(error))


def _closing(question: GatewayQuery, rows: list[int], now: datetime) -> GatewayQuery:
    """A query for rows of the inbox: the rows are closed with its answer, and stay open without one."""

    def hear(answer: object) -> list[GatewayQuery]:
        following = question.hear(answer)
        inbox.close(rows, "asked", now)
        return following

    def failed(error: GatewayAwayError | GatewayRefusedError) -> None:
        question.failed(error)
        if isinstance(error, GatewayRefusedError):
            inbox.close(rows, "refused", now)

    return GatewayQuery(question.ask, hear, failed)
