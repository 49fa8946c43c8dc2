"""What is approved, what an authenticator signs for it, and what people answer."""

from datetime import datetime
from typing import Any, Final

from urja.apps.approvals.models import (
    Action,
    Answer,
    Waiting,
)
from urja.apps.journal.models import Request
from urja.apps.partial_insert import insert
from urja.base import passkey

APPROVAL: Final = "urja/approval/1"
"""Context of an approval's challenge."""


def content_of(request: Request) -> dict[str, Any]:
    """What an approval is given over: the request's kind, content and actor."""
    return {
        "request": request.id,
        "kind": request.kind,
        "actor": request.actor,
        "content": request.content,
    }


def challenge_of(waiting: Waiting, request: Request) -> bytes:
    """What an authenticator signs to approve a request."""
    return passkey.challenge(APPROVAL, bytes(waiting.nonce), content_of(request))


def person_of(actor: str) -> int | None:
    """The user that an actor's name begins with; none for a program's key."""
    words = actor.split()
    return int(words[1]) if words[:1] == ["user"] else None


def approve(request_id: int, user_id: int, assertion: passkey.Assertion, *, now: datetime) -> None:
    """Record an authenticator's answer, for the pipeline to verify."""
    insert(
        Answer,
        waiting=request_id,
        user=user_id,
        action=Action.APPROVE,
        credential_id=assertion.credential_id,
        client_data=assertion.client_data,
        authenticator_data=assertion.authenticator_data,
        signature=assertion.signature,
        given_at=now,
    )


def cancel(request_id: int, user_id: int, *, now: datetime) -> None:
    """Record that an operation that waits is not wanted."""
    insert(Answer, waiting=request_id, user=user_id, action=Action.CANCEL, given_at=now)
