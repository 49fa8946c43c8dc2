"""Receipts of the message service: what it signed is recorded, everything else is turned away."""

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from urja.apps.notices.delivery import record_receipt
from urja.apps.notices.providers import receipts_of
from urja.web.portal.clock import business_now

log = structlog.get_logger()

LARGEST_BODY = 16 * 1024
"""A receipt has a few hundred bytes."""

RECEIPTS = Counter("urja_web_message_receipts", "Receipts of the message service", ["verdict"])


@csrf_exempt
@never_cache
@require_POST
def receipt(request: HttpRequest) -> HttpResponse:
    """Record a receipt: 204, also for one that is there already; 401 for what the service has not signed.

    The signature is over the bytes as they came, so they are verified before anything reads them.
    """
    provider = settings.URJA_MESSAGES_PROVIDER
    if provider == "none":
        return _refuse("no service", 404)
    body = request.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        return _refuse("too large", 413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not receipts_of(provider).is_genuine(settings.URJA_MESSAGES_WEBHOOK_SECRET, headers, body):
        return _refuse("forged", 401)
    record_receipt(provider, body, business_now())
    RECEIPTS.labels("recorded").inc()
    return HttpResponse(status=204)


def _refuse(why: str, status: int) -> HttpResponse:
    RECEIPTS.labels(why).inc()
    log.warning("receipt refused", why=why)
    return HttpResponse(status=status)
