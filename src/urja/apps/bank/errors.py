"""Exceptions of the society's bank accounts."""

from urja.base.sentences import Sentence


class BankError(Exception):
    """A request about a bank account, a statement or a claim that is refused; the message says why."""


class ClaimRefusedError(BankError):
    """A claim that is not recorded; `sentence` says why, in the reader's language."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence
