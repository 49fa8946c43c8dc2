"""The pipeline's stage `collect`: what the gateway tells by webhook, and what it says when asked.

Webhooks are late, lost, repeated and out of order; therefore every order that may still be paid is asked after, with
growing pauses, and refunds are asked for by time. A gateway that does not answer is noted (policy suspends cuts then)
and asked again; nothing else of the stage waits for it.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog
from django.db import transaction
from django.db.models import Q

from urja.apps.payments import providers, settling
from urja.apps.payments.errors import GatewayAwayError, GatewayRefusedError
from urja.apps.payments.models import GatewayHealth, Inbox, Order, OrderState, PaymentState
from urja.apps.payments.providers import Gateway, PaymentFact, RefundFact
from urja.apps.payments.settling import Settled
from urja.pipeline.stage import Report

log = structlog.get_logger()

ASKED_AT_ONCE: Final = 20
"""Orders asked after in one run, so that webhooks do not wait for long."""
TAKEN_AT_ONCE: Final = 200
FIRST_PAUSE: Final = timedelta(seconds=5)
LAST_PAUSE: Final = timedelta(hours=1)
GIVEN_UP_AFTER: Final = timedelta(days=6)
"""What a bank authorises late and nobody captures goes back after five days."""
REFUNDS_EVERY: Final = timedelta(minutes=5)
OVERLAP: Final = timedelta(days=8)
"""Refunds are listed by when they were asked for, and carried out up to a week later."""
SILENT_PAUSE_WALL_S: Final = 2.0
FORGED_KEPT: Final = 1000


@dataclass(slots=True)
class Collector:
    """One gateway's stage, synchronous: `run_once` is called again and again in one thread."""

    gateway: Gateway
    speed: float = 1.0
    """Business seconds a second: no order is asked after more often than once a second of the wall."""
    silent_until: datetime | None = None

    def run_once(self, now: datetime) -> Report:
        """Take the inbox and ask what is due; the credits that follow are posted by the ledger's own stage."""
        settled = Settled()
        done = self._take_inbox(now, settled)
        if self.silent_until is None or now >= self.silent_until:
            done += self._ask(now, settled)
        settling.debit_waiting_refunds(now, settled)
        settling.note_posted()
        return Report(done, detail=f"{settled.credits} credited" if settled.credits else "")

    def _take_inbox(self, now: datetime, settled: Settled) -> int:
        waiting = list(Inbox.objects.filter(processed_at=None).order_by("id")[:TAKEN_AT_ONCE])
        for webhook in waiting:
            with transaction.atomic():
                webhook.verdict = self._take(webhook, now, settled)
                webhook.processed_at = now
                webhook.save(update_fields=["processed_at", "verdict"])
        if any(not webhook.genuine for webhook in waiting):
            _forget_forged()
        return len(waiting)

    def _take(self, webhook: Inbox, now: datetime, settled: Settled) -> str:
        if not webhook.genuine:
            return "forged"
        try:
            event = self.gateway.read_event(bytes(webhook.body))
        except ValueError as error:
            log.warning("webhook cannot be read", webhook=webhook.id, error=str(error))
            return "unreadable"
        before = settled.unmatched
        for payment in event.payments:
            settling.payment_told(webhook.provider, payment, now, settled)
        for refund in event.refunds:
            settling.refund_told(webhook.provider, refund, now, settled)
        if settled.unmatched > before:
            return "unmatched"
        return "applied" if event.payments or event.refunds else "ignored"

    def _ask(self, now: datetime, settled: Settled) -> int:
        due = list(Order.objects.filter(ask_at__lte=now).order_by("ask_at", "id")[:ASKED_AT_ONCE])
        health = GatewayHealth.objects.filter(provider=self.gateway.name).first()
        refunds_due = health is None or self._refunds_due(health, now)
        if not due and not refunds_due:
            return 0
        asked = 0
        try:
            for order in due:
                self._ask_after(order, now, settled)
                asked += 1
            if refunds_due:
                self._ask_refunds(health, now, settled)
        except GatewayAwayError as error:
            self.silent_until = now + timedelta(seconds=SILENT_PAUSE_WALL_S * self.speed)
            _note(self.gateway, now, answered=False, error=str(error))
            log.warning("gateway does not answer", provider=self.gateway.name, error=str(error))
            return 0
        self.silent_until = None
        _note(self.gateway, now, answered=True, refunds=refunds_due)
        return asked

    def _refunds_due(self, health: GatewayHealth, now: datetime) -> bool:
        return now >= health.refunds_through_at + max(REFUNDS_EVERY, timedelta(seconds=self.speed))

    def _ask_after(self, order: Order, now: datetime, settled: Settled) -> None:
        assert order.provider_order_id is not None
        payments: list[PaymentFact] = []
        try:
            payments = [
                self._captured(order, fact) for fact in self.gateway.payments_of(order.provider_order_id)
            ]
        except GatewayRefusedError as error:
            log.warning("order refused", order=order.id, error=str(error))
            Order.objects.filter(id=order.id).update(last_error=str(error)[:200])
        for fact in payments:
            settling.payment_told(order.provider, fact, now, settled)
        live = any(fact.state in (PaymentState.CREATED, PaymentState.AUTHORIZED) for fact in payments)
        if now >= order.created_at + GIVEN_UP_AFTER and not live:
            settling.expire(order, now)
            return
        # An order that is paid meanwhile has no `ask_at`, and gets none here.
        pause = max(min(FIRST_PAUSE * 2 ** min(order.asked, 20), LAST_PAUSE), timedelta(seconds=self.speed))
        open_states = [OrderState.PENDING, OrderState.FAILED]
        Order.objects.filter(id=order.id, state__in=open_states).update(
            ask_at=now + pause, asked=order.asked + 1
        )

    def _captured(self, order: Order, fact: PaymentFact) -> PaymentFact:
        """What is authorised for this order is taken; a gateway that will not (paid by another) leaves it so."""
        fits = (fact.amount_minor, fact.currency) == (order.amount_minor, order.currency)
        if fact.state != PaymentState.AUTHORIZED or not fits:
            return fact
        with contextlib.suppress(GatewayRefusedError):
            return self.gateway.capture(fact)
        return fact

    def _ask_refunds(self, health: GatewayHealth | None, now: datetime, settled: Settled) -> None:
        since = (health.refunds_through_at if health else now) - OVERLAP
        for refund in self.gateway.refunds_since(since):
            if not settling.refund_told(self.gateway.name, refund, now, settled):
                self._payment_of(refund, now, settled)

    def _payment_of(self, refund: RefundFact, now: datetime, settled: Settled) -> None:
        """A refund of a payment that nobody has told of: the payment is asked for first."""
        settling.payment_told(self.gateway.name, self.gateway.payment(refund.payment_id), now, settled)
        settling.refund_told(self.gateway.name, refund, now, settled)


