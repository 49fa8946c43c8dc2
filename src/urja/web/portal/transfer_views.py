"""Reporting a transfer to the society's bank account; every step works without JavaScript."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _
from django.views.decorators.http import require_http_methods

from urja.apps.bank import queries as bank, requests
from urja.apps.bank.errors import ClaimRefusedError
from urja.apps.bank.kinds import ClaimState
from urja.apps.bank.queries import ClaimRow, SocietyAccountRow
from urja.apps.maintenance.queries import account_beside
from urja.base.sentences import translated
from urja.core.calendar import local_day
from urja.core.statements import fields
from urja.web.portal.access import account_or_404
from urja.web.portal.views import private
from urja.web.shared import formats
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import business_now, zone

STATES: Final[dict[str, Promise]] = {
    ClaimState.WAITING: _(
        "Reported. It is credited when the bank's statement shows it, usually within a few days."
    ),
    ClaimState.CLERK: _("The office is checking it."),
    ClaimState.REFUSED: _("Not credited. Ask the office."),
    ClaimState.CREDITED: _("Credited."),
    ClaimState.REVERSED: _("It was credited and taken back. Ask the office."),
}


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was typed."""

    utr: str = ""
    amount: str = ""
    paid_on: str = ""
    to: str = ""
    paid_for: str = ""
    """`electricity` or `maintenance`; asked for where both are paid."""


@dataclass(frozen=True, slots=True)
class TransferView:
    utr: str
    amount: str
    day: str
    maintenance: bool
    state: str
    credited: bool
    note: str


@dataclass(frozen=True, slots=True)
class TransferPage:
    account: AccountCard
    accounts: tuple[SocietyAccountRow, ...]
    claims: list[TransferView]
    typed: Typed
    today: str
    symbol: str
    error: str
    asks_what_for: bool
    """Whether the account has maintenance beside it."""


@require_http_methods(["GET", "HEAD", "POST"])
@private
@login_required
def transfer(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show where to pay and the reported transfers; posted, record one. `amount` begins with what was chosen to pay."""
    now = business_now()
    card = account_or_404(request, account_id, now)
    accounts = bank.society_accounts()
    if not accounts:
        raise Http404
    if request.method != "POST":
        typed = Typed(amount=request.GET.get("amount", "")[:16], paid_for=request.GET.get("for", "")[:16])
        return render(request, "portal/transfer.html", {"page": _page(card, accounts, now, typed, "")})
    typed = Typed(**{name: str(request.POST.get(name, ""))[:60] for name in Typed.__dataclass_fields__})
    error = _report(request, card, accounts, now, typed)
    if not error:
        return redirect("portal:transfer", card.id)
    page = _page(card, accounts, now, typed, error)
    return render(request, "portal/transfer.html", {"page": page}, status=422)


def _report(
    request: HttpRequest,
    card: AccountCard,
    accounts: tuple[SocietyAccountRow, ...],
    now: datetime,
    typed: Typed,
) -> str:
    """Record a transfer; return why it is not recorded, or an empty text."""
    chosen = next((one for one in accounts if str(one.id) == typed.to), accounts[0])
    try:
        amount_minor = fields.amount_minor(typed.amount, formats.currency_decimals(chosen.currency))
    except ValueError:
        return gettext("Enter the amount as digits, for example 500.")
    maintenance_id = account_beside(card.id)
    paid_for = typed.paid_for if maintenance_id is not None else "electricity"
    account_id = {"electricity": card.id, "maintenance": maintenance_id}.get(paid_for)
    if account_id is None:
        return gettext("Choose what the transfer is for.")
    try:
        paid_on = date.fromisoformat(typed.paid_on)
    except ValueError:
        return gettext("Enter the day of the transfer.")
    try:
        requests.claim(
            account_id=account_id,
            bank_account_id=chosen.id,
            utr=typed.utr,
            amount_minor=amount_minor,
            paid_on=paid_on,
            actor=f"user {request.user.pk}",
            now=now,
            today=_today(now),
        )
    except ClaimRefusedError as refused:
        said = translated(refused.sentence, gettext)
        return said[:1].upper() + said[1:] + "."
    return ""


def _today(now: datetime) -> date:
    return local_day(now, zone())


def _page(
    card: AccountCard, accounts: tuple[SocietyAccountRow, ...], now: datetime, typed: Typed, error: str
) -> TransferPage:
    currencies: Mapping[int, str] = {one.id: one.currency for one in accounts}
    maintenance_id = account_beside(card.id)
    claims = bank.claims_of(card.id)
    if maintenance_id is not None:
        claims += bank.claims_of(maintenance_id)
        claims.sort(key=lambda one: one.claimed_at, reverse=True)
    return TransferPage(
        account=card,
        accounts=accounts,
        claims=[
            _view(one, currencies.get(one.bank_account_id), maintenance=one.account_id == maintenance_id)
            for one in claims
        ],
        typed=typed,
        today=_today(now).isoformat(),
        symbol=formats.currency_symbol(accounts[0].currency),
        error=error,
        asks_what_for=maintenance_id is not None,
    )


def _view(one: ClaimRow, currency: str | None, *, maintenance: bool) -> TransferView:
    return TransferView(
        utr=one.utr,
        amount=formats.money(one.amount_minor, currency),
        day=formats.day(one.paid_on),
        maintenance=maintenance,
        state=str(STATES[one.state]),
        credited=one.state == ClaimState.CREDITED,
        note=one.note if one.state in {ClaimState.REFUSED, ClaimState.REVERSED} else "",
    )
