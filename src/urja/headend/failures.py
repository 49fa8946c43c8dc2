"""Why a session with a meter did not give what was asked: one type, a kind that says what to do."""

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
    """What went wrong, in the words an operator uses."""

    UNREACHABLE = "unreachable"
    """No connection: the meter is not dialled in, or its address does not answer."""
    TIMEOUT = "timeout"
    """Connected, and silent."""
    CUT = "cut"
    """The connection broke in the middle."""
    REFUSED = "refused"
    """The meter understood and said no."""
    WRONG_KEY = "wrong key"
    """What came does not fit the keys, or the meter says so of ours."""
    PROTOCOL = "protocol"
    """The meter's bytes or behaviour are not DLMS as agreed."""
    BUSY = "busy"
    """The meter understood and says: not now."""
    DISOBEYED = "not obeyed"
    """The meter accepted an order, and its state, read back, is another."""
    NEW_KEYS = "new keys"
    """The meter has taken other keys, and is to prove them in another session."""
    ELSEWHERE = "elsewhere"
    """Another head end holds this meter's session."""
    OURS = "ours"
    """We asked for something impossible."""


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
    """A session, or one read in it, failed. `transient` failures are worth another attempt."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def transient(self) -> bool:
        return self.kind in _TRANSIENT

    def __str__(self) -> str:
        return str(self.args[0]) if self.kind is FailureKind.OURS else f"{self.kind}: {self.args[0]}"


def from_cosem(error: CosemError) -> SessionFailedError:
    """The failure that an error of the protocol core amounts to."""
    match error:
        case AuthenticationError() | ReplayError():
            kind = FailureKind.WRONG_KEY
        case AssociationRejectedError(diagnostic=Diagnostic.AUTHENTICATION_FAILURE):
            # What a meter says that could not open our bytes, or found our proof wrong.
            kind = FailureKind.WRONG_KEY
        case AssociationRejectedError(result=AssociationResult.REJECTED_TRANSIENT):
            # Another client holds a meter that takes one at a time.
            kind = FailureKind.BUSY
        case ServiceRejectedError() | AssociationRejectedError():
            kind = FailureKind.REFUSED
        case LocalError():
            kind = FailureKind.OURS
        case _:
            kind = FailureKind.PROTOCOL
    return SessionFailedError(kind, str(error))
