"""Reasons as sentences; the tables are in `sentences/`, one file a language."""

from urja.core.policy.decision import Reason


def sentence(reason: Reason, language: str = "en") -> str:
    """One sentence for a person; English where the language has no table."""
    raise NotImplementedError
