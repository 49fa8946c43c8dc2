"""Sentences that keep their pattern and values, so that a page can show them in another language.

A guard's refusal is an English sentence in logs, the API and the audit. A page in Hindi needs the pattern and the
values: `translated` takes the translation of the pattern from a catalogue.
"""

from collections.abc import Callable, Iterable
from typing import Any, Self


class Sentence(str):
    """An English sentence with its pattern and values."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: dict[str, str]

    def __new__(cls, pattern: str, values: dict[str, str]) -> Self:
        made = super().__new__(cls, pattern.format_map(values))
        made.pattern = pattern
        made.values = values
        return made


def say(pattern: str, /, **values: Any) -> Sentence:
    """Return a sentence of a pattern such as `there is no meter {serial}`; the pattern is the key in the catalogue."""
    return Sentence(
        pattern,
        {name: value if isinstance(value, Sentence) else str(value) for name, value in values.items()},
    )


def in_english(sentences: Iterable[str]) -> list[str]:
    """Return sentences as plain texts: for programs, logs and other English readers."""
    return [str(sentence) for sentence in sentences]


def to_plain(sentence: str) -> object:
    """Return a sentence for JSON, with pattern and values; any other text unchanged."""
    if not isinstance(sentence, Sentence):
        return sentence
    return {"pattern": sentence.pattern, "values": {k: to_plain(v) for k, v in sentence.values.items()}}


def from_plain(kept: Any) -> str:
    """Return the sentence that `to_plain` was given."""
    if isinstance(kept, str):
        return kept
    return Sentence(kept["pattern"], {name: from_plain(value) for name, value in kept["values"].items()})


def translated(sentence: str, catalogue: Callable[[str], str]) -> str:
    """Return a sentence by the catalogue's translation of its pattern; other texts unchanged."""
    if not isinstance(sentence, Sentence):
        return sentence
    values = {name: translated(value, catalogue) for name, value in sentence.values.items()}
    return catalogue(sentence.pattern).format_map(values)
