"""The way from a payment to light, step by step with its times, and what happens next."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.payments import queries as payments
from urja.apps.payments.kinds import OrderState, PaymentState
from urja.apps.supply import queries as supply
from urja.apps.supply.queries import ReconnectionChain
from urja.base.clock import wall_now_ms
from urja.core.policy import Standing
from urja.web.shared import formats
from urja.web.shared.clock import zone

SOON = "every 2s"
LATER = "every 15s"
SHOWN_MS = 120_000
"""How long, by the wall, a light that is back is still told of."""


@dataclass(frozen=True, slots=True)
class StepView:
    """`state`: done, current or ahead."""

    label: str
    time: str
    state: str


@dataclass(frozen=True, slots=True)
class ChainView:
    """What a page shows of a payment. `poll` is empty when nothing more is to come."""

    title: str
    text: str
    tone: str
    """`good`, `wait` or `bad`; the words say the same."""
    steps: list[StepView]
    poll: str
    live: str
    """Address of this part alone."""
    total: str = ""
    pay_again: str = ""
    """Address where an amount is chosen again; empty where that is not offered."""
    go_on: str = ""
    """Address that leads to the gateway's page; empty where nothing can be paid there any more."""


def of_account(account_id: int, now: datetime) -> ChainView | None:
    """The newest way to light of an account while it has not come to an end."""
    reconnection = supply.newest_reconnection(account_id)
    if reconnection is None or reconnection.outcome == "never_off" or _shown_long_enough(reconnection):
        return None
    return _reconnection(reconnection, _Addresses(reverse("portal:chain", args=[account_id])), now)


def _shown_long_enough(reconnection: ReconnectionChain) -> bool:
    if reconnection.reconnected.wall_ms is None:
        return reconnection.outcome == "reconnected" or reconnection.reconnected.at is not None
    return wall_now_ms() - reconnection.reconnected.wall_ms > SHOWN_MS


@dataclass(frozen=True, slots=True)
class _Addresses:
    """Where a page of an order leads."""

    live: str
    pay: str = ""
    go: str = ""


def of_order(order: payments.OrderRow, account_id: int, now: datetime, *, came_back: bool) -> ChainView:
    """What became of an order, for electricity or for the maintenance beside the account.

    `came_back`: the payer comes from the gateway's page, which is being asked.
    """
    own = [account_id, order.id]
    maintenance = order.account_id != account_id
    at = _Addresses(
        live=reverse("portal:order-live", args=own),
        pay=reverse("portal:maintenance" if maintenance else "portal:pay", args=[account_id]),
        go=reverse("portal:order-go", args=own),
    )
    payment = payments.decisive_payment(order)
    state = OrderState(order.state)
    if maintenance and state not in (OrderState.PENDING, OrderState.FAILED):
        return _for_maintenance(order, state, at)
    match state:
        case OrderState.PAID | OrderState.CREDITED:
            reconnection = (
                supply.reconnection_of_credit(payment.credit_id) if payment and payment.credit_id else None
            )
            if reconnection is not None:
                return _reconnection(reconnection, at, now)
            return _credited(order, at.live, awaits_decision=_awaits_decision(account_id))
        case OrderState.REVERSED:
            return _reversed(order, at.live)
        case OrderState.CREATED:
            return _not_placed(at)
        case OrderState.EXPIRED:
            return ChainView(
                _("Not paid"),
                _("This recharge was not paid in time. No amount was charged.")
                if order.provider_order_id
                else _("The payment service did not accept this recharge. Nothing was paid."),
                "bad",
                [],
                "",
                at.live,
                pay_again=at.pay,
            )
        case OrderState.PENDING | OrderState.FAILED:
            return _unpaid(order, payment, at, maintenance=maintenance, came_back=came_back)
        case _:
            assert_never(state)


