"""Whose account may a person see? An outsider learns nothing, not even that the account exists."""

from datetime import datetime

import structlog
from django.http import Http404, HttpRequest

from urja.web.shared import metrics
from urja.web.shared.account_card import AccountCard, account_of

log = structlog.get_logger()


def account_or_404(request: HttpRequest, account_id: int, now: datetime) -> AccountCard:
    """The account, if the signed-in person has a role on it; otherwise the refusal is logged and a 404 raised."""
    card = account_of(request.user.pk, account_id, now)
    if card is None:
        metrics.REFUSED.inc()
        log.warning("access refused", account=account_id, user=request.user.pk, path=request.path)
        raise Http404
    return card
