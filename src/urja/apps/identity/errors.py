"""Errors of callers: a missing right, or an object outside their area."""

from urja.apps.journal.errors import RegistryError
from urja.base.sentences import Sentence


class NotAllowedError(RegistryError):
    """An act that no role of the caller or no scope of the token allows; `says` is the sentence for them."""

    def __init__(self, says: Sentence) -> None:
        super().__init__(says)
        self.says = says


class OutOfAreaError(RegistryError):
    """An object outside the caller's area. For them it does not exist: the answer is the same as for a wrong number."""
