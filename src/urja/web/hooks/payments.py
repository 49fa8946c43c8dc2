"""The payment gateway's webhooks: kept byte by byte for the pipeline, which verifies them and asks the gateway."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from urja.apps.payments import operations, providers
from urja.apps.payments.models import LARGEST_BODY
from urja.web.shared.clock import business_now


@csrf_exempt
@require_POST
def payments_hook(request: HttpRequest) -> HttpResponse:
    """Record one webhook. 200 once it is stored, 404 where there is no gateway, 413 for one that is too large.

    503 while too many wait: gateways send again, and what they tell is asked for in any case.
    """
    config = providers.config()
    if config is None:
        return HttpResponse(status=404)
    try:
        body = request.body
    except RequestDataTooBig:
        return HttpResponse(status=413)
    if len(body) > LARGEST_BODY:
        return HttpResponse(status=413)
    door = providers.door()
    kept = operations.receive(
        config.provider,
        event_id=request.headers.get(door.event_id, ""),
        body=body,
        signature=request.headers.get(door.signature, ""),
        now=business_now(),
    )
    return HttpResponse(status=200 if kept else 503)
