"""The pipeline's stage `collect`: places orders at the gateway, and asks it what became of them.

Money is credited and debited by what the gateway answers, never by what came in: a webhook or a return whose signature
is right only makes it be asked about what it names. They are late, lost, repeated and out of order; therefore every
order that may still be paid is asked after, with growing pauses, and refunds are asked for by time. Questions go
beside each other, a bounded number at a time; what is answered is written here, one after the other. A gateway that
does not answer is noted (policy suspends cuts then) and asked again.
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
from urja.apps.payments.kinds import NO_MONEY, InboxSource, Order, PaymentState, Received
from urja.apps.payments.port import DisputeFact, OrderFact, PaymentFact, RefundFact, WebhookSubject
from urja.apps.payments.queries import gateways
from urja.apps.supply import recoveries
from urja.pipeline.stage import Report

log = structlog.get_logger()

CONCURRENT_QUERIES: Final = 8
"""Questions to the gateway beside each other."""
QUERIES_AT_ONCE: Final = 20
"""Orders placed, and orders asked after, in one run, so that webhooks do not wait for long."""
TAKEN_AT_ONCE: Final = 200
FIRST_PAUSE: Final = timedelta(seconds=5)
LAST_PAUSE: Final = timedelta(hours=1)
GIVEN_UP_AFTER: Final = timedelta(days=6)
"""What a bank authorises late and nobody captures goes back after five days."""
REFUNDS_EVERY: Final = timedelta(minutes=5)
OVERLAP: Final = timedelta(days=8)
"""Refunds are listed by when they were asked for, and carried out up to a week later."""
BEFORE_COPY: Final = timedelta(hours=1)
"""After a restore payments are asked for from so long before the copy: they are listed by when they were begun."""
DISPUTES_BACK: Final = timedelta(days=180)
"""Disputes are listed by when they were opened, and decided up to months later."""
NO_ANSWER_PAUSE_WALL_S: Final = 2.0
PLACING_WALL_S: Final = 60.0
"""However fast business time runs, an order is tried to be placed for so long."""
MAX_FORGED_STORED: Final = 1000


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """What the gateway answers about an order or a payment. `order` is asked for where there is money."""

    order: OrderFact | None
    payments: Sequence[PaymentFact]


@dataclass(frozen=True, slots=True)
class GatewayQuery:
    """One question to the gateway. `ask` runs in a thread and touches nothing of ours; `hear` writes what it says.

    `hear` gives the questions that follow from the answer.
    """

    ask: Callable[[], Any]
    hear: Callable[[Any], "list[GatewayQuery]"]
    failed: Callable[[GatewayAwayError | GatewayRefusedError], None]


_ORDER: Final = "order"
"""What a return names: an order of ours."""

type Named = dict[tuple[str, str], list[int]]
"""Rows of the inbox by what they name: a kind and an id."""


@dataclass(slots=True)
class Collector:
    """One gateway's stage, synchronous: `run_once` is called again and again in one thread."""

    gateway: Gateway
    speed: float = 1.0
    """Business seconds a second: no order is asked after more often than once a second of the wall."""
    silent_until: datetime | None = None

    def run_once(self, now: datetime) -> Report:
        """Read the inbox, place and ask what is due; the credits that follow are posted by the ledger's own stage."""
        settled = AppliedCounts()
        done, named = self._read_inbox(now)
        if self.silent_until is None or now >= self.silent_until:
            done += self._ask(now, named, settled)
        crediting.debit_waiting_refunds(self.gateway.name, now, settled)
        crediting.mark_credited(self.gateway.name)
        return Report(done, detail=f"{settled.credits} credited" if settled.credits else "")

    # -- what came in --------------------------------------------------------------------------------------------

    def _read_inbox(self, now: datetime) -> tuple[int, Named]:
        """Set aside what causes no question; what names something stays until the gateway has answered about it."""
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

    def _webhook(self, row: Received) -> tuple[str, str] | str:
        """What a webhook names, or its verdict where it causes no question."""
        body = bytes(row.body)
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

    def _returned(self, row: Received) -> tuple[str, str] | str:
        """The order that a payer came back from, where the gateway has signed the return."""
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

    def _ask(self, now: datetime, named: Named, settled: AppliedCounts) -> int:
        refunds_through_at = gateway_health.refunds_through_at(self.gateway.name)
        refunds_due = refunds_through_at is None or self._refunds_due(refunds_through_at, now)
        questions = [
            *self._about_named(named, now, settled),
            *self._to_place(now),
            *self._due(now, settled, {int(name) for kind, name in named if kind == _ORDER}),
        ]
        if refunds_due:
            questions += [
                self._about_refunds(refunds_through_at or now, now, settled),
                self._about_disputes(now, settled),
            ]
        recovery = recoveries.open_recovery()
        if recovery is not None and recovery.gateway_asked:
            recovery = None
        listed: list[datetime] = []
        if recovery is not None:
            questions.append(self._about_payments(recovery.since_at - BEFORE_COPY, now, settled, listed))
        if not questions:
            return 0
        answered, error = self._put(questions)
        if error:
            self.silent_until = now + self._silent_pause()
            gateway_health.record_contact(self.gateway.name, now, answered=False, error=error)
            log.warning("gateway does not answer", provider=self.gateway.name, error=error)
            return answered
        if recovery is not None and listed:
            recoveries.record_gateway_asked(recovery.noticed_at, now)
        self.silent_until = None
        gateway_health.record_contact(self.gateway.name, now, answered=True, refunds=refunds_due)
        return answered - 2 * refunds_due

    def _put(self, questions: list[GatewayQuery]) -> tuple[int, str]:
        """Ask all, a few beside each other; how many were answered, and why another was not."""
        answered, error = 0, ""
        away = threading.Event()
        while questions:
            following: list[GatewayQuery] = []
            with ThreadPoolExecutor(
                min(CONCURRENT_QUERIES, len(questions)), thread_name_prefix="gateway"
            ) as pool:
                asked = {pool.submit(_unless, away, question.ask): question for question in questions}
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
            questions = following
        return answered, error

    def _silent_pause(self) -> timedelta:
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
            order_placement.record_attempt(order, now + self._silent_pause())
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
        """Orders that were not heard of for a while, but for those asked about already."""
        for order in order_placement.due_for_query(self.gateway.name, now, asked, QUERIES_AT_ONCE):
            yield self._about_order(order, now, settled)

    def _refunds_due(self, through_at: datetime, now: datetime) -> bool:
        return now >= through_at + max(REFUNDS_EVERY, timedelta(seconds=self.speed))

    # -- questions and what follows ------------------------------------------------------------------------------

    def _about_order(self, order: Order, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        provider_order_id = order.provider_order_id
        assert provider_order_id is not None, "it is at the gateway"

        def ask() -> OrderStatus:
            return self._look(self.gateway.client.payments_of(provider_order_id))

        def hear(look: OrderStatus) -> list[GatewayQuery]:
            crediting.apply_payments(order.provider, look.order, look.payments, now, settled)
            self._asked_after(order, look.payments, now)
            return []

        def failed(error: GatewayAwayError | GatewayRefusedError) -> None:
            if isinstance(error, GatewayRefusedError):
                log.warning("order refused", order=order.id, error=str(error))
                order_placement.record_query_error(order.id, str(error))
                self._asked_after(order, (), now)

        return GatewayQuery(ask, hear, failed)

    def _about_payment(self, payment_id: str, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(look: OrderStatus) -> list[GatewayQuery]:
            crediting.apply_payments(self.gateway.name, look.order, look.payments, now, settled)
            return []

        return GatewayQuery(lambda: self._look([self.gateway.client.payment(payment_id)]), hear, _leave)

    def _about_payments(
        self, since: datetime, now: datetime, settled: AppliedCounts, listed: list[datetime]
    ) -> GatewayQuery:
        """What was taken since a copy that the data were put back from; `listed` says that it was answered."""

        def hear(payments: Sequence[PaymentFact]) -> list[GatewayQuery]:
            listed.append(since)
            unheard_of = crediting.not_applied_yet(self.gateway.name, payments)
            log.info("payments since the copy", listed=len(payments), unheard_of=len(unheard_of))
            return [self._about_payment(fact.payment_id, now, settled) for fact in unheard_of]

        return GatewayQuery(partial(self.gateway.client.payments_since, since), hear, _leave)

    def _about_refund(self, refund_id: str, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(refund: RefundFact | None) -> list[GatewayQuery]:
            return [] if refund is None else self._refunded(refund, now, settled)

        return GatewayQuery(partial(self.gateway.client.refund, refund_id), hear, _leave)

    def _about_refunds(self, through_at: datetime, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(refunds: Sequence[RefundFact]) -> list[GatewayQuery]:
            return [question for refund in refunds for question in self._refunded(refund, now, settled)]

        return GatewayQuery(partial(self.gateway.client.refunds_since, through_at - OVERLAP), hear, _leave)

    def _about_dispute(self, dispute_id: str, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(dispute: DisputeFact) -> list[GatewayQuery]:
            return self._disputed(dispute, now, settled)

        return GatewayQuery(partial(self.gateway.client.dispute, dispute_id), hear, _leave)

    def _about_disputes(self, now: datetime, settled: AppliedCounts) -> GatewayQuery:
        def hear(disputes: Sequence[DisputeFact]) -> list[GatewayQuery]:
            return [question for dispute in disputes for question in self._disputed(dispute, now, settled)]

        return GatewayQuery(partial(self.gateway.client.disputes_since, now - DISPUTES_BACK), hear, _leave)

    def _disputed(self, dispute: DisputeFact, now: datetime, settled: AppliedCounts) -> list[GatewayQuery]:
        told = partial(crediting.apply_dispute, self.gateway.name, dispute, now, settled)
        return self._with_its_payment(dispute.payment_id, told, now, settled)

    def _refunded(self, refund: RefundFact, now: datetime, settled: AppliedCounts) -> list[GatewayQuery]:
        told = partial(crediting.apply_refund, self.gateway.name, refund, now, settled)
        return self._with_its_payment(refund.payment_id, told, now, settled)

    def _with_its_payment(
        self, payment_id: str, told: Callable[[], bool], now: datetime, settled: AppliedCounts
    ) -> list[GatewayQuery]:
        """Apply what befell a payment; where that is not known, it is asked about first."""
        if told():
            return []
        payment = self._about_payment(payment_id, now, settled)

        def hear(look: OrderStatus) -> list[GatewayQuery]:
            payment.hear(look)
            told()
            return []

        return [GatewayQuery(payment.ask, hear, _leave)]

    def _look(self, payments: Sequence[PaymentFact]) -> OrderStatus:
        """What the gateway says of payments of one order, with the order itself where there is money in it."""
        order_id = next((fact.order_id for fact in payments if fact.state not in NO_MONEY), None)
        if order_id is None:
            return OrderStatus(None, payments)
        order = self.gateway.client.order(order_id)
        return OrderStatus(order, [self._captured(order, fact) for fact in payments])

    def _captured(self, order: OrderFact, fact: PaymentFact) -> PaymentFact:
        """What is authorised for an order of ours is taken; a gateway that will not (paid by another) leaves it so."""
        fits = (fact.amount_minor, fact.currency) == (order.amount_minor, order.currency)
        if fact.state != PaymentState.AUTHORISED or not fits or not crediting.is_ours(order):
            return fact
        with contextlib.suppress(GatewayRefusedError):
            return self.gateway.client.capture(fact)
        return fact

    def _asked_after(self, order: Order, payments: Sequence[PaymentFact], now: datetime) -> None:
        """Say when an order is asked after next, or that it is not any more."""
        live = any(fact.state in (PaymentState.CREATED, PaymentState.AUTHORISED) for fact in payments)
        if now >= order.created_at + GIVEN_UP_AFTER and not live:
            crediting.expire(order, now)
            return
        # An order that is paid meanwhile has no `ask_at`, and gets none here.
        pause = max(min(FIRST_PAUSE * 2 ** min(order.asked, 20), LAST_PAUSE), timedelta(seconds=self.speed))
        order_placement.record_query(order.id, order.asked + 1, now + pause)


def _unless(away: threading.Event, ask: Callable[[], Any]) -> Any:
    """Ask, unless the gateway has left another question of this run without an answer."""
    if away.is_set():
        raise GatewayAwayError("it has not answered another question")
    try:
        return ask()
    except GatewayAwayError:
        away.set()
        raise


def _placed(order: Order, now: datetime, provider_order_id: str) -> list[GatewayQuery]:
    order_placement.record_placed(order, provider_order_id, now)
    return []


def _not_placed(order: Order, now: datetime, error: GatewayAwayError | GatewayRefusedError) -> None:
    if isinstance(error, GatewayRefusedError):
        order_placement.give_up(order, str(error), now)
    else:
        order_placement.record_failure(order, str(error))


def _leave(error: GatewayAwayError | GatewayRefusedError) -> None:
    """What is not answered comes again: by its schedule, or with the row of the inbox that stays."""
    if isinstance(error, GatewayRefusedError):
        log.warning("question refused", error=str(error))


def _closing(question: GatewayQuery, rows: list[int], now: datetime) -> GatewayQuery:
    """A question that came of rows of the inbox: they end with its answer, and stay where there is none."""

    def hear(answer: Any) -> list[GatewayQuery]:
        following = question.hear(answer)
        inbox.close(rows, "asked", now)
        return following

    def failed(error: GatewayAwayError | GatewayRefusedError) -> None:
        question.failed(error)
        if isinstance(error, GatewayRefusedError):
            inbox.close(rows, "refused", now)

    return GatewayQuery(question.ask, hear, failed)