def _for_maintenance(order: payments.OrderRow, state: OrderState, at: _Addresses) -> ChainView:
    steps = [(_("Paid"), order.paid_at), (_("Credited"), order.credited_at)]
    match state:
        case OrderState.PAID | OrderState.CREDITED:
            if order.credited_at is None:
                return _credited(order, at.live, awaits_decision=False)
            text = _("Your payment for maintenance is recorded.")
            return ChainView(_("Paid"), text, "good", _steps(steps), "", at.live)
        case OrderState.REVERSED:
            text = _("This payment was reversed by the bank or refunded, so the maintenance is owed again.")
            reversed_ = _steps([*steps, (_("Reversed"), order.ended_at)])
            return ChainView(_("Payment reversed"), text, "bad", reversed_, "", at.live, pay_again=at.pay)
        case OrderState.CREATED:
            text = _("The payment service has not been reached yet. Nothing was paid.")
            return ChainView(_("Not paid"), text, "bad", [], SOON, at.live, go_on=at.go)
        case _:
            text = _("Nothing was paid.")
            return ChainView(_("Not paid"), text, "bad", [], "", at.live, pay_again=at.pay)


def _unpaid(
    order: payments.OrderRow,
    payment: payments.PaymentRow | None,
    at: _Addresses,
    *,
    maintenance: bool,
    came_back: bool,
) -> ChainView:
    live = at.live
    state = payment.state if payment else ""
    if state == PaymentState.AUTHORISED and not maintenance:
        text = _(
            "Your bank has approved the payment. We are waiting for the payment service to confirm it; your supply is not disconnected meanwhile."
        )
        return ChainView(_("Payment in progress"), text, "wait", [], SOON, live)
    if came_back or state == PaymentState.AUTHORISED:
        text = _(
            "We are checking with the payment service whether your payment has arrived; this takes a few seconds."
        )
        return ChainView(_("Payment in progress"), text, "wait", [], SOON, live)
    if order.state == OrderState.FAILED:
        text = _("The payment failed. If your bank takes the money after all, it is credited automatically.")
        return ChainView(_("Not paid"), text, "bad", [], LATER, live, pay_again=at.pay, go_on=at.go)
    if state == PaymentState.CREATED:
        text = _("Your bank has not answered yet. As soon as it does, the payment is credited automatically.")
        return ChainView(_("Payment in progress"), text, "wait", [], SOON, live)
    text = _(
        "No payment received yet. If you have paid, it is credited automatically, even if you close this page."
    )
    return ChainView(_("Waiting for your payment"), text, "wait", [], SOON, live, go_on=at.go)


def _not_placed(at: _Addresses) -> ChainView:
    text = _("This recharge has not reached the payment service yet. Nothing was paid.")
    return ChainView(_("Not paid"), text, "bad", [], SOON, at.live, go_on=at.go)


def _reversed(order: payments.OrderRow, live: str) -> ChainView:
    steps = _steps(
        [(_("Paid"), order.paid_at), (_("Credited"), order.credited_at), (_("Reversed"), order.ended_at)]
    )
    text = _("This payment was reversed by the bank or refunded, so it was deducted from your balance.")
    return ChainView(_("Payment reversed"), text, "bad", steps, "", live)


def _awaits_decision(account_id: int) -> bool:
    """Return whether the supply is off, or ordered off, by the last decision.

    A credit is posted a moment before the reconnection is decided: a page loaded in between must go on asking.
    """
    known = supply.standing(account_id)
    return known is not None and (known.supply == "off" or known.standing == Standing.CUT)


def _credited(order: payments.OrderRow, live: str, *, awaits_decision: bool) -> ChainView:
    steps = _steps([(_("Paid"), order.paid_at), (_("Credited"), order.credited_at)])
    if order.credited_at is None:
        return ChainView(
            _("Paid"), _("Your payment has arrived and is being credited."), "good", steps, SOON, live
        )
    text = _("Your payment has been added to your balance.")
    return ChainView(_("Recharge complete"), text, "good", steps, SOON if awaits_decision else "", live)


