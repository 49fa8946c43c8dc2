"""Everybody who works here is told of an operation that one person alone will have done after a delay."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, mailers

from urja.apps.approvals.models import Waiting
from urja.apps.identity.queries.access import staff_addresses


def tell_staff(waiting: Waiting, delay: timedelta, now: datetime) -> int:
    """Send each of the staff a message; how many were sent. Raises OSError where the mail relay takes none.

    It names no consumer: what is asked for is shown to those who may see it.
    """
    request = waiting.request
    hours = round(delay / timedelta(hours=1))
    body = (
        f"{request.kind} (request {request.id}) was asked for by {_actor(waiting)} and approved by\n"
        f"passkey, with no second person to approve it. It is done in {hours} hours unless it is cancelled before.\n\n"
        "Why it needs approval:\n"
        + "".join(f"  - {sentence}\n" for sentence in waiting.why)
        + f"\nSee what it is, or cancel it: {settings.URJA_PUBLIC_ORIGIN}/console/approvals/{request.id}/\n"
        "If nobody here asked for it, cancel it and look at who is signed in.\n"
    )
    subject = f"Urja: {request.kind} will be done in {hours} hours"
    messages = [EmailMessage(subject, body, to=[address]) for address in staff_addresses(now)]
    # Waited for: what cannot be sent is tried again, and no delay begins before it was.
    return mailers["relay"].send_messages(messages) or 0


def _actor(waiting: Waiting) -> str:
    """The address of the person whose passkey has approved it."""
    found = get_user_model().objects.filter(id=waiting.actor_credential.user_id)
    return str(found.values_list("email", flat=True)[0])
