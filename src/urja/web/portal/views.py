"""What each address answers. Pages are made in `home_page` and its like, access is decided in `access`."""

from datetime import datetime

import msgspec
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from urja.apps.billing.queries import charge_reviews, refused_charges
from urja.apps.maintenance.queries import maintenance_of
from urja.apps.notices.queries import latest_messages
from urja.apps.proofs import queries as proofs
from urja.web.portal import home_page, postings
from urja.web.portal.access import account_or_404
from urja.web.portal.maintenance_page import maintenance_card
from urja.web.shared import review_words
from urja.web.shared.account_card import AccountCard, accounts_of
from urja.web.shared.clock import business_now
from urja.web.shared.colleague import employed
from urja.web.shared.entry_page import entry_page
from urja.web.shared.health_views import is_local
from urja.web.shared.sign_in_views import awaited_code

private = cache_control(private=True, no_store=True)
"""What a person's account says is not to be kept by anything between us and the eye, nor shown after sign-out."""


@require_safe
@private
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The person's one account, or the choice among several; who has none is at work here, or gets a word."""
    now = business_now()
    cards = accounts_of(request.user.pk, now)
    if len(cards) == 1:
        return _home_page(request, cards[0], now, several=False)
    if cards:
        choices = home_page.choices(cards, now)
        return render(request, "portal/choose.html", {"choices": choices})
    if employed(request.user):
        return redirect("console:console")
    return render(request, "portal/no_account.html")


@require_safe
@private
@login_required
def account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the home page of one account, with the way to the others where there are any."""
    now = business_now()
    cards = accounts_of(request.user.pk, now)
    card = next((one for one in cards if one.id == account_id), None)
    return _home_page(request, card or account_or_404(request, account_id, now), now, several=len(cards) > 1)


def _home_page(request: HttpRequest, card: AccountCard, now: datetime, *, several: bool) -> HttpResponse:
    found = maintenance_of(card.id) if card.has_maintenance else None
    context = {
        "page": home_page.home_page(card, now),
        "tag": home_page.version(card, now),
        "several": several,
        "maintenance": maintenance_card(found) if found else None,
    }
    return render(request, "portal/home.html", context)


@require_safe
@private
@login_required
def live(request: HttpRequest, account_id: int) -> HttpResponse:
    """The part of the page that moves. Asked with the ETag it was drawn under, it is sent again only if changed."""
    now = business_now()
    card = account_or_404(request, account_id, now)
    tag = home_page.version(card, now)
    unchanged = get_conditional_response(request, etag=quote_etag(tag))
    if unchanged is not None:
        return unchanged
    response = render(request, "portal/live.html", {"page": home_page.home_page(card, now), "tag": tag})
    response["ETag"] = quote_etag(tag)
    return response


@require_safe
@private
@login_required
def passbook(request: HttpRequest, account_id: int) -> HttpResponse:
    """All entries of an account, a page at a time, newest first."""
    now = business_now()
    card = account_or_404(request, account_id, now)
    before = _sequence(request.GET.get("before"))
    review = charge_reviews.newest_review(account_id)
    context = {
        "review": review_words.review_sentence(review, now) if review is not None else "",
        "refused": [
            review_words.refused_sentence(one) for one in refused_charges.refused_charges(account_id)
        ],
        "postings": postings.passbook(card, before),
        "before": before,
        "provable": bool(proofs.sealed_entries(account_id, before, limit=1)),
    }
    return render(request, "portal/passbook.html", context)


def _sequence(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Http404
    return int(text)


@require_safe
@private
@login_required
def entry(request: HttpRequest, account_id: int, seq: int) -> HttpResponse:
    """Show one posting and the arithmetic behind it."""
    card = account_or_404(request, account_id, business_now())
    page = entry_page(card, seq)
    if page is None:
        raise Http404
    provable = proofs.sealed_entries(account_id, before=seq + 1, limit=1) == [seq]
    return render(request, "shared/entry.html", {"page": page, "provable": provable})


@require_safe
@private
@login_required
def entry_proof(request: HttpRequest, account_id: int, seq: int) -> HttpResponse:
    """A file that proves one posting, once its day is sealed."""
    account_or_404(request, account_id, business_now())
    return _proof(account_id, [seq], f"urja-receipt-{account_id}-{seq}.json")


@require_safe
@private
@login_required
def statement_proof(request: HttpRequest, account_id: int) -> HttpResponse:
    """A file that proves the newest postings that are in a sealed day, or those before one."""
    account_or_404(request, account_id, business_now())
    seqs = proofs.sealed_entries(account_id, _sequence(request.GET.get("before")))
    return _proof(account_id, seqs, f"urja-statement-{account_id}.json")


def _proof(account_id: int, seqs: list[int], name: str) -> HttpResponse:
    receipt = proofs.receipt(account_id, seqs) if seqs else None
    if receipt is None:
        raise Http404
    return receipt_file(receipt, name)


def receipt_file(receipt: proofs.Receipt, name: str) -> HttpResponse:
    """Return a receipt as a file to download."""
    return HttpResponse(
        msgspec.json.encode(receipt),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
@private
@login_required
def own_entry(request: HttpRequest, seq: int) -> HttpResponse:
    """A posting named without its account: enough for who has one account only."""
    cards = accounts_of(request.user.pk, business_now())
    if len(cards) != 1:
        raise Http404
    return redirect("portal:entry", account_id=cards[0].id, seq=seq)


@require_safe
@private
def outbox(request: HttpRequest) -> HttpResponse:
    """Show a demonstration's mail to a browser on the same machine, its own code first; 404 for any other."""
    if not (settings.URJA_DEMO and is_local(request)):
        raise Http404
    asked, code = awaited_code(request)
    # A simulated resident may sign in to the same address: its code is another one.
    own = [one for one in latest_messages(recipient=asked) if code in one.body] if asked else []
    others = [message for message in latest_messages() if message not in own]
    return render(request, "portal/outbox.html", {"asked": asked, "own": own, "others": others})


@require_safe
@cache_control(public=True, max_age=86_400)
def manifest(_request: HttpRequest) -> HttpResponse:
    """What a phone needs to keep the page as an app."""
    content: dict[str, object] = {
        "name": _("Urja: my supply"),
        "short_name": "Urja",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f6f5f1",
        "theme_color": "#0d4a3f",
        "icons": [
            {"src": static("shared/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
            {
                "src": static("shared/icon-maskable.svg"),
                "sizes": "any",
                "type": "image/svg+xml",
                "purpose": "maskable",
            },
        ],
    }
    return JsonResponse(content, content_type="application/manifest+json")
