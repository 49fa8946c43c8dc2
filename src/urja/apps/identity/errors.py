"""What a caller may not do, or cannot see."""

from urja.apps.journal.errors import RegistryError
from urja.base.sentences import Sentence


class NotAllowed(RegistryError):  # noqa: N818 - as `urja.apps.journal.errors`
    """No role of the caller may do that, or the key's scopes do not reach so far; `says` says which."""

    def __init__(self, says: Sentence) -> None:
        super().__init__(says)
        self.says = says


class OutOfArea(RegistryError):  # noqa: N818
    """The thing is not where the caller may: to them it does not exist."""
