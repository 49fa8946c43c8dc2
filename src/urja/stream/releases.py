"""Disconnections that head ends hold above their ceilings, and requests of people to release them.

Each is a bucket with the newest state: head ends write the first, the pipeline the second. Neither is
trusted: a release counts by the passkeys in it, which the head end verifies (ADR 17).
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from urja.base.cut_release import CutRelease
from urja.base.passkey import Assertion


class ReleaseRequest(Struct, frozen=True, kw_only=True):
    """A requested release, with the answers of authenticators so far."""

    release: CutRelease
    nonce: bytes
    """Nonce of the head ends, as they reported it."""
    answers: list[Assertion] = []
    cancelled: bool = False
    """Revoke the rest of the release; this needs no passkey, as it is the safe direction."""


class ReleaseRequests(Struct, frozen=True):
    """All releases that are requested at this time."""

    asked: list[ReleaseRequest] = []


ReleaseState = Literal["delayed", "released", "refused", "cancelled"]
"""What head ends did with a release."""


class ReleaseOutcome(Struct, frozen=True, kw_only=True):
    """The outcome of a release at the head ends."""

    id: str
    state: ReleaseState
    at: datetime
    detail: str = ""
    """Why it was refused, or who approved it."""
    effective_at: datetime | None = None


class OpenRelease(Struct, frozen=True, kw_only=True):
    """A release that counts now, or after its delay."""

    id: str
    cuts_left: int
    areas: list[str]
    until: datetime
    effective_at: datetime


class HeldDisconnections(Struct, frozen=True, kw_only=True):
    """The disconnections that one head end holds, and the count that all head ends share."""

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
    """Until then no disconnection passes, because the count was overwritten."""
    approvers: list[str]
    """Persons whose passkeys are installed on the head end's machine."""
    delay_s: int
    """Delay of a release in seconds, where one person is the only approver."""
    releases: list[OpenRelease]
    outcomes: list[ReleaseOutcome]
