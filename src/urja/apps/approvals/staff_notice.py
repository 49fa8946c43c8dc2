"""E-mail to all staff about an operation that one person alone has approved."""

import smtplib
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, mailers

from urja.apps.approvals.models import Waiting
from urja.apps.identity.queries.access import staff_addresses

log = structlog.get_logger()


def notify_staff(waiting: Waiting, delay: timedelta, now: datetime) -> int:
    """Send each member of staff an e-mail about a delayed operation; return how many were sent.

    The text states the delay in hours and names no consumer: the page shows the content to those who may see it.
    Raises OSError where the mail relay does not take the messages.
    """
    request = waiting.request
    hours = round(delay / timedelta(hours=1))
    body = (
        f"{request.kind} (request {request.id}) was asked for by {_actor(waiting)} and approved by\n"
        f"passkey, with no second person to approve it. It is done in {hours} hours unless it is cancelled before.\n\n"
        "Why it needs approval:\n"
        + "".join(f"  - {sentence}\n" for sentence in waiting.why)
        + f"\nSee what it is, or cancel it: {settings.URJA_PUBLIC_ORIGIN}/console/approvals/{request.id}/\n"
        "If it was not asked for here, cancel it and check who is signed in.\n"
    )
    subject = f"Urja: {request.kind} will be done in {hours} hours"
    # Sent at once and not in the background: the delay counts from here, so it must not begin before the relay has taken
    # the messages. Where it does not, the stage tries again.
    return sum(_send(EmailMessage(subject, body, to=[address])) for address in staff_addresses(now))


def _send(message: EmailMessage) -> int:
    """Send a mail and return 1; 0 where its recipient is refused for good, which does not keep others from theirs."""
    try:
        return mailers["relay"].send_messages([message]) or 0
    except smtplib.SMTPRecipientsRefused as error:
        code, _said = next(iter(error.recipients.values()))
        if code < 500:
            raise
        log.warning("recipient refused", error=str(error))
        return 0


def _actor(waiting: Waiting) -> str:
    """Return the address of the person whose passkey has approved it."""
    credential = waiting.actor_credential
    assert credential is not None, "an approved request has the credential of its actor"
    found = get_user_model().objects.filter(id=credential.user_id)
    return str(found.values_list("email", flat=True)[0])
