"""What the ledger refuses, by type."""


class LedgerError(Exception):
    """The caller asked for something that the ledger does not do."""


class IdempotencyError(LedgerError):
    """An idempotency key came again with other content: refused, because one of the two is a mistake."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the key {key!r} was used before with other content; use a new key for a new request"
        )
        self.key = key


class UnknownAccountError(LedgerError):
    """An account that does not exist, or not in the bucket of the batch."""
