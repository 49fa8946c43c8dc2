"""Errors of the DLMS/COSEM core: ours or the peer's, each with the byte at which it showed.

Whatever bytes arrive, the core raises nothing but `CosemError`. A `LocalError` means that our own caller
asked for something impossible; a `PeerError` that the other side's bytes or behaviour are wrong.
"""


class CosemError(Exception):
    """Root of everything that `urja.cosem` raises on purpose.

    `offset` is the index of the offending byte in the buffer that was given to the failing call, or None
    where no single byte is to blame. `message` is the sentence without the offset.
    """

    def __init__(self, message: str, *, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset

    def __str__(self) -> str:
        return self.message if self.offset is None else f"{self.message} (at byte {self.offset})"


class LocalError(CosemError):
    """Our caller asked for something that the protocol, or the state, does not allow."""


class PeerError(CosemError):
    """The other side's bytes or behaviour are at fault."""


class DecodeError(PeerError):
    """Bytes that are not what the standard says should stand here."""


class LimitExceededError(DecodeError):
    """Well-formed so far, but longer, deeper or more numerous than we are willing to hold."""


class AuthenticationError(PeerError):
    """A tag, a password or a challenge's answer is wrong, or the protection is weaker than agreed."""


class ReplayError(PeerError):
    """An invocation counter that does not advance. `counter` is what came, `expected` the least accepted."""

    def __init__(self, message: str, *, counter: int, expected: int, offset: int | None = None) -> None:
        super().__init__(message, offset=offset)
        self.counter = counter
        self.expected = expected


class ServiceRejectedError(PeerError):
    """The peer answered a service with an error. `result` is its code: an enum of `urja.cosem.apdu`."""

    def __init__(self, message: str, *, result: object, offset: int | None = None) -> None:
        super().__init__(message, offset=offset)
        self.result = result


class AssociationRejectedError(PeerError):
    """The peer refused the association. `result` and `diagnostic` are the codes of its AARE."""

    def __init__(
        self, message: str, *, result: int = 0, diagnostic: int = 0, offset: int | None = None
    ) -> None:
        super().__init__(message, offset=offset)
        self.result = result
        self.diagnostic = diagnostic


class UnexpectedApduError(PeerError):
    """An APDU that is right by itself and has no place in the present state."""
