"""Errors of the ledger."""


class LedgerError(Exception):
    """A request that the ledger does not carry out."""


class IdempotencyError(LedgerError):
    """An idempotency key that came again with other content: refused, because one of the two is a mistake."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the key {key!r} was used before with other content; use a new key for a new request"
        )
        self.key = key


class UnknownAccountError(LedgerError):
    """An account that does not exist, or is not in the bucket of the batch."""
