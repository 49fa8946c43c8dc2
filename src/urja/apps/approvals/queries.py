"""Operations that need approval, and people's passkeys, for pages."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from urja.apps.approvals import passkeys
from urja.apps.approvals.challenges import challenge_of, content_of, person_of
from urja.apps.approvals.kinds import OPEN_STATES
from urja.apps.approvals.models import Answer, Credential, Enrolment, Waiting
from urja.apps.journal.queries import Requested, requested
from urja.base import passkey


@dataclass(frozen=True, slots=True)
class Approval:
    """An operation that needs or needed approval, as pages show it."""

    request: Requested
    asked_by_user_id: int | None
    need: int
    state: str
    why: list[str]
    expires_at: datetime
    due_at: datetime | None
    content: dict[str, object]
    """The content that the passkeys sign (`challenges.content_of`)."""
    content_sha256: bytes
    """Hash of the content that the pipeline first saw; pages show its fingerprint."""
    challenge: bytes
    """What an authenticator signs, 32 bytes."""
    approved_by_actor: str | None
    """Name of the actor once they have approved; none before."""
    approved_by_second: str | None


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of a person. `fingerprint` is of its public key."""

    id: bytes
    name: str
    fingerprint: str
    enrolled_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class PasskeyWithOwner:
    """A passkey with its owner, for commands on the machine itself."""

    number: int
    """The number that `urja passkey revoke` takes."""
    email: str
    name: str
    credential_id: bytes
    public_key: bytes
    enrolled_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The pipeline's verdict on a person's last answer or registration; `faults` are sentences."""

    state: str
    faults: list[str]


def open_approvals() -> list[Approval]:
    """Return the operations that are not decided yet, the oldest first."""
    return [_approval(one) for one in _waiting().filter(state__in=OPEN_STATES).order_by("asked_at", "pk")]


def approval_of(request_id: int) -> Approval | None:
    """Return the approval of a request, pending or ended; None where it needed none."""
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
    """Return the verdict on a user's last answer to a request; None where they have not answered."""
    return _verdict(Answer.objects.filter(waiting_id=request_id, user_id=user_id))


def last_enrolment(user_id: int) -> Verdict | None:
    """Return the verdict on the passkey that a user last tried to enrol; None where there was none."""
    return _verdict(Enrolment.objects.filter(user_id=user_id))


def _verdict(said: QuerySet[Answer] | QuerySet[Enrolment]) -> Verdict | None:
    last = said.order_by("-id").first()
    return None if last is None else Verdict(last.state, last.faults)


def passkeys_of(user_id: int) -> list[Passkey]:
    """Return a user's passkeys, the revoked ones as well, the oldest first."""
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


def all_passkeys() -> list[PasskeyWithOwner]:
    """Return the passkeys of all users, the revoked ones as well, the oldest first."""
    return [
        PasskeyWithOwner(
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
    """Return a user's passkeys that are not revoked."""
    return [one for one in passkeys_of(user_id) if one.revoked_at is None]


def rp_id() -> str:
    """Return the WebAuthn relying party id: the host that passkeys are bound to."""
    return passkeys.site().rp_id


def enrolment_challenge(code: str, user_id: int) -> bytes:
    """Return the challenge (32 bytes) for a person's new passkey, given the invitation code as they typed it."""
    return passkeys.enrolment_challenge(passkeys.code_hash(code), user_id)
