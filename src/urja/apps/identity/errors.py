"""What a caller may not do, or cannot see."""

from urja.apps.journal.errors import RegistryError
from urja.base.sentences import Sentence


class NotAllowedError(RegistryError):
    """No role of the caller may do that, or the key's scopes do not reach so far; `says` says which."""

    def __init__(self, says: Sentence) -> None:
        super().__init__(says)
        self.says = says


class OutOfAreaError(RegistryError):
    """The thing is not where the caller may: to them it does not exist."""
