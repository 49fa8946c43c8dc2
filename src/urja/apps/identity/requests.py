"""Reads of personal data, sign-in events and codes, uses of tokens and answers to mails, as the web records them."""

from collections.abc import Iterable
from datetime import datetime

from urja.apps.identity.kinds import CodeMedium, SignInKind
from urja.apps.identity.models import AddressAnswer, PersonalRead, SignIn, SignInCode, Token
from urja.apps.identity.queries.access import Caller
from urja.apps.journal.operation import next_number
from urja.apps.partial_insert import insert


def record_personal_reads(caller: Caller, person_ids: Iterable[int], what: str, at: datetime) -> None:
    """Record that a caller reads personal data of these people, before the answer is sent.

    Reads of the caller's own data are not recorded.
    """
    PersonalRead.objects.bulk_create(
        PersonalRead(
            id=next_number(),
            user_id=caller.user_id,
            token_id=caller.token_id,
            person_id=person_id,
            what=what,
            read_at=at,
        )
        for person_id in sorted(set(person_ids) - {caller.person_id})
    )


def record_sign_in(
    kind: SignInKind,
    *,
    at: datetime,
    user_id: int | None,
    address_digest: bytes,
    ip: str | None,
    network: str,
    device_digest: bytes | None,
) -> None:
    """Record a sign-in event at an instant of the wall clock (UTC); digests have 32 bytes."""
    SignIn.objects.create(
        at=at,
        kind=kind,
        user_id=user_id,
        address_digest=address_digest,
        ip=ip,
        network=network,
        device_digest=device_digest,
    )


def request_sign_in_code(
    user_id: int | None, code: str, language: str, medium: CodeMedium = CodeMedium.EMAIL
) -> bool:
    """Request that the pipeline sends a code to a user's own address or number; return whether the request was stored.

    Without a user nothing is sent. Not stored is a request while too many are pending (a trigger bounds them).
    """
    return bool(insert(SignInCode, user_id=user_id, code=code, language=language, medium=medium))


def record_address_answer(word: str, at: datetime) -> None:
    """Store the word from a mail about a sign-in address, unverified; the pipeline judges it."""
    AddressAnswer.objects.create(word=word, received_at=at)


def record_token_use(token_id: int, at: datetime) -> None:
    """Record when a token was used last, to the minute."""
    Token.objects.filter(id=token_id).update(last_used_at=at.replace(second=0, microsecond=0))
