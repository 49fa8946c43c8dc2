"""What every template may use."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language


def house(request: HttpRequest) -> dict[str, object]:
    """The language of the page, the ones it can be had in, and whether this is a demonstration."""
    return {
        "language": get_language() or settings.LANGUAGE_CODE,
        "languages": settings.LANGUAGES,
        "here": request.path if request.method in {"GET", "HEAD"} else "/",
        "demo": settings.URJA_DEMO,
    }
