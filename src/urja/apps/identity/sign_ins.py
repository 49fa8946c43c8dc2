"""What happened at the door: written by the box itself, and forgotten after a time."""

from datetime import datetime

from urja.apps.identity.kinds import SignInKind
from urja.apps.identity.models import SignIn


def note_factor_removed(user_id: int, at: datetime) -> None:
    """A command on the machine itself has removed somebody's second factors."""
    SignIn.objects.create(
        at=at,
        kind=SignInKind.FACTOR_REMOVED,
        user_id=user_id,
        address_digest=bytes(32),  # the web's key, under which addresses are kept, is not here
        network="the machine itself",
    )


def forget(before: datetime) -> int:
    """Delete what happened before; how many."""
    return SignIn.objects.filter(at__lt=before).delete()[0]
