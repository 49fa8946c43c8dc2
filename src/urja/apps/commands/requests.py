"""Requests for releases of held disconnections, answers of authenticators and cancellations, as the web records them.

The head end decides and believes nothing that is stored here.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from urja.apps.commands.kinds import OPEN_RELEASES
from urja.apps.commands.models import CutRelease, CutReleaseAnswer
from urja.apps.partial_insert import insert
from urja.base.passkey import Assertion


def ask_release(
    *, cuts: int, areas: Sequence[str], lasts: timedelta, nonce: bytes, user_id: int, now: datetime
) -> str:
    """Record a request for a release and return its id; it counts once the head end has verified the passkeys.

    It ends `lasts` after `now` (business time), to the second, because that is the form in which the end is signed.
    """
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
    return release_id


def answer_release(release_id: str, user_id: int, given: Assertion, now: datetime) -> bool:
    """Record the answer of a user's authenticator; return False where this user has answered already."""
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


def cancel_release(release_id: str, user_id: int, now: datetime) -> bool:
    """Cancel a release, or the rest of it; return False where it has ended or is cancelled already."""
    open_ = CutRelease.objects.filter(id=release_id, state__in=OPEN_RELEASES, cancelled_at=None)
    return bool(open_.update(cancelled_by_id=user_id, cancelled_at=now))
