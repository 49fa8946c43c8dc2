"""Failures of sessions with meters: one exception type, whose kind says how to react."""

from enum import StrEnum

from urja.cosem.acse import AssociationResult, Diagnostic
from urja.cosem.errors import (
    AssociationRejectedError,
    AuthenticationError,
    CosemError,
    LocalError,
    ReplayError,
    ServiceRejectedError,
)


class FailureKind(StrEnum):
    """What went wrong, in an operator's words. The values are stored and shown."""

    UNREACHABLE = "unreachable"
    """There is no connection: the meter has not dialled in, or its address does not answer."""
    TIMEOUT = "timeout"
    """There is a connection, and the meter does not answer over it."""
    CUT = "cut"
    """The connection was lost during the session."""
    REFUSED = "refused"
    """The meter understood the request and refused it."""
    WRONG_KEY = "wrong key"
    """The meter's bytes do not fit its keys, or the meter says so of ours."""
    PROTOCOL = "protocol"
    """The meter's bytes or behaviour are not DLMS as agreed."""
    BUSY = "busy"
    """The meter understood the request and cannot carry it out now."""
    DISOBEYED = "not obeyed"
    """The meter accepted an order, and its state, read back, is another."""
    NEW_KEYS = "new keys"
    """The meter has taken new keys, and must prove them in another session."""
    ELSEWHERE = "elsewhere"
    """Another head end has a session with this meter."""
    OURS = "ours"
    """The request itself was impossible or wrong."""


_TRANSIENT = frozenset(
    {
        FailureKind.UNREACHABLE,
        FailureKind.TIMEOUT,
        FailureKind.CUT,
        FailureKind.BUSY,
        FailureKind.NEW_KEYS,
        FailureKind.ELSEWHERE,
    }
)


class SessionFailedError(Exception):
    """A session, or one request in it, failed. A `transient` failure is worth another attempt."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def transient(self) -> bool:
        return self.kind in _TRANSIENT

    def __str__(self) -> str:
        return str(self.args[0]) if self.kind is FailureKind.OURS else f"{self.kind}: {self.args[0]}"


def from_cosem(error: CosemError) -> SessionFailedError:
    """The session failure that an error of the protocol core amounts to."""
    match error:
        case AuthenticationError() | ReplayError():
            kind = FailureKind.WRONG_KEY
        case AssociationRejectedError(diagnostic=Diagnostic.AUTHENTICATION_FAILURE):
            # The diagnostic of a meter that could not decrypt our bytes, or found our proof wrong.
            kind = FailureKind.WRONG_KEY
        case AssociationRejectedError(result=AssociationResult.REJECTED_TRANSIENT):
            # Another client has the association of a meter that takes one at a time.
            kind = FailureKind.BUSY
        case ServiceRejectedError() | AssociationRejectedError():
            kind = FailureKind.REFUSED
        case LocalError():
            kind = FailureKind.OURS
        case _:
            kind = FailureKind.PROTOCOL
    return SessionFailedError(kind, str(error))
