"""Pages of operations that wait for approval, and of the signed-in person's passkeys.

A page shows what is asked for and carries an authenticator's answer; it verifies nothing (`urja.apps.approvals`).
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.approvals import queries
from urja.apps.approvals.kinds import OPEN_STATES, AnswerState, WaitingState
from urja.apps.approvals.queries import Approval
from urja.apps.identity.queries.access import Caller
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.queries import Requested
from urja.apps.overviews.queries.authorization import refusal_for_actor
from urja.base import passkey
from urja.core.approvals import PasskeyNeed
from urja.usecases.kinds import BY_KIND
from urja.usecases.kinds.decoding import decode
from urja.web.console import wording
from urja.web.console.actor_names import names_of
from urja.web.console.fields import Input, form_values, inputs
from urja.web.shared import formats
from urja.web.shared.clock import zone

NAME_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class WaitingOperation:
    """One row of the list of operations that wait for approval."""

    title: str
    who: str
    detail: str
    href: str


@dataclass(frozen=True, slots=True)
class PasskeyChallenge:
    """A WebAuthn challenge as attributes of a form; bytes are base64url."""

    challenge: str
    rp_id: str
    credentials: str = ""
    """Credential ids, separated by commas."""
    user_id: str = ""
    user_name: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    request: Requested
    own: bool
    """Whether the signed-in person requested the operation."""
    title: str
    fields: list[tuple[str, str]]
    who: str
    state: str
    """`waiting`, `delayed`, `done`, `refused`, `cancelled`, `expired`."""
    why: list[str]
    needs: str
    approved: list[str]
    until: str
    faults: list[str]
    """Why the operation was refused, once it has ended."""
    answer_faults: list[str]
    """Why the signed-in person's last answer was not accepted."""
    unjudged: bool
    question: PasskeyChallenge | None
    """None if no answer is expected from the signed-in person."""
    without_passkey: bool
    may_cancel: bool
    fingerprint: str
    """Fingerprint of the signed content, equal to that of `urja approvals waiting`."""
    plain: str


@dataclass(frozen=True, slots=True)
class Passkey:
    name: str
    fingerprint: str
    since: str
    revoked: str


@dataclass(frozen=True, slots=True)
class PasskeysPage:
    passkeys: list[Passkey]
    question: PasskeyChallenge | None
    unjudged: bool
    faults: list[str]
    elsewhere: str
    """The host at which passkeys work, if it is not this one; else empty."""


def waiting_operations(caller: Caller, now: datetime) -> list[WaitingOperation]:
    """Return the waiting operations that the caller requested or may approve."""
    seen = [one for one in queries.open_approvals() if may_see(one, caller, now)]
    names = names_of(one.request.actor for one in seen)
    return [
        WaitingOperation(
            title=wording.operation(one.request.kind),
            who=names.get(one.request.actor, one.request.actor),
            detail=_until(one, now),
            href=reverse("console:approval", args=[one.request.id]),
        )
        for one in seen
    ]


def may_see(one: Approval, caller: Caller, now: datetime) -> bool:
    """Whether the caller requested the operation, or may request it and so approve it."""
    return _is_own(one, caller) or _may(one.request, caller, now)


def _is_own(one: Approval, caller: Caller) -> bool:
    return caller.user_id is not None and one.asked_by_user_id == caller.user_id


def _may(request: Requested, caller: Caller, now: datetime) -> bool:
    try:
        operation = decode(request.kind, request.content, BY_KIND)
    except RefusedError:
        return False
    return refusal_for_actor(f"user {caller.user_id}", operation, now) is None


def approval_page(one: Approval, caller: Caller, now: datetime) -> ApprovalPage:
    """Return the page of one operation, with the challenge for the signed-in person."""
    assert caller.user_id is not None
    request, is_open = one.request, one.state in OPEN_STATES
    operation = BY_KIND[request.kind]
    last = queries.last_answer(request.id, caller.user_id)
    asked = is_open and one.expires_at > now and _is_asked(one, caller, now)
    own = queries.active_passkeys(caller.user_id) if asked else []
    return ApprovalPage(
        request=request,
        own=_is_own(one, caller),
        title=wording.operation(request.kind),
        fields=[
            (field.label, _shown(field))
            for field in inputs(operation, form_values(operation, request.content), {})
            if field.text
        ],
        who=names_of([request.actor]).get(request.actor, request.actor),
        state=one.state,
        why=[wording.sentence(sentence) for sentence in one.why],
        needs=_needs(one),
        approved=[name for name in (one.approved_by_actor, one.approved_by_second) if name is not None],
        until=_until(one, now) if is_open else "",
        faults=[wording.sentence(fault) for fault in request.faults],
        answer_faults=[wording.sentence(fault) for fault in last.faults] if last is not None else [],
        unjudged=last is not None and last.state == AnswerState.WAITING,
        question=_question(one, own) if own else None,
        without_passkey=asked and not own,
        may_cancel=is_open,
        fingerprint=_fingerprint(one.content_sha256),
        plain=json.dumps(one.content, ensure_ascii=False, indent=2, sort_keys=True),
    )


