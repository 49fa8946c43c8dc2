"""The payment gateway's webhooks: kept byte by byte with the verdict on their signature."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from urja.apps.payments import operations, providers
from urja.web.portal.clock import business_now

LARGEST = 256 * 1024
"""Bytes of a body; a webhook has a few thousand."""


@csrf_exempt
@require_POST
def payments_hook(request: HttpRequest) -> HttpResponse:
    """Record one webhook. 200 once it is stored; 401 for a wrong signature, 404 where there is no gateway."""
    if providers.config() is None:
        return HttpResponse(status=404)
    try:
        body = request.body
    except RequestDataTooBig:
        return HttpResponse(status=413)
    if len(body) > LARGEST:
        return HttpResponse(status=413)
    genuine = operations.receive(
        providers.gateway(),
        event_id=request.headers.get("x-razorpay-event-id", ""),
        body=body,
        signature=request.headers.get("x-razorpay-signature", ""),
        now=business_now(),
    )
    return HttpResponse(status=200 if genuine else 401)
