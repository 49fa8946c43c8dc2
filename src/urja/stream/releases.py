"""What head ends hold above their ceilings, and what people ask them to release.

Both lie in buckets of their own as the newest state: the head ends write the first, the pipeline the second. Neither
is believed: a release counts by the passkeys in it, which the head end verifies.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from urja.base.cut_release import CutRelease
from urja.base.passkey import Assertion


class ReleaseRequest(Struct, frozen=True, kw_only=True):
    """A release, with the answers of authenticators so far."""

    release: CutRelease
    nonce: bytes
    """Of the head ends, as they told it."""
    answers: list[Assertion] = []
    cancelled: bool = False
    """Call back what is left of it; this needs no passkey."""


class ReleaseRequests(Struct, frozen=True):
    """Everything that is asked at this time."""

    asked: list[ReleaseRequest] = []


ReleaseState = Literal["delayed", "released", "refused", "cancelled"]


class ReleaseOutcome(Struct, frozen=True, kw_only=True):
    """What the head ends made of a release."""

    id: str
    state: ReleaseState
    at: datetime
    detail: str = ""
    """Why it was refused; who approved it."""
    effective_at: datetime | None = None


class OpenRelease(Struct, frozen=True, kw_only=True):
    """A release that counts now, or will after its delay."""

    id: str
    cuts_left: int
    areas: list[str]
    until: datetime
    effective_at: datetime


class HeldDisconnections(Struct, frozen=True, kw_only=True):
    """What one head end holds, and how the common count stands."""

    headend: Annotated[str, Meta(min_length=1, max_length=32)]
    at: datetime
    nonce: bytes
    cuts: int
    areas: dict[str, int]
    kinds: dict[str, int]
    oldest_at: datetime | None
    """Since when the oldest of them is held."""
    last_end_at: datetime | None
    """When the last of them expires."""
    cuts_in_hour: int
    cuts_per_hour: int
    cuts_in_day: int
    cuts_per_day: int
    full_until: datetime | None
    """Until then no cut passes, because the count was overwritten."""
    approvers: list[str]
    """Persons whose passkeys are installed at the box."""
    delay_s: int
    """Of a release where one person is all the staff."""
    releases: list[OpenRelease]
    outcomes: list[ReleaseOutcome]
