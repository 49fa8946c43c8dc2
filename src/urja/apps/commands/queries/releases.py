"""Disconnections that head ends hold above their ceilings, and the releases that were requested."""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.contrib.auth.models import AbstractUser

from urja.apps.commands.models import CutRelease, HeldCuts
from urja.base import cut_release
from urja.stream import releases as stream

type HeldCutsReport = stream.HeldDisconnections
"""The report of a head end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An authenticator's answer to a release, with the user."""

    user_id: int
    name: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Release:
    """A requested release, with the answers to it."""

    id: str
    content: cut_release.CutRelease | None
    """The content that is signed; None where the stored row is not a valid release."""
    cuts: int
    areas: tuple[str, ...]
    until_at: datetime
    nonce: bytes
    state: str
    detail: str
    effective_at: datetime | None
    asked_by: str
    """Name of the user."""
    asked_at: datetime
    cancelled_by: str
    """Empty where it is not cancelled."""
    cancelled_at: datetime | None
    answers: tuple[Answer, ...]


def held_cuts_reports() -> list[HeldCutsReport]:
    """Return the last report of each head end."""
    return [
        msgspec.convert(one.told, stream.HeldDisconnections) for one in HeldCuts.objects.order_by("headend")
    ]


def latest(limit: int = 20) -> list[Release]:
    """Return the last requested releases, newest first."""
    found = CutRelease.objects.select_related("asked_by", "cancelled_by").prefetch_related("answers__user")
    return [_release(one) for one in found.order_by("-asked_at", "-id")[:limit]]


def state_of(release_id: str) -> str | None:
    """Return the state of a release, or None where there is none."""
    return CutRelease.objects.filter(id=release_id).values_list("state", flat=True).first()


def content_of(one: CutRelease) -> cut_release.CutRelease | None:
    """Return the content of a release that is signed; None where the stored row is not a valid release."""
    try:
        return msgspec.convert(
            {"id": one.id, "cuts": one.cuts, "areas": one.areas, "until": one.until}, cut_release.CutRelease
        )
    except msgspec.ValidationError:
        return None


def _release(one: CutRelease) -> Release:
    return Release(
        id=one.id,
        content=content_of(one),
        cuts=one.cuts,
        areas=tuple(str(area) for area in one.areas),
        until_at=one.until_at,
        nonce=bytes(one.nonce),
        state=one.state,
        detail=one.detail,
        effective_at=one.effective_at,
        asked_by=_name(one.asked_by),
        asked_at=one.asked_at,
        cancelled_by=_name(one.cancelled_by) if one.cancelled_by else "",
        cancelled_at=one.cancelled_at,
        answers=tuple(
            Answer(answer.user_id, _name(answer.user), answer.given_at)
            for answer in sorted(one.answers.all(), key=lambda answer: answer.pk)
        ),
    )


def _name(user: AbstractUser) -> str:
    return user.first_name or user.email
