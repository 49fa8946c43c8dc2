"""What happened at the door is forgotten after a time."""

from datetime import datetime

from urja.apps.identity.models import SignIn


def forget(before: datetime) -> int:
    """Delete what happened before; how many."""
    return SignIn.objects.filter(at__lt=before).delete()[0]
