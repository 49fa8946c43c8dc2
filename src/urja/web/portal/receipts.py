"""A consumer's receipts: of the counter, of transfers on the bank's statement, and of payments at the gateway."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe

from urja.apps.counter import queries as counter
from urja.apps.counter.queries import ReceiptRow
from urja.apps.maintenance.queries import account_beside
from urja.apps.overviews.queries import service_points
from urja.apps.payments import queries as payments
from urja.apps.payments.kinds import OrderState
from urja.web.portal.access import account_or_404
from urja.web.portal.views import private
from urja.web.shared import formats, receipt_words
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import business_now
from urja.web.shared.receipt_sheet import languages, receipt_sheet

MOST: Final = 100
"""Receipts of one kind in the list."""


@dataclass(frozen=True, slots=True)
class Line:
    """A receipt in the list."""

    at: datetime
    day: str
    printed: str
    amount: str
    paid_by: str
    note: str
    """Empty where it is credited."""
    href: str


@dataclass(frozen=True, slots=True)
class ReceiptsPage:
    account: AccountCard
    lines: list[Line]


@require_safe
@private
@login_required
def receipts(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the receipts of an account, the newest first."""
    card = account_or_404(request, account_id, business_now())
    own = _own_accounts(card)
    lines = [_line(card, row) for row in counter.receipts_of(own, MOST)]
    lines += [_order_line(card, order) for account in own for order in _credited(account)]
    lines.sort(key=lambda line: line.at, reverse=True)
    return render(request, "portal/receipts.html", {"page": ReceiptsPage(card, lines)})


@require_safe
@private
@login_required
def receipt(request: HttpRequest, account_id: int, receipt_id: int) -> HttpResponse:
    """Show a receipt of the counter or the bank account, to print; 404 where it is another account's."""
    card = account_or_404(request, account_id, business_now())
    row = counter.receipt(receipt_id)
    if row is None or row.account_id not in _own_accounts(card):
        raise Http404
    with translation.override(_language(request)):
        page = receipt_sheet(
            printed=row.printed,
            at=row.received_at,
            amount_minor=row.amount_minor,
            currency=row.currency,
            consumer=_consumer(card),
            place=card.premise,
            number=row.consumer_number,
            paid_by=receipt_words.paid_by(row),
            commodity=card.commodity,
            for_maintenance=row.for_maintenance,
            note=receipt_words.note(row),
        )
    return render(request, "portal/receipt.html", {"page": page, "account": card})


@require_safe
@private
@login_required
def order_receipt(request: HttpRequest, account_id: int, order_id: int) -> HttpResponse:
    """Show a receipt of a payment at the gateway, to print; 404 where it is another account's or was not credited."""
    card = account_or_404(request, account_id, business_now())
    found = [payments.order_of(account, order_id) for account in _own_accounts(card)]
    order = next((one for one in found if one is not None and one.credited_at is not None), None)
    if order is None:
        raise Http404
    with translation.override(_language(request)):
        page = receipt_sheet(
            printed=_reference(order),
            at=_paid_at(order),
            amount_minor=order.amount_minor,
            currency=order.currency,
            consumer=_consumer(card),
            place=card.premise,
            number=card.number,
            paid_by=gettext("online payment"),
            commodity=card.commodity,
            for_maintenance=order.account_id != card.id,
            note=_order_note(order) or gettext("The amount is credited to your account."),
        )
    return render(request, "portal/receipt.html", {"page": page, "account": card})


def _own_accounts(card: AccountCard) -> Sequence[int]:
    maintenance_id = account_beside(card.id)
    return [card.id] if maintenance_id is None else [card.id, maintenance_id]


def _credited(account_id: int) -> list[payments.OrderRow]:
    return [one for one in payments.recharges(account_id, MOST) if one.credited_at is not None]


def _line(card: AccountCard, row: ReceiptRow) -> Line:
    return Line(
        row.received_at,
        formats.day_of(row.received_at),
        row.printed,
        formats.money(row.amount_minor, row.currency),
        receipt_words.instrument(row),
        "" if row.credited else receipt_words.note(row),
        reverse("portal:receipt", args=[card.id, row.id]),
    )


def _order_line(card: AccountCard, order: payments.OrderRow) -> Line:
    return Line(
        _paid_at(order),
        formats.day_of(_paid_at(order)),
        _reference(order),
        formats.money(order.amount_minor, order.currency),
        gettext("online payment"),
        _order_note(order),
        reverse("portal:order-receipt", args=[card.id, order.id]),
    )


def _reference(order: payments.OrderRow) -> str:
    """Return the gateway's number of the payment, by which it and the payer's bank know it."""
    payment = payments.decisive_payment(order)
    return payment.payment_id if payment is not None else str(order.id)


def _paid_at(order: payments.OrderRow) -> datetime:
    return order.paid_at or order.created_at


def _order_note(order: payments.OrderRow) -> str:
    payment = payments.decisive_payment(order)
    if payment is not None and payment.refunded_minor:
        back = formats.money(payment.refunded_minor, order.currency)
        return gettext("Of it %(amount)s was paid back.") % {"amount": back}
    return gettext("The payment was taken back.") if order.state == OrderState.REVERSED else ""


def _language(request: HttpRequest) -> str:
    """Return the language of the sheet: the one that is asked for, else the page's."""
    asked = request.GET.get("language", "")
    return asked if asked in languages() else str(get_language() or "en")


def _consumer(card: AccountCard) -> str:
    """Return the name of the account's consumer; empty where it has none."""
    consumers = [one.customer_id for one in service_points.agreements_of_account(card.id) if one.customer_id]
    people = {one.id: one.name for one in service_points.people_of([card.id], consumers)}
    return next((people[one] for one in consumers if one in people), "")
