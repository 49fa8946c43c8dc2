"""Whose account may a person see? An outsider learns nothing, not even that the account exists."""

from datetime import datetime

import structlog
from django.http import Http404, HttpRequest

from urja.web.portal import metrics, pages

log = structlog.get_logger()


def account_or_404(request: HttpRequest, account_id: int, now: datetime) -> pages.AccountCard:
    """The account, if the signed-in person has a role on it; otherwise the refusal is logged and a 404 raised."""
    card = pages.account_of(request.user.pk, account_id, now)
    if card is None:
        metrics.REFUSED.inc()
        log.warning("access refused", account=account_id, user=request.user.pk, path=request.path)
        raise Http404
    return card
