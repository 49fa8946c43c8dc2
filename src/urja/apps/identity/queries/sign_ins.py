"""Queries on sign-in events: for limits on attempts, and for auditors."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from urja.apps.identity.kinds import SignInKind
from urja.apps.identity.models import SignIn, SignInCode

type SignInRow = SignIn


@dataclass(frozen=True, slots=True)
class Event:
    """A sign-in event, with what limits are counted by."""

    at: datetime
    kind: str
    network: str
    device: bytes | None


def events(address_digest: bytes, since: datetime, signed_in_since: datetime) -> list[Event]:
    """Return the events of an address since an instant, and its successful sign-ins since an earlier one.

    `address_digest` is the keyed digest (32 bytes). Times are of the wall clock, in UTC.
    """
    rows = SignIn.objects.filter(
        Q(at__gt=since) | Q(kind=SignInKind.SIGNED_IN, at__gt=signed_in_since),
        address_digest=address_digest,
    ).order_by("id")
    return [
        Event(at, kind, network, None if device is None else bytes(device))
        for at, kind, network, device in rows.values_list("at", "kind", "network", "device_digest")
    ]


def wrong_codes(address_digest: bytes, device_digest: bytes, since: datetime) -> int:
    """Return how many wrong codes came for an address from a browser since an instant of the wall clock (UTC)."""
    return SignIn.objects.filter(
        address_digest=address_digest,
        device_digest=device_digest,
        kind=SignInKind.WRONG_CODE,
        at__gte=since,
    ).count()


def code_requests_from(network: str, since: datetime) -> list[datetime]:
    """Return when codes were requested from a network since an instant of the wall clock (UTC), the oldest first."""
    asked = SignIn.objects.filter(network=network, at__gt=since, kind=SignInKind.ASKED)
    return list(asked.order_by("at").values_list("at", flat=True))


def code_requests_within(block: str, since: datetime) -> list[datetime]:
    """Return when codes were requested from addresses of a block such as 192.0.2.0/24 since an instant of the wall clock
    (UTC), the oldest first.
    """
    asked = SignIn.objects.filter(at__gt=since, kind=SignInKind.ASKED).extra(
        where=["ip <<= %s::inet"], params=[block]
    )
    return list(asked.order_by("at").values_list("at", flat=True))


def relay_fails() -> bool:
    """Return whether codes wait because the relay takes no mail at all; it is the same for every address."""
    return SignInCode.objects.filter(ended_at=None, relay_failed_at__isnull=False).exists()


def latest(network: str, before: int | None, limit: int) -> list[SignIn]:
    """Return the newest events, newest first, from one network or (empty) from all; `before` is a row's number."""
    rows = SignIn.objects.order_by("-id")
    if network:
        rows = rows.filter(network=network)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows[:limit])
