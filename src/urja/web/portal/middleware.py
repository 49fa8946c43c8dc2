"""What every response passes: a measurement, and a header that gives up device rights."""

from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponse

from urja.web.portal import metrics

type Handler = Callable[[HttpRequest], HttpResponse]

_DEVICE_RIGHTS = ", ".join(
    f"{right}=()" for right in ("camera", "geolocation", "microphone", "payment", "usb")
)


def measured(get_response: Handler) -> Handler:
    """Count and time each request under the name of its view, never under its path: paths carry accounts."""

    def handle(request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = get_response(request)
        match = request.resolver_match
        metrics.observe(
            view=match.view_name if match and match.view_name else "none",
            status=response.status_code,
            seconds=perf_counter() - started,
        )
        return response

    return handle


def without_device_rights(get_response: Handler) -> Handler:
    """Tell the browser that no page here ever asks for a camera, a place or a microphone."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", _DEVICE_RIGHTS)
        return response

    return handle