def _is_asked(one: Approval, caller: Caller, now: datetime) -> bool:
    """Whether the signed-in person can approve the operation now."""
    if _is_own(one, caller):
        return one.approved_by_actor is None
    return (
        one.need == PasskeyNeed.SECOND and one.approved_by_second is None and _may(one.request, caller, now)
    )


def _shown(field: Input) -> str:
    chosen = [option.label for option in field.options if option.chosen]
    return chosen[0] if chosen else field.text


def _needs(one: Approval) -> str:
    if one.need == PasskeyNeed.SECOND:
        return _("Needs two passkeys: the requester's and that of a second authorised person.")
    return _("Needs the requester's passkey.")


def _until(one: Approval, now: datetime) -> str:
    if one.state == WaitingState.DELAYED:
        if one.due_at is None:
            return _("It will be carried out after a delay, once all staff have been notified by e-mail.")
        return _("It will be carried out %(moment)s unless it is cancelled.") % {
            "moment": _moment(one.due_at, now)
        }
    return _("Waiting for approval until %(moment)s.") % {"moment": _moment(one.expires_at, now)}


def _moment(at: datetime, now: datetime) -> str:
    return formats.moment(at.astimezone(zone()), now.date())


def _question(one: Approval, own: list[queries.Passkey]) -> PasskeyChallenge:
    return PasskeyChallenge(
        challenge=base64url(one.challenge),
        rp_id=queries.rp_id(),
        credentials=",".join(base64url(one.id) for one in own),
    )


def _fingerprint(digest: bytes) -> str:
    return " ".join(digest.hex()[at : at + 4] for at in range(0, 16, 4))


# -- a person's own passkeys -----------------------------------------------------------------------------------


def passkeys_page(user: User, host: str, now: datetime, code: str = "") -> PasskeysPage:
    """Return the signed-in person's passkeys; with an enrolment code, also the challenge for a new one."""
    last = queries.last_enrolment(user.pk)
    return PasskeysPage(
        passkeys=[
            Passkey(
                name=one.name,
                fingerprint=one.fingerprint,
                since=_moment(one.enrolled_at, now),
                revoked=_moment(one.revoked_at, now) if one.revoked_at else "",
            )
            for one in queries.passkeys_of(user.pk)
        ],
        question=_enrolment(user, code) if code else None,
        unjudged=last is not None and last.state == AnswerState.WAITING,
        faults=[wording.sentence(fault) for fault in last.faults] if last is not None and not code else [],
        elsewhere=_elsewhere(host),
    )


def _enrolment(user: User, code: str) -> PasskeyChallenge:
    handle = hashlib.sha256(f"urja user {user.pk}".encode()).digest()
    return PasskeyChallenge(
        challenge=base64url(queries.enrolment_challenge(code, user.pk)),
        rp_id=queries.rp_id(),
        credentials=",".join(base64url(one.id) for one in queries.active_passkeys(user.pk)),
        user_id=base64url(handle),
        user_name=user.email,
    )


def _elsewhere(host: str) -> str:
    origin: str = settings.URJA_PUBLIC_ORIGIN
    return "" if origin.partition("://")[2] == host.lower() else origin


# -- what comes from a browser ---------------------------------------------------------------------------------


def assertion_of(posted: Mapping[str, str]) -> passkey.Assertion | None:
    """Return the authenticator's answer from form fields, or None if a field is not base64url."""
    parts = _parts(posted, ("credential_id", "client_data", "authenticator_data", "signature"))
    return None if parts is None else passkey.Assertion(**parts)


def registration_of(posted: Mapping[str, str]) -> passkey.Registration | None:
    """Return a new passkey from form fields, or None if a field is not base64url."""
    parts = _parts(posted, ("client_data", "attestation"))
    return None if parts is None else passkey.Registration(**parts)


_MOST_LETTERS: Final = 20_000


def _parts(posted: Mapping[str, str], names: tuple[str, ...]) -> dict[str, bytes] | None:
    found = {}
    for name in names:
        text = posted.get(name, "")
        if not text or len(text) > _MOST_LETTERS or not text.isascii():
            return None
        try:
            found[name] = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return None
    return found


def base64url(value: bytes) -> str:
    """Return bytes as base64url without padding, as form attributes carry them."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()
