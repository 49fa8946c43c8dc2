"""Cuts above the head ends' ceilings: what is told of them, and releases that people ask for.

The web asks and answers, the pipeline carries both ways, and the head end decides: nothing here is believed there.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from urja.apps.commands.kinds import OPEN_RELEASES, ReleaseState
from urja.apps.commands.models import CutRelease, CutReleaseAnswer, HeldCuts
from urja.apps.partial_insert import insert
from urja.base import cut_release
from urja.base.passkey import Assertion
from urja.stream import releases as stream

type Told = stream.HeldCuts
"""What a head end has told."""

AT_ONCE: Final = 50
"""Releases that are before the head ends at the same time: the oldest."""


# -- of the pipeline ---------------------------------------------------------------------------------------------


def note_held(told: Iterable[stream.HeldCuts], now: datetime) -> int:
    """Keep what head ends have told; how many releases moved."""
    moved = 0
    for one in told:
        HeldCuts.objects.update_or_create(
            headend=one.headend, defaults={"told": msgspec.to_builtins(one), "told_at": one.at}
        )
        for outcome in one.outcomes:
            moved += (
                CutRelease.objects.filter(id=outcome.id, state__in=OPEN_RELEASES)
                .exclude(state=outcome.state)
                .update(state=outcome.state, detail=outcome.detail, effective_at=outcome.effective_at)
            )
    expired = CutRelease.objects.filter(state=ReleaseState.ASKED, until_at__lte=now)
    return moved + expired.update(state=ReleaseState.EXPIRED)


def to_ask() -> list[stream.AskedRelease]:
    """What the head ends are to be asked: what waits for passkeys, and what is called back."""
    open_ = CutRelease.objects.filter(state__in=OPEN_RELEASES).order_by("asked_at", "id")
    asked = [
        one
        for one in open_.prefetch_related("answers")
        if one.state == ReleaseState.ASKED or one.cancelled_at
    ]
    found = []
    for one in asked[:AT_ONCE]:
        content = content_of(one)
        if content is None:
            CutRelease.objects.filter(id=one.id).update(
                state=ReleaseState.REFUSED, detail="it is not a release of cuts"
            )
            continue
        found.append(
            stream.AskedRelease(
                release=content,
                nonce=bytes(one.nonce),
                answers=[_assertion(answer) for answer in sorted(one.answers.all(), key=lambda a: a.pk)],
                cancelled=one.cancelled_at is not None,
            )
        )
    return found


def content_of(one: CutRelease) -> cut_release.CutRelease | None:
    """The release as it is signed; none where a row is nothing of the kind."""
    try:
        return msgspec.convert(
            {"id": one.id, "cuts": one.cuts, "areas": one.areas, "until": one.until}, cut_release.CutRelease
        )
    except msgspec.ValidationError:
        return None


def _assertion(answer: CutReleaseAnswer) -> Assertion:
    return Assertion(
        credential_id=bytes(answer.credential_id),
        client_data=bytes(answer.client_data),
        authenticator_data=bytes(answer.authenticator_data),
        signature=bytes(answer.signature),
    )


# -- of the web --------------------------------------------------------------------------------------------------


def held() -> list[Told]:
    """What each head end has told last."""
    return [msgspec.convert(one.told, stream.HeldCuts) for one in HeldCuts.objects.order_by("headend")]


def latest(limit: int = 20) -> list[CutRelease]:
    """The last releases that were asked for, newest first."""
    found = CutRelease.objects.select_related("asked_by", "cancelled_by").prefetch_related("answers__user")
    return list(found.order_by("-asked_at", "-id")[:limit])


def release(release_id: str) -> CutRelease | None:
    """One release."""
    return CutRelease.objects.filter(id=release_id).first()


def ask(
    *, cuts: int, areas: Sequence[str], lasts: timedelta, nonce: bytes, user_id: int, now: datetime
) -> CutRelease:
    """Ask for a release; it counts once the head end has verified the passkeys."""
    until_at = (now + lasts).replace(microsecond=0)
    release_id = secrets.token_hex(16)
    insert(
        CutRelease,
        id=release_id,
        cuts=cuts,
        areas=sorted(areas),
        until=f"{until_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        until_at=until_at,
        nonce=nonce,
        asked_by=user_id,
        asked_at=now,
    )
    return CutRelease.objects.get(id=release_id)


def answer(release_id: str, user_id: int, given: Assertion, now: datetime) -> bool:
    """Record the answer of somebody's authenticator; False where they have answered already."""
    made = insert(
        CutReleaseAnswer,
        ignore_conflicts=True,
        release=release_id,
        user=user_id,
        credential_id=given.credential_id,
        client_data=given.client_data,
        authenticator_data=given.authenticator_data,
        signature=given.signature,
        given_at=now,
    )
    return bool(made)


def cancel(release_id: str, user_id: int, now: datetime) -> bool:
    """Call a release back, or what is left of it; False where it is over."""
    open_ = CutRelease.objects.filter(id=release_id, state__in=OPEN_RELEASES, cancelled_at=None)
    return bool(open_.update(cancelled_by_id=user_id, cancelled_at=now))