def _note(gateway: Gateway, now: datetime, *, answered: bool, error: str = "", refunds: bool = False) -> None:
    health, _new = GatewayHealth.objects.get_or_create(
        provider=gateway.name,
        defaults={"first_asked_at": now, "last_asked_at": now, "refunds_through_at": now},
    )
    health.last_asked_at, health.last_error = now, error[:200]
    if answered:
        health.last_answered_at = now
    if refunds:
        health.refunds_through_at = now
    health.save()


def _forget_forged() -> None:
    """What strangers send is kept up to a number: nobody fills our disk."""
    forged = Inbox.objects.filter(genuine=False)
    oldest = forged.order_by("-id").values_list("id", flat=True)[FORGED_KEPT : FORGED_KEPT + 1].first()
    if oldest is not None:
        forged.filter(~Q(processed_at=None), id__lte=oldest).delete()


class InThread(Protocol):
    async def __call__(self, function: Any, *arguments: Any) -> Any: ...


class Collect:
    """The stage as the runner sees it; rests where no gateway is configured."""

    name = "collect"

    def __init__(self, in_thread: InThread, speed: float) -> None:
        self._in_thread = in_thread
        self._collector = Collector(providers.gateway(), speed) if providers.config() else None

    async def run_once(self, now: datetime) -> Report:
        if self._collector is None:
            return Report()
        return await self._in_thread(self._collector.run_once, now)
