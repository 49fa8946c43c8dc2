"""Recharging: choose an amount, go to the gateway's page, come back and watch. Every step works without JavaScript."""

from dataclasses import replace

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from urja.apps.maintenance.queries import account_beside
from urja.apps.payments import queries as payments, requests
from urja.apps.payments.errors import OpenOrdersError
from urja.apps.payments.kinds import OrderState
from urja.apps.payments.queries import gateways
from urja.apps.payments.queries.gateways import Checkout, GatewayConfig, PaymentsConfig
from urja.apps.people.queries import phone_of_user
from urja.base.phone_numbers import normalised
from urja.web.portal import chain as chains, paying
from urja.web.portal.access import account_or_404
from urja.web.portal.views import private
from urja.web.shared import formats, metrics
from urja.web.shared.clock import business_now

log = structlog.get_logger()

RELOAD_S = 1
TROUBLED_RELOAD_S = 5
"""After how long the page that waits for the gateway loads again."""
LONGEST_QUERY = 1000
"""Characters of a return's address; one has a few hundred."""


def _config() -> PaymentsConfig:
    config = gateways.config()
    if config is None:
        raise Http404
    return config


def _gateway_of(order: payments.OrderRow) -> GatewayConfig:
    """The gateway that an order is paid by; it may be configured no more."""
    found = _config().gateway(order.provider)
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@private
@login_required
def pay(request: HttpRequest, account_id: int) -> HttpResponse:
    """Choose an amount and see what it will do; posting it records an order, which leads to the gateway.

    Where no gateway is configured it shows the ways to pay the society directly, and nothing can be posted.
    """
    now = business_now()
    card = account_or_404(request, account_id, now)
    config = _config() if request.method == "POST" else gateways.settings_of_payments()
    asked = request.POST.get("rupees") if request.method == "POST" else request.GET.get("rupees")
    page = paying.pay_page(card, config, now, asked, request.POST.get("method"))
    if request.method != "POST" or page.error or asked is None:
        status = 422 if request.method == "POST" else 200
        return render(request, "portal/pay.html", {"page": page}, status=status)
    try:
        order = requests.open_order(
            config,
            page.gateway,
            account_id=card.id,
            user_id=request.user.pk,
            amount_minor=page.amount_minor,
            currency=settings.URJA_CURRENCY,
            now=now,
        )
    except OpenOrdersError:
        refused = replace(page, error=paying.too_many_orders())
        return render(request, "portal/pay.html", {"page": refused}, status=422)
    return redirect("portal:order-go", order.account_id, order.id)


@require_http_methods(["GET", "HEAD", "POST"])
@private
@login_required
def go(request: HttpRequest, account_id: int, order_id: int) -> HttpResponse:
    """Lead to the gateway's page, by a link or a form as its provider says.

    Until the pipeline has placed the order there, this page waits and loads again. It is the only page whose content
    policy names the gateway.
    """
    found = _order_or_404(request, account_id, order_id)
    own = reverse("portal:order", args=[account_id, found.id])
    if found.state == OrderState.CREATED:
        now = business_now()
        context = {
            "account": account_or_404(request, account_id, now),
            "amount": _amount(found),
            "maintenance": found.account_id != account_id,
            "troubled": bool(found.last_error),
            "again_s": TROUBLED_RELOAD_S if found.last_error else RELOAD_S,
        }
        return render(request, "portal/go.html", context)
    if found.state not in (OrderState.PENDING, OrderState.FAILED):
        return redirect(own)
    return _leave(request, account_id, found, own)


