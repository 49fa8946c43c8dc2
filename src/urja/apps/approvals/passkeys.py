"""Enrolment of passkeys by one-time codes, and their revocation.

    urja passkey invite ─▶ code, on paper or by voice ─▶ page ─▶ authenticator ─▶ enrolment ─▶ pipeline ─▶ credential

The registration is made over a challenge that contains the code's hash. Only the pipeline can read the stored hashes;
it tries each open invitation of the person. The web neither needs the code nor can tell whether it is right.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from urja.apps.approvals.kinds import AnswerState
from urja.apps.approvals.models import Credential, Enrolment, Invitation
from urja.base import passkey
from urja.base.sentences import say

ENROLMENT: Final = "urja/passkey-enrolment/1"
"""Context of a registration's challenge."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_CODE_LETTERS: Final = 24
"""Letters of 5 bits each: 120 bits, too many to guess even for a program that has the stored hashes."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys are used: the relying party's id that they are bound to, and the origins that may ask for them."""

    rp_id: str
    origins: tuple[str, ...]


def site() -> Site:
    """Return the site of this installation, from the setting `[web] public_url`."""
    origin: str = settings.URJA_PUBLIC_ORIGIN
    return Site(passkey.host_of(origin), (origin,))


class PasskeyRefusedError(ValueError):
    """An invitation or a revocation that is not possible; the message says why."""


def invite(user: User, *, now: datetime, lasts: timedelta, actor: str) -> str:
    """Create an invitation and return its code, six groups of four letters; the code is not stored.

    The code can be used once, within `lasts` after `now` (business time, UTC).
    """
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LETTERS))
    Invitation.objects.create(
        user=user, code_sha256=code_hash(code), invited_at=now, expires_at=now + lasts, actor=actor
    )
    return "-".join(code[at : at + 4] for at in range(0, _CODE_LETTERS, 4))


def code_hash(code: str) -> bytes:
    """Return the SHA-256 (32 bytes) of a code as a person typed it.

    Case, spaces and hyphens do not matter, nor do letters that are easily misread.
    """
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(plain.translate(_MISREAD).encode()).digest()


_MISREAD: Final = str.maketrans({"o": "0", "i": "1", "l": "1"})
"""The alphabet has no `o`, `i` and `l`: people read them for `0` and `1`."""


def enrolment_challenge(code_sha256: bytes, user_id: int) -> bytes:
    """Return the challenge (32 bytes) over which a person's registration is made, given the hash of their code."""
    return passkey.challenge(ENROLMENT, code_sha256, {"user": user_id})


def revoke(credential_id: int, *, now: datetime) -> Credential:
    """Revoke a passkey at `now` (business time, UTC) and return it.

    Raises PasskeyRefusedError where no passkey has this number or it is revoked already.
    """
    found = Credential.objects.filter(id=credential_id).first()
    if found is None:
        raise PasskeyRefusedError(f"there is no passkey {credential_id}; urja passkey list shows them")
    if found.revoked_at is not None:
        raise PasskeyRefusedError(f"passkey {credential_id} was revoked on {found.revoked_at:%Y-%m-%d}")
    found.revoked_at = now
    found.save(update_fields=["revoked_at"])
    return found


def active(user_id: int | None = None) -> QuerySet[Credential]:
    """Return passkeys that are not revoked, of one person or of all."""
    found = Credential.objects.filter(revoked_at=None).order_by("id")
    return found if user_id is None else found.filter(user_id=user_id)


def judge_next_enrolment(now: datetime) -> Enrolment | None:
    """Verify the oldest pending registration and create its passkey; return None where none is pending.

    `now` is business time in UTC; invitations expire by it.
    """
    with transaction.atomic():
        waiting = Enrolment.objects.filter(state=AnswerState.WAITING).order_by("id")
        asked = waiting.select_for_update(no_key=True).first()
        if asked is None:
            return None
        fault = _enrolled(asked, now)
        asked.state = AnswerState.REFUSED if fault else AnswerState.ACCEPTED
        asked.faults, asked.judged_at = [fault] if fault else [], now
        asked.save(update_fields=["state", "faults", "judged_at"])
    return asked


def _enrolled(asked: Enrolment, now: datetime) -> str | None:
    """Create the passkey of a registration; return the fault as a sentence where it is refused."""
    at, fault = site(), None
    invited = Invitation.objects.filter(
        Q(expires_at__gt=now), user_id=asked.user_id, used_at=None
    ).select_for_update(no_key=True)
    for invitation in invited.order_by("id"):
        try:
            made = passkey.verify_registration(
                passkey.Registration(
                    client_data=bytes(asked.client_data), attestation=bytes(asked.attestation)
                ),
                challenge=enrolment_challenge(bytes(invitation.code_sha256), asked.user_id),
                rp_id=at.rp_id,
                origins=at.origins,
            )
        except passkey.PasskeyError as error:
            # A wrong challenge means that this invitation's code was not used: the next one may match. Any
            # other fault is the registration's own, and is what the person is told.
            if error.fault is not passkey.Fault.CHALLENGE:
                fault = fault_text(error.fault)
            continue
        if Credential.objects.filter(credential_id=made.id).exists():
            return say("this passkey is enrolled already")
        Credential.objects.create(
            user_id=asked.user_id,
            credential_id=made.id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            name=asked.name,
            enrolled_at=now,
            invitation=invitation,
        )
        invitation.used_at = now
        invitation.save(update_fields=["used_at"])
        return None
    return fault or say(
        "the code is wrong, used or expired: request another one from an administrator (urja passkey invite)"
    )


def fault_text(fault: passkey.Fault) -> str:
    """Return the sentence that tells a person what is wrong with an authenticator's answer."""
    return _FAULTS[fault]


_FAULTS: Final = {
    passkey.Fault.MALFORMED: say("the passkey's answer cannot be read"),
    passkey.Fault.TYPE: say("the passkey's answer is of another kind"),
    passkey.Fault.CHALLENGE: say("the passkey's answer is for other content, or for another question"),
    passkey.Fault.ORIGIN: say("the passkey's answer was given on another site"),
    passkey.Fault.RELYING_PARTY: say("the passkey belongs to another site"),
    passkey.Fault.USER: say("the authenticator did not verify you: by PIN, fingerprint or face"),
    passkey.Fault.CREDENTIAL: say("the answer is by another passkey"),
    passkey.Fault.SIGNATURE: say("the passkey's signature is wrong"),
    passkey.Fault.COUNTER: say("the passkey's counter went back: it may have been copied; have it revoked"),
    passkey.Fault.ALGORITHM: say("the passkey's algorithm is not supported"),
}
