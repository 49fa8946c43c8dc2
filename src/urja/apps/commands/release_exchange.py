"""Held disconnections and releases as the pipeline exchanges them with head ends.

The web records requests and answers (`requests`). The head end decides and believes nothing that is stored here.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from urja.apps.commands.kinds import OPEN_RELEASES, ReleaseState
from urja.apps.commands.models import CutRelease, CutReleaseAnswer, HeldCuts
from urja.apps.commands.queries.releases import content_of
from urja.base.passkey import Assertion
from urja.stream import releases as stream

AT_ONCE: Final = 50
"""The most releases that head ends are asked for at a time, the oldest first."""


def record_held_cuts(reports: Iterable[stream.HeldDisconnections], now: datetime) -> int:
    """Store head ends' reports and apply what they say of releases; return how many releases changed state."""
    moved = 0
    for one in reports:
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


def pending_releases() -> list[stream.ReleaseRequest]:
    """Return the releases to ask head ends for: those that need passkeys, and those that were cancelled."""
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
                state=ReleaseState.REFUSED, detail="it is not a valid release of disconnections"
            )
            continue
        found.append(
            stream.ReleaseRequest(
                release=content,
                nonce=bytes(one.nonce),
                answers=[_assertion(answer) for answer in sorted(one.answers.all(), key=lambda a: a.pk)],
                cancelled=one.cancelled_at is not None,
            )
        )
    return found


def _assertion(answer: CutReleaseAnswer) -> Assertion:
    return Assertion(
        credential_id=bytes(answer.credential_id),
        client_data=bytes(answer.client_data),
        authenticator_data=bytes(answer.authenticator_data),
        signature=bytes(answer.signature),
    )
