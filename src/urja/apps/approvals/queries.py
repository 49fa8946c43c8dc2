"""What waits for approval and who has passkeys, for pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from urja.apps.approvals import passkeys
from urja.apps.approvals.challenges import challenge_of, content_of, person_of
from urja.apps.approvals.kinds import OPEN
from urja.apps.approvals.models import Answer, Credential, Enrolment, Waiting
from urja.apps.journal.queries import Requested, requested
from urja.base import passkey


@dataclass(frozen=True, slots=True)
class Approval:
    """An operation that waits for passkeys or for a delay, or that has."""

    request: Requested
    asked_by_user_id: int | None
    need: int
    state: str
    why: list[str]
    expires_at: datetime
    due_at: datetime | None
    content: dict[str, Any]
    """What is approved."""
    content_sha256: bytes
    """Of the content that the pipeline first saw."""
    challenge: bytes
    """What an authenticator signs."""
    approved_by_actor: str | None
    """Their name; none until then."""
    approved_by_second: str | None


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of a person."""

    id: bytes
    name: str
    fingerprint: str
    enrolled_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldPasskey:
    """A passkey with whose it is."""

    number: int
    """By which it is revoked at the box."""
    email: str
    name: str
    credential_id: bytes
    public_key: bytes
    enrolled_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the pipeline has said of an authenticator's answer."""

    state: str
    faults: list[str]


def open_approvals() -> list[Approval]:
    """Operations that wait for passkeys or for a delay, the oldest first."""
    return [_approval(one) for one in _waiting().filter(state__in=OPEN).order_by("asked_at", "pk")]


def approval_of(request_id: int) -> Approval | None:
    """The approval of a request, whether it waits or has ended."""
    found = _waiting().filter(pk=request_id).first()
    return None if found is None else _approval(found)


def _waiting() -> QuerySet[Waiting]:
    return Waiting.objects.select_related("request", "actor_credential__user", "second_credential__user")


def _approval(one: Waiting) -> Approval:
    request = requested(one.request)
    return Approval(
        request=request,
        asked_by_user_id=person_of(request.actor),
        need=one.need,
        state=one.state,
        why=one.why,
        expires_at=one.expires_at,
        due_at=one.due_at,
        content=content_of(request),
        content_sha256=bytes(one.content_sha256),
        challenge=challenge_of(one, request),
        approved_by_actor=_name_of(one.actor_credential),
        approved_by_second=_name_of(one.second_credential),
    )


def _name_of(given: Credential | None) -> str | None:
    return None if given is None else given.user.first_name or given.user.email


def last_answer(request_id: int, user_id: int) -> Verdict | None:
    """What became of what a person said last of an operation that waits."""
    return _verdict(Answer.objects.filter(waiting_id=request_id, user_id=user_id))


def last_enrolment(user_id: int) -> Verdict | None:
    """What became of the passkey that a person enrolled last, or tried to."""
    return _verdict(Enrolment.objects.filter(user_id=user_id))


def _verdict(said: QuerySet[Any]) -> Verdict | None:
    last = said.order_by("-id").first()
    return None if last is None else Verdict(last.state, last.faults)


def passkeys_of(user_id: int) -> list[Passkey]:
    """A person's passkeys, also those that were revoked."""
    return [
        Passkey(
            id=bytes(one.credential_id),
            name=one.name,
            fingerprint=passkey.fingerprint(bytes(one.public_key)),
            enrolled_at=one.enrolled_at,
            revoked_at=one.revoked_at,
        )
        for one in Credential.objects.filter(user_id=user_id).order_by("id")
    ]


def all_passkeys() -> list[HeldPasskey]:
    """Everybody's passkeys, also those that were revoked."""
    return [
        HeldPasskey(
            number=one.pk,
            email=one.user.email,
            name=one.name,
            credential_id=bytes(one.credential_id),
            public_key=bytes(one.public_key),
            enrolled_at=one.enrolled_at,
            revoked_at=one.revoked_at,
        )
        for one in Credential.objects.select_related("user").order_by("id")
    ]


def active_passkeys(user_id: int) -> list[Passkey]:
    """A person's passkeys that approve."""
    return [one for one in passkeys_of(user_id) if one.revoked_at is None]


def rp_id() -> str:
    """The name that passkeys are bound to."""
    return passkeys.site().rp_id


def enrolment_challenge(code: str, user_id: int) -> bytes:
    """What a person's new passkey is made over, with the code that was given to them."""
    return passkeys.enrolment_challenge(passkeys.code_hash(code), user_id)
