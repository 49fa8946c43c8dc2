"""The content that an approval covers, and the challenge that an authenticator signs for it."""

from typing import Final

from urja.apps.approvals.models import Waiting
from urja.apps.journal.queries import Requested
from urja.base import passkey

APPROVAL: Final = "urja/approval/1"
"""Context of an approval's challenge: a signature for a head end's release or an enrolment is not valid here."""


def content_of(request: Requested) -> dict[str, object]:
    """Return the content that an approval covers: number, kind, actor and fields of a request, as a JSON object."""
    return {
        "request": request.id,
        "kind": request.kind,
        "actor": request.actor,
        "content": request.content,
    }


def challenge_of(waiting: Waiting, request: Requested) -> bytes:
    """Return the 32-byte challenge that an authenticator signs to approve a request.

    SHA-256 over the context, the nonce of this approval and the hash of the content (docs/approvals.md), so that a
    signature is valid for one request, once, and for the content that the pipeline saw.
    """
    return passkey.challenge(APPROVAL, bytes(waiting.nonce), content_of(request))


def person_of(actor: str) -> int | None:
    """Return the user number in an actor's name (`user 17 token 4`), or None for a program's token (`token 4`)."""
    words = actor.split()
    return int(words[1]) if words[:1] == ["user"] else None
