"""Sentences that know how they were put together, so that whoever shows them can say them in another language.

What a guard refuses is an English sentence wherever it goes: logs, the API, the audit. A page that is read in Hindi
needs the pattern and what was put into it: `translated` takes the patterns' catalogue from whoever has one.
"""

from collections.abc import Callable, Iterable
from typing import Any, Self


class Sentence(str):
    """An English sentence, its pattern and the values in it."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: dict[str, str]

    def __new__(cls, pattern: str, values: dict[str, str]) -> Self:
        made = super().__new__(cls, pattern.format_map(values))
        made.pattern = pattern
        made.values = values
        return made


def say(pattern: str, /, **values: Any) -> Sentence:
    """A sentence of a pattern such as `there is no meter {serial}`: the literal is what the catalogue has."""
    return Sentence(
        pattern,
        {name: value if isinstance(value, Sentence) else str(value) for name, value in values.items()},
    )


def in_english(sentences: Iterable[str]) -> list[str]:
    """As texts alone: for programs, logs, and whoever else reads English."""
    return [str(sentence) for sentence in sentences]


def to_plain(sentence: str) -> Any:
    """As JSON keeps it: a sentence with its pattern and values, any other text as it is."""
    if not isinstance(sentence, Sentence):
        return sentence
    return {"pattern": sentence.pattern, "values": {k: to_plain(v) for k, v in sentence.values.items()}}


def from_plain(kept: Any) -> str:
    """What `to_plain` gave."""
    if isinstance(kept, str):
        return kept
    return Sentence(kept["pattern"], {name: from_plain(value) for name, value in kept["values"].items()})


def translated(sentence: str, catalogue: Callable[[str], str]) -> str:
    """The sentence by the catalogue's pattern; text that has none stays as it is."""
    if not isinstance(sentence, Sentence):
        return sentence
    values = {name: translated(value, catalogue) for name, value in sentence.values.items()}
    return catalogue(sentence.pattern).format_map(values)
