"""Receipts of notices: stored byte by byte, for the pipeline to verify and apply."""

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from urja.apps.notices.requests import LARGEST_RECEIPT, receipt_headers, record_receipt
from urja.web.shared.clock import business_now

log = structlog.get_logger()

RECEIPTS = Counter("urja_web_message_receipts", "Receipts of notices", ["verdict"])


@csrf_exempt
@never_cache
@require_POST
def notices_hook(request: HttpRequest, channel: str) -> HttpResponse:
    """Record a receipt, whatever it says: 204, also for one that is there already or where too many wait.

    404 where no channel that reports has this name, 413 for one that is too large. What is not kept is asked for by the stage `notify`.
    """
    names = receipt_headers(channel)
    if names is None:
        return _refuse("no such channel", 404)
    body = request.read(LARGEST_RECEIPT + 1)
    if len(body) > LARGEST_RECEIPT:
        return _refuse("too large", 413)
    headers = {name: request.headers[name] for name in names if name in request.headers}
    kept = record_receipt(channel, headers, body, business_now())
    RECEIPTS.labels("recorded" if kept else "not kept").inc()
    return HttpResponse(status=204)


def _refuse(why: str, status: int) -> HttpResponse:
    RECEIPTS.labels(why).inc()
    log.warning("receipt refused", why=why)
    return HttpResponse(status=status)
