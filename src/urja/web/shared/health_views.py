"""Endpoints for the operator of the process: liveness, readiness and metrics."""

from ipaddress import ip_address

from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from urja.web.shared import metrics


def is_local(request: HttpRequest) -> bool:
    """Did the request come from this machine, and not through a proxy on it?"""
    peer = request.META.get("REMOTE_ADDR", "")
    if not peer or "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    return ip_address(peer).is_loopback


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> HttpResponse:
    """The process can serve pages: its database answers. 503 says that it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database away"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
def prometheus(request: HttpRequest) -> HttpResponse:
    """Counters, to this machine only."""
    if not is_local(request):
        raise Http404
    return HttpResponse(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")
