"""What every template may use."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from urja.apps.notices.queries import has_sms


def house(request: HttpRequest) -> dict[str, object]:
    """The language of the page, the ones it can be had in, whether this is a demonstration, and whether people may sign
    in by mobile number.
    """
    return {
        "language": get_language() or settings.LANGUAGE_CODE,
        "languages": settings.LANGUAGES,
        "here": request.path if request.method in {"GET", "HEAD"} else "/",
        "demo": settings.URJA_DEMO,
        "by_mobile": has_sms(),
    }
