"""Recharging: choose an amount, go to the gateway's page, come back and watch. Every step works without JavaScript."""

from collections.abc import Callable
from functools import wraps

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_safe

from urja.apps.payments import queries as payments, requests
from urja.apps.payments.kinds import OrderState
from urja.apps.payments.queries import gateways
from urja.apps.payments.queries.gateways import GatewayConfig, PaymentsConfig
from urja.web.portal import chain as chains, paying
from urja.web.portal.access import account_or_404
from urja.web.portal.views import private
from urja.web.shared import formats, metrics
from urja.web.shared.clock import business_now

log = structlog.get_logger()

type View = Callable[..., HttpResponse]

RELOAD_S = 1
TROUBLED_RELOAD_S = 5
"""After how long the page that waits for the gateway loads again."""
LONGEST_QUERY = 1000
"""Characters of a return's address; one has a few hundred."""


def leads_to_the_gateway(view: View) -> View:
    """A form of this page may lead to the gateway's: browsers hold the whole chain of redirects against `form-action`."""

    @wraps(view)
    def handle(request: HttpRequest, *arguments: object, **named: object) -> HttpResponse:
        origins = [gateways.page(given).origin(given.options) for given in _config().gateways]
        policy = {**settings.SECURE_CSP}
        policy["form-action"] = [*policy["form-action"], *origins]
        return csp_override(policy)(view)(request, *arguments, **named)

    return handle


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
@leads_to_the_gateway
def pay(request: HttpRequest, account_id: int) -> HttpResponse:
    """Choose an amount and see what it will do; posting it records an order, which leads to the gateway."""
    now = business_now()
    card = account_or_404(request, account_id, now)
    config = _config()
    asked = request.POST.get("rupees") if request.method == "POST" else request.GET.get("rupees")
    page = paying.pay_page(card, config, now, asked, request.POST.get("method"))
    if request.method != "POST" or page.error or asked is None:
        status = 422 if request.method == "POST" else 200
        return render(request, "portal/pay.html", {"page": page}, status=status)
    order = requests.open_order(
        config,
        page.gateway,
        account_id=card.id,
        user_id=request.user.pk,
        amount_minor=page.amount_minor,
        currency=paying.CURRENCY,
        now=now,
    )
    return redirect("portal:order-go", order.account_id, order.id)


@require_http_methods(["GET", "HEAD", "POST"])
@private
@login_required
@leads_to_the_gateway
def go(request: HttpRequest, account_id: int, order_id: int) -> HttpResponse:
    """Lead to the gateway's page. Until the pipeline has placed the order there, this page waits and loads again."""
    found = _order_or_404(request, account_id, order_id)
    own = reverse("portal:order", args=[found.account_id, found.id])
    if found.state == OrderState.CREATED:
        now = business_now()
        context = {
            "account": account_or_404(request, account_id, now),
            "amount": _amount(found),
            "troubled": bool(found.last_error),
            "again_s": TROUBLED_RELOAD_S if found.last_error else RELOAD_S,
        }
        return render(request, "portal/go.html", context)
    if found.state not in (OrderState.PENDING, OrderState.FAILED):
        return redirect(own)
    assert found.provider_order_id is not None, "it is at the gateway"
    callback, language = request.build_absolute_uri(own), get_language() or "en"
    given = _gateway_of(found)
    page = gateways.page(given)
    return redirect(page.address(given.options, found.provider_order_id, callback, language))


@require_safe
@private
@login_required
@leads_to_the_gateway
def order(request: HttpRequest, account_id: int, order_id: int) -> HttpResponse:
    """What becomes of a recharge: the gateway's page leads back here, and is asked at once whether it was paid."""
    now = business_now()
    card = account_or_404(request, account_id, now)
    found = _order_or_404(request, account_id, order_id)
    came_back = gateways.page(_gateway_of(found)).RETURNED in request.GET
    if came_back and found.state in (OrderState.PENDING, OrderState.FAILED):
        requests.record_return(found, request.META.get("QUERY_STRING", "")[:LONGEST_QUERY], now)
    context = {
        "account": card,
        "order": found,
        "came_back": came_back,
        "chain": _chain(found, came_back=came_back),
    }
    return render(request, "portal/order.html", {**context, "amount": _amount(found)})


@require_safe
@private
@login_required
def order_live(request: HttpRequest, account_id: int, order_id: int) -> HttpResponse:
    """The moving part of it."""
    found = _order_or_404(request, account_id, order_id)
    came_back = request.GET.get("came_back") == "1"
    context = {"order": found, "came_back": came_back, "chain": _chain(found, came_back=came_back)}
    return render(request, "portal/chain.html", context)


def _chain(found: payments.OrderRow, *, came_back: bool) -> chains.ChainView:
    return chains.of_order(found, business_now(), came_back=came_back)


def _amount(found: payments.OrderRow) -> str:
    return formats.money(found.amount_minor, found.currency)


def _order_or_404(request: HttpRequest, account_id: int, order_id: int) -> payments.OrderRow:
    """An order of an account of this person; another's does not exist."""
    account_or_404(request, account_id, business_now())
    _config()
    found = payments.order_of(account_id, order_id)
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
