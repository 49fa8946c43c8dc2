"""A consumer's receipts: of the counter, of transfers on the bank's statement, and of payments at the gateway."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
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
from urja.web.shared.amount_words import amount_in_words
from urja.web.shared.clock import business_now, zone

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


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """A receipt to print."""

    account: AccountCard
    language: str
    other_language: str
    utility: str
    printed: str
    day: str
    consumer: str
    place: str
    number: str
    amount: str
    words: str
    paid_by: str
    paid_for: str
    note: str
    cashier: str = ""
    """A copy has no signature."""


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
        page = _page(
            card,
            row.printed,
            row.received_at,
            (row.amount_minor, row.currency),
            receipt_words.paid_by(row),
            receipt_words.note(row),
            for_maintenance=row.for_maintenance,
            number=row.consumer_number,
        )
    return render(request, "portal/receipt.html", {"page": page})


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
        page = _page(
            card,
            _reference(order),
            _paid_at(order),
            (order.amount_minor, order.currency),
            gettext("online payment"),
            _order_note(order) or gettext("The amount is credited to your account."),
            for_maintenance=order.account_id != card.id,
            number=card.number,
        )
    return render(request, "portal/receipt.html", {"page": page})


def _own_accounts(card: AccountCard) -> Sequence[int]:
    maintenance_id = account_beside(card.id)
    return [card.id] if maintenance_id is None else [card.id, maintenance_id]


def _credited(account_id: int) -> list[payments.OrderRow]:
    return [one for one in payments.recharges(account_id, MOST) if one.credited_at is not None]


def _line(card: AccountCard, row: ReceiptRow) -> Line:
    return Line(
        row.received_at,
        _day(row.received_at),
        row.printed,
        formats.money(row.amount_minor, row.currency),
        receipt_words.instrument(row),
        "" if row.credited else receipt_words.note(row),
        reverse("portal:receipt", args=[card.id, row.id]),
    )


def _order_line(card: AccountCard, order: payments.OrderRow) -> Line:
    return Line(
        _paid_at(order),
        _day(_paid_at(order)),
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


def _day(at: datetime) -> str:
    return formats.day(at.astimezone(zone()).date())


def _languages() -> list[str]:
    return [code for code, _name in settings.LANGUAGES]


def _language(request: HttpRequest) -> str:
    """Return the language of the sheet: the one that is asked for, else the page's."""
    asked = request.GET.get("language", "")
    return asked if asked in _languages() else str(get_language() or "en")


def _page(
    card: AccountCard,
    printed: str,
    at: datetime,
    amount: tuple[int, str],
    paid_by: str,
    note: str,
    *,
    for_maintenance: bool,
    number: str,
) -> ReceiptPage:
    language = str(get_language())
    amount_minor, currency = amount
    consumers = [one.customer_id for one in service_points.agreements_of_account(card.id) if one.customer_id]
    people = {one.id: one.name for one in service_points.people_of([card.id], consumers)}
    return ReceiptPage(
        account=card,
        language=language,
        other_language=next((one for one in _languages() if one != language), ""),
        utility=settings.URJA_UTILITY,
        printed=printed,
        day=_day(at),
        consumer=next((people[one] for one in consumers if one in people), ""),
        place=card.title if card.title != number else "",
        number=number,
        amount=formats.money(amount_minor, currency),
        words=amount_in_words(amount_minor, currency, language),
        paid_by=paid_by,
        paid_for=gettext("Maintenance") if for_maintenance else formats.commodity_name(card.commodity),
        note=note,
    )
