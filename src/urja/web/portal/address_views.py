"""The pages that a mail about a changed sign-in address leads to.

The web cannot check the word in a link. It records the word once the button is pressed (programs that scan mail only open
pages), and the pipeline judges it.
"""

from datetime import UTC, datetime
from typing import Final

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from urja.apps.identity.requests import record_address_answer

_CONFIRM: Final = "portal/address_confirm.html"
_REFUSE: Final = "portal/address_refuse.html"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, word: str) -> HttpResponse:
    """Confirm a change of sign-in address, by the link in a mail."""
    return _answered(request, word, _CONFIRM)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def refuse(request: HttpRequest, word: str) -> HttpResponse:
    """Refuse it, with the word that came to the old address."""
    return _answered(request, word, _REFUSE)


def _answered(request: HttpRequest, word: str, template: str) -> HttpResponse:
    answered = limited = False
    if request.method == "POST":
        limited = not ratelimit.consume(request, action="address_answer")
        if not limited:
            record_address_answer(word, datetime.now(UTC))
            answered = True
    context = {"answered": answered, "limited": limited}
    return render(request, template, context, status=429 if limited else 200)
