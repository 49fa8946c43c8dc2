"""Errors of the DLMS/COSEM core: the caller's or the peer's, each with the offset of the offending byte.

Whatever bytes arrive, the core raises nothing but `CosemError`. A `LocalError` means that our own caller
asked for something impossible; a `PeerError` that the other side's bytes or behaviour are wrong.
"""


class CosemError(Exception):
    """Root of all errors that `urja.cosem` raises on purpose.

    `offset` is the index of the offending byte in the buffer that was given to the failing call, or None
    where the fault is in no single byte. `message` is the sentence without the offset.
    """

    def __init__(self, message: str, *, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset

    def __str__(self) -> str:
        return self.message if self.offset is None else f"{self.message} (at byte {self.offset})"


class LocalError(CosemError):
    """A request of our own caller that the protocol, or the present state, does not allow."""


class PeerError(CosemError):
    """Bytes or behaviour of the other side that are wrong."""


class DecodeError(PeerError):
    """Bytes that are not what the standard requires at this position."""


class LimitExceededError(DecodeError):
    """Input that is well-formed so far, but longer, deeper or more numerous than `axdr.Limits` allow."""


class AuthenticationError(PeerError):
    """A wrong tag, password or answer to a challenge, or a protection weaker than agreed."""


class ReplayError(PeerError):
    """An invocation counter that does not advance.

    `counter` is the received one, `expected` the least accepted.
    """

    def __init__(self, message: str, *, counter: int, expected: int, offset: int | None = None) -> None:
        super().__init__(message, offset=offset)
        self.counter = counter
        self.expected = expected


class ServiceRejectedError(PeerError):
    """A service that the peer answered with an error; `result` is its code, an enum of `urja.cosem.apdu`."""

    def __init__(self, message: str, *, result: object, offset: int | None = None) -> None:
        super().__init__(message, offset=offset)
        self.result = result


class AssociationRejectedError(PeerError):
    """An association that the peer refused; `result` and `diagnostic` are the codes of its AARE."""

    def __init__(
        self, message: str, *, result: int = 0, diagnostic: int = 0, offset: int | None = None
    ) -> None:
        super().__init__(message, offset=offset)
        self.result = result
        self.diagnostic = diagnostic


class UnexpectedApduError(PeerError):
    """An APDU that is well-formed and not allowed in the present state."""
