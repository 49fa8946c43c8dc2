"""The glossary has one row a term, each with its Hindi, and pages print that Hindi."""

import re
from itertools import chain

import pytest
from tests.words.refused import GLOSSARY
from tests.words.texts import ROOT

_NOT_PRINTED = {"channel set", "heat value", "leak test", "quantity", "to post", "wake-up"}
"""Terms that no page prints."""


def rows() -> list[list[str]]:
    table = GLOSSARY.read_text().partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("| **")
    ]


def terms(row: list[str]) -> list[str]:
    return re.findall(r"\*\*(.+?)\*\*", row[0])


@pytest.mark.parametrize("row", rows(), ids=lambda row: terms(row)[0])
def test_a_row_has_six_cells_and_hindi(row):
    assert len(row) == 6
    assert row[1]
    assert re.fullmatch(r"[\u0900-\u097f ,]+|API टोकन", row[3])


def test_no_term_has_two_rows_or_is_another_words_for_one():
    every = list(chain.from_iterable(map(terms, rows())))
    assert len(every) == len(set(every))
    out = {word.strip() for row in rows() for word in re.sub(r"\(.*?\)", "", row[2]).split(",")}
    assert set(every) & out == set()


def test_pages_print_the_hindi_of_the_glossary():
    printed = "".join(file.read_text() for file in (ROOT / "src").rglob("*.po"))
    lacking = [
        row[0]
        for row in rows()
        if not set(terms(row)) & _NOT_PRINTED
        and not any(word.split()[0] in printed for word in row[3].split(", "))
    ]
    assert lacking == []
