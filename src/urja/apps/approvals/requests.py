"""Answers of authenticators as the web records them; the pipeline verifies them."""

from datetime import datetime

from urja.apps.approvals.kinds import Action
from urja.apps.approvals.models import Answer, Enrolment
from urja.apps.partial_insert import insert
from urja.base import passkey


def approve(request_id: int, user_id: int, assertion: passkey.Assertion, *, now: datetime) -> None:
    """Record an authenticator's signature for an operation that needs approval; `now` is business time in UTC."""
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
    """Record that a person cancels an operation that needs approval; `now` is business time in UTC."""
    insert(Answer, waiting=request_id, user=user_id, action=Action.CANCEL, given_at=now)


def enrol(user_id: int, name: str, registration: passkey.Registration, *, now: datetime) -> None:
    """Record a new passkey as an authenticator has made it; `now` is business time in UTC."""
    insert(
        Enrolment,
        user=user_id,
        name=name,
        client_data=registration.client_data,
        attestation=registration.attestation,
        asked_at=now,
    )
