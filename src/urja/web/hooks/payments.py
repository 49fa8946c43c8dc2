"""Webhooks of payment gateways: stored byte by byte for the pipeline, which verifies them and asks the gateway."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from urja.apps.payments import requests
from urja.apps.payments.queries import gateways
from urja.apps.payments.requests import LARGEST_BODY
from urja.web.shared.clock import business_now


@csrf_exempt
@require_POST
def payments_hook(request: HttpRequest, gateway: str) -> HttpResponse:
    """Record one webhook. 200 once it is stored, 404 where no gateway has this name, 413 for one that is too large.

    503 while too many wait: gateways send again, and what they tell is asked for in any case.
    """
    if gateway not in gateways.names():
        return HttpResponse(status=404)
    try:
        body = request.body
    except RequestDataTooBig:
        return HttpResponse(status=413)
    if len(body) > LARGEST_BODY:
        return HttpResponse(status=413)
    kept = requests.record_webhook(
        gateway,
        headers={
            name: request.headers[name] for name in gateways.headers(gateway) if name in request.headers
        },
        body=body,
        now=business_now(),
    )
    return HttpResponse(status=200 if kept else 503)
