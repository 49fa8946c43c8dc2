"""Receipts of the message service: kept as they came, for the pipeline to verify and apply."""

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from urja.apps.notices.delivery import record_receipt
from urja.apps.notices.models import LARGEST_RECEIPT
from urja.apps.notices.providers import receipts_of
from urja.web.shared.clock import business_now

log = structlog.get_logger()

RECEIPTS = Counter("urja_web_message_receipts", "Receipts of the message service", ["verdict"])


@csrf_exempt
@never_cache
@require_POST
def receipt(request: HttpRequest) -> HttpResponse:
    """Record a receipt, whatever it says: 204, also for one that is there already or where too many wait.

    What is not kept is asked for by the stage `notify`.
    """
    provider = settings.URJA_MESSAGES_PROVIDER
    if provider == "none":
        return _refuse("no service", 404)
    body = request.read(LARGEST_RECEIPT + 1)
    if len(body) > LARGEST_RECEIPT:
        return _refuse("too large", 413)
    signature = request.headers.get(receipts_of(provider).SIGNATURE, "")
    kept = record_receipt(provider, signature, body, business_now())
    RECEIPTS.labels("recorded" if kept else "not kept").inc()
    return HttpResponse(status=204)


def _refuse(why: str, status: int) -> HttpResponse:
    RECEIPTS.labels(why).inc()
    log.warning("receipt refused", why=why)
    return HttpResponse(status=status)