def _reconnection(reconnection: ReconnectionChain, at: _Addresses, now: datetime) -> ChainView:
    live = at.live
    steps = _steps(
        [
            (_("Paid"), reconnection.paid.at),
            (_("Credited"), reconnection.credited.at),
            (_("Command sent"), reconnection.sent.at),
            (_("Confirmed by the meter"), reconnection.confirmed.at),
            (_("Reconnected"), reconnection.reconnected.at),
        ]
    )
    if reconnection.reconnected.at is not None or reconnection.outcome == "reconnected":
        return ChainView(_("Reconnected"), "", "good", steps, "", live, total=_total(reconnection))
    if reconnection.outcome == "never_off":
        text = _("Your payment arrived before your supply was disconnected.")
        return ChainView(_("Recharge complete"), text, "good", steps[:2], "", live)
    if reconnection.outcome == "not_enough":
        text = _("Your payment has been added to your balance, but it is not enough for reconnection.")
        return ChainView(_("Recharge complete"), text, "bad", steps[:2], LATER, live, pay_again=at.pay)
    if reconnection.outcome == "held":
        text = _(
            "Your payment has been added to your balance. Your supply is disconnected for another reason; please call your utility."
        )
        return ChainView(_("Recharge complete"), text, "bad", steps[:2], LATER, live)
    return ChainView(_("Reconnection in progress"), _next(reconnection, now), "wait", steps, SOON, live)


def _next(reconnection: ReconnectionChain, now: datetime) -> str:
    """What happens next, and by when; no time is named that is over."""
    ready = "waiting_for_person" in (reconnection.command_state, reconnection.outcome)
    if reconnection.awake_at is not None and (ready or reconnection.sent.at is not None):
        return _of_sleeping_meter(reconnection, now, ready=ready)
    if ready:
        return _("Your meter is ready. Press its button to switch your supply on.")
    if reconnection.credited.at is None:
        return _("Your payment has arrived and is being credited.")
    if reconnection.expires_at is not None and reconnection.expires_at <= now:
        return _("The command did not reach your meter in time. A new one is being sent.")
    if reconnection.last_error and reconnection.again_at is not None:
        words = {"again": _second(max(reconnection.again_at, now)), "until": _second(reconnection.expires_at)}
        return (
            _(
                "Your meter cannot be reached at the moment. We try again at %(again)s and keep trying until %(until)s, then with a new command. Your utility can see that you have paid and are disconnected."
            )
            % words
        )
    if reconnection.sent.at is None:
        return _("The command for your meter is being prepared.")
    if reconnection.expires_at is not None:
        return _(
            "The command is on its way to your meter. It is valid until %(until)s; then a new one is sent."
        ) % {"until": _second(reconnection.expires_at)}
    return _("The command is on its way to your meter.")


def _of_sleeping_meter(reconnection: ReconnectionChain, now: datetime, *, ready: bool) -> str:
    """What the person at a gas meter has to do, and when the meter is awake by its plan."""
    if ready:
        return _(
            "Your valve is ready. Press the button at your meter: it checks for a minute that no gas escapes, and then opens."
        )
    # The head end's newest report of the plan, where the first wake-up has passed.
    planned_at = reconnection.again_at if reconnection.last_error else reconnection.awake_at
    return _(
        "Your valve opens after you press the button at your meter. The meter is next awake at %(awake)s; its button wakes it before. When its display shows PRESS, press once more."
    ) % {"awake": formats.clock_time(max(planned_at or now, now).astimezone(zone()))}


def _total(reconnection: ReconnectionChain) -> str:
    total_ms = reconnection.paid_to_reconnected_wall_ms
    if total_ms is None:
        return ""
    if settings.URJA_DEMO:
        # The times above are the town's, whose clock runs faster than the reader's.
        words = _(
            "From payment to reconnection: %(seconds)s seconds on your own clock; the town's clock runs faster."
        )
    else:
        words = _("From payment to reconnection: %(seconds)s seconds.")
    return words % {"seconds": f"{total_ms / 1000:.1f}"}


def _steps(known: list[tuple[str, datetime | None]]) -> list[StepView]:
    steps = []
    current = True
    for label, at in known:
        state = "done" if at is not None else "current" if current else "ahead"
        current = at is not None
        steps.append(StepView(label, _second(at), state))
    return steps


def _second(at: datetime | None) -> str:
    return formats.clock_second(at.astimezone(zone())) if at else ""
