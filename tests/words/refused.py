"""The words that the glossary takes out of use, and where they still stand."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.words.texts import ROOT, files, spoken, texts

GLOSSARY = ROOT / "docs" / "glossary.md"
_ABOUT_WORDS = (GLOSSARY, ROOT / "docs" / "acceptance" / "words.md", ROOT / "tests" / "words")
"""Pages and tests that quote words out of use."""
_FROZEN = (ROOT / "tests" / "oracles" / "frozen" / "database", ROOT / "tests" / "site" / "first_set")
"""Rows and functions as migrations of an earlier day made them, which are never edited."""
_HEADING = "## Words out of use"
_WORD = re.compile(r"[\w-]+")
"""What the forms of a word are bounded by."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row of the table: the forms of a word, what is written instead, and phrases in which it is right.

    A phrase `protection.py: customer` is right in that file alone, as the beginning of a text.
    """

    forms: re.Pattern[str]
    begin: frozenset[str]
    """The first word of each form."""
    instead: str
    allowed: re.Pattern[str] | None

    def stands_in(self, file: str, text: str) -> bool:
        begins = f"{file}: "
        left = self.allowed.sub("", begins + text) if self.allowed else text
        return self.forms.search(left.removeprefix(begins)) is not None


def refused() -> list[Refused]:
    """The rows of the table in `docs/glossary.md`."""
    table = GLOSSARY.read_text().partition(_HEADING)[2]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    return [_row(*(cell.strip() for cell in row)) for row in rows[1:]]


def _row(forms: str, instead: str, allowed: str) -> Refused:
    return Refused(
        _any_of(forms.split(", "), r"(?<![\w-])(?:%s)(?![\w-])"),
        frozenset(_words(form)[0] for form in forms.split(", ")),
        instead,
        _any_of(allowed.split(", "), "(?:%s)") if allowed else None,
    )


def _any_of(phrases: Iterable[str], pattern: str) -> re.Pattern[str]:
    return re.compile(pattern % "|".join(re.escape(phrase) for phrase in phrases), re.IGNORECASE)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def findings(paths: list[Path]) -> Iterator[str]:
    """One line for each text in which a word out of use stands, and for each module named by one."""
    rows = refused()
    for file in files(paths):
        if not {file, *file.parents}.isdisjoint((*_ABOUT_WORDS, *_FROZEN)):
            continue
        there = [(0, spoken(file.stem)), *texts(file)]
        for number, text in there:
            # Thirty patterns for each of 300,000 texts took a quarter of a minute: most have no such word at all.
            said = set(_words(text))
            for row in rows:
                if not row.begin.isdisjoint(said) and row.stands_in(file.name, text):
                    place = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
                    yield f"{place}:{number}: {text.strip()[:120]} -> {row.instead}"