def _leave(request: HttpRequest, account_id: int, found: payments.OrderRow, own: str) -> HttpResponse:
    assert found.provider_order_id is not None, "it is at the gateway"
    assert request.user.pk is not None, "the view demands a session"
    given = _gateway_of(found)
    checkout = Checkout(
        provider_order_id=found.provider_order_id,
        amount_minor=found.amount_minor,
        currency=found.currency,
        payee=settings.URJA_UTILITY,
        email=getattr(request.user, "email", ""),
        phone=normalised(phone_of_user(request.user.pk) or "") or "",
        callback_url=request.build_absolute_uri(reverse("portal:returned", args=[account_id, found.id])),
        cancel_url=request.build_absolute_uri(own),
        language=get_language() or "en",
    )
    opening = gateways.page(given).opening(given.options, checkout)
    context = {
        "account": account_or_404(request, account_id, business_now()),
        "amount": _amount(found),
        "maintenance": found.account_id != account_id,
        "opening": opening,
        "no_money": gateways.why_no_money_moves(given),
    }
    policy = {**settings.SECURE_CSP}
    for directive, origins in opening.policy.items():
        policy[directive] = [*policy.get(directive, []), *origins]
    response = render(request, "portal/leave.html", context)
    return csp_override(policy)(lambda _request: response)(request)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@private
def returned(request: HttpRequest, account_id: int, order_id: int) -> HttpResponse:
    """Lead a payer who comes from the gateway's page to the order's own page, with what the gateway says.

    A form that another site posts comes without our session cookie (SameSite=Lax); the redirect's GET has it. So this
    address knows no person, reads and stores nothing, and answers alike for every order.
    """
    said = gateways.returned((request.POST if request.method == "POST" else request.GET).dict())
    query = f"?{urlencode(said)}" if said else ""
    return HttpResponseRedirect(f"{reverse('portal:order', args=[account_id, order_id])}{query}", status=303)


@require_safe
@private
@login_required
def order(request: HttpRequest, account_id: int, order_id: int) -> HttpResponse:
    """What becomes of a recharge: the gateway's page leads back here, and is asked at once whether it was paid."""
    now = business_now()
    card = account_or_404(request, account_id, now)
    found = _order_or_404(request, account_id, order_id)
    came_back = gateways.page(_gateway_of(found)).RETURNED[0] in request.GET
    if came_back and found.state in (OrderState.PENDING, OrderState.FAILED):
        requests.record_return(found, request.META.get("QUERY_STRING", "")[:LONGEST_QUERY], now)
    context = {
        "account": card,
        "maintenance": found.account_id != account_id,
        "came_back": came_back,
        "chain": chains.of_order(found, account_id, now, came_back=came_back),
    }
    return render(request, "portal/order.html", {**context, "amount": _amount(found)})


@require_safe
@private
@login_required
def order_live(request: HttpRequest, account_id: int, order_id: int) -> HttpResponse:
    """The moving part of it."""
    found = _order_or_404(request, account_id, order_id)
    came_back = request.GET.get("came_back") == "1"
    context = {
        "maintenance": found.account_id != account_id,
        "came_back": came_back,
        "chain": chains.of_order(found, account_id, business_now(), came_back=came_back),
    }
    return render(request, "portal/chain.html", context)


def _amount(found: payments.OrderRow) -> str:
    return formats.money(found.amount_minor, found.currency)


def _order_or_404(request: HttpRequest, account_id: int, order_id: int) -> payments.OrderRow:
    """An order of an account of this person, or for the maintenance beside it; another's does not exist."""
    account_or_404(request, account_id, business_now())
    _config()
    maintenance_id = account_beside(account_id)
    found = payments.order_of(account_id, order_id)
    if found is None and maintenance_id is not None:
        found = payments.order_of(maintenance_id, order_id)
    if found is None:
        metrics.REFUSED.inc()
        log.warning("access refused", order=order_id, account=account_id, user=request.user.pk)
        raise Http404
    return found


@require_safe
@private
@login_required
def chain(request: HttpRequest, account_id: int) -> HttpResponse:
    """The way back to light of an account, polled by the first page; empty when it has come to an end."""
    now = business_now()
    account_or_404(request, account_id, now)
    found = chains.of_account(account_id, now)
    return render(request, "portal/chain.html", {"chain": found}) if found else HttpResponse()
