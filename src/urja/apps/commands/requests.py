"""What the web records of releases of held cuts: that they are asked for, answers of authenticators, and calls back.

The head end decides: nothing here is believed there.
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
    """Ask for a release, which counts once the head end has verified the passkeys; its id."""
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


def cancel_release(release_id: str, user_id: int, now: datetime) -> bool:
    """Call a release back, or what is left of it; False where it is over."""
    open_ = CutRelease.objects.filter(id=release_id, state__in=OPEN_RELEASES, cancelled_at=None)
    return bool(open_.update(cancelled_by_id=user_id, cancelled_at=now))
