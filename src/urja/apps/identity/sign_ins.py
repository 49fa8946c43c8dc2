"""Deletion of old sign-in events."""

from datetime import datetime

from urja.apps.identity.models import SignIn


def forget(before: datetime) -> int:
    """Delete the sign-in events before an instant of the wall clock (UTC); return how many."""
    return SignIn.objects.filter(at__lt=before).delete()[0]
