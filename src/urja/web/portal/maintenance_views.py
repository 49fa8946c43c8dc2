"""Maintenance beside electricity: what is owed, what was paid, and paying it. Every step works without JavaScript."""

from dataclasses import replace

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from urja.apps.maintenance.queries import maintenance_of
from urja.apps.payments import requests
from urja.apps.payments.errors import OpenOrdersError
from urja.apps.payments.queries import gateways
from urja.web.portal.access import account_or_404
from urja.web.portal.maintenance_page import maintenance_page
from urja.web.portal.paying import too_many_orders
from urja.web.portal.views import private
from urja.web.shared.clock import business_now


@require_http_methods(["GET", "HEAD", "POST"])
@private
@login_required
def maintenance(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show maintenance and the ways to pay an amount; posted, record an order for it, which leads to the gateway."""
    now = business_now()
    card = account_or_404(request, account_id, now)
    found = maintenance_of(account_id)
    if found is None:
        raise Http404
    config = gateways.config() if request.method == "POST" else gateways.settings_of_payments()
    if config is None:
        raise Http404
    posted = request.method == "POST"
    given = request.POST if posted else request.GET
    page = maintenance_page(card, found, config, now, given.get("rupees"), given.get("method"))
    if not posted or page.error or not page.gateway:
        return render(request, "portal/maintenance.html", {"page": page}, status=422 if posted else 200)
    try:
        order = requests.open_order(
            config,
            page.gateway,
            account_id=found.account_id,
            user_id=request.user.pk,
            amount_minor=page.amount_minor,
            currency=settings.URJA_CURRENCY,
            now=now,
        )
    except OpenOrdersError:
        refused = replace(page, error=too_many_orders())
        return render(request, "portal/maintenance.html", {"page": refused}, status=422)
    return redirect("portal:order-go", account_id, order.id)
