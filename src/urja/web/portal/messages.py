"""The page of the messages that an account was sent."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from urja.apps.maintenance.queries import account_beside
from urja.apps.notices import queries as notices
from urja.web.portal.access import account_or_404
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import business_now
from urja.web.shared.notice_words import MessageView, views

MESSAGES = 40


@dataclass(frozen=True, slots=True)
class MessagesPage:
    account: AccountCard
    messages: list[MessageView]
    before: int | None
    """Where older messages go on, if there are any."""


def page(card: AccountCard, before_id: int | None, now: datetime) -> MessagesPage:
    """The messages below a notice's id, newest first."""
    maintenance_id = account_beside(card.id)
    accounts = [card.id, *([] if maintenance_id is None else [maintenance_id])]
    found = notices.notices_of(accounts, MESSAGES + 1, before_id)
    return MessagesPage(
        account=card,
        messages=views(found[:MESSAGES], now, card.commodity),
        before=found[MESSAGES - 1].id if len(found) > MESSAGES else None,
    )


@require_safe
@cache_control(private=True, no_store=True)
@login_required
def messages(request: HttpRequest, account_id: int) -> HttpResponse:
    """The page of an account's messages."""
    now = business_now()
    card = account_or_404(request, account_id, now)
    before = request.GET.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) <= 18):
        raise Http404
    context = {"page": page(card, int(before) if before else None, now)}
    return render(request, "portal/messages.html", context)
