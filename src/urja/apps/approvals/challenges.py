"""What is approved, and what an authenticator signs for it."""

from typing import Any, Final

from urja.apps.approvals.models import Waiting
from urja.apps.journal.queries import Requested
from urja.base import passkey

APPROVAL: Final = "urja/approval/1"
"""Context of an approval's challenge."""


def content_of(request: Requested) -> dict[str, Any]:
    """What an approval is given over: the request's kind, content and actor."""
    return {
        "request": request.id,
        "kind": request.kind,
        "actor": request.actor,
        "content": request.content,
    }


def challenge_of(waiting: Waiting, request: Requested) -> bytes:
    """What an authenticator signs to approve a request."""
    return passkey.challenge(APPROVAL, bytes(waiting.nonce), content_of(request))


def person_of(actor: str) -> int | None:
    """The user that an actor's name begins with; none for a program's key."""
    words = actor.split()
    return int(words[1]) if words[:1] == ["user"] else None
