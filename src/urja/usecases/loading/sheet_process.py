"""Workbooks parsed and marked in a bounded child process (`sheet_parser`), whose answer is checked here."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from urja.base.sentences import Sentence, say
from urja.base.untyped_values import JsonObject
from urja.core.sheets.grid import Cell, Grid, Merge
from urja.core.sheets.reading import SheetFault

MAX_FILE_BYTES: Final = 5 << 20
"""Size of a file that is parsed: fifty times a society's members."""
LIMITS: Final = {
    "rows": 20_000,
    "columns": 200,
    "sheets": 40,
    "merged_cells": 500_000,
    "parts": 1_000,
    "unpacked_bytes": 48 << 20,
    "memory_bytes": 768 << 20,
    "cpu_s": 30,
    "answer_bytes": 40 << 20,
}
"""Of a file and of the process that parses it; a list of ten thousand flats unpacks to about five million bytes."""
_WALL_S: Final = 60
_PROGRAM: Final = Path(__file__).with_name("sheet_parser.py")


class UnreadableSheetError(Exception):
    """A file that cannot be read, with a sentence that says what to do."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class _Day(Struct, forbid_unknown_fields=True):
    day: datetime


class _Sheet(Struct, forbid_unknown_fields=True):
    name: str
    rows: list[list[bool | int | float | str | _Day | None]]
    merges: list[tuple[int, int, int, int]] | None


class _Answer(Struct):
    sheets: list[_Sheet] = []
    refused: str = ""
    detail: str = ""


def parse(content: bytes) -> list[Grid]:
    """Return the visible sheets of a file (.xlsx, .xlsm or CSV). Raises UnreadableSheetError."""
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableSheetError(
            say(
                "the file has more than {mb} MB: leave out pictures and other sheets", mb=MAX_FILE_BYTES >> 20
            )
        )
    answer = _answer(_run({"do": "parse"}, content))
    return [_grid(sheet) for sheet in answer.sheets if sheet.rows]


def marked_copy(
    content: bytes, *, sheet: str, heading_row: int, title: str, marks: Sequence[tuple[SheetFault, str]]
) -> bytes:
    """Return a copy of a file with its faults marked: each with the sentence that is written. Raises UnreadableSheetError."""
    told = [[one.row, one.column, sentence, one.blocking] for one, sentence in marks]
    said = _run(
        {"do": "mark", "sheet": sheet, "heading_row": heading_row, "title": title, "marks": told}, content
    )
    if said.startswith(b'{"refused"'):
        _answer(said)
    return said


def _run(task: JsonObject, content: bytes) -> bytes:
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(json.dumps(task | {"limits": LIMITS}).encode() + b"\n" + content)
        given.seek(0)
        try:
            # Without this process's environment, which may have secrets.
            done = subprocess.run(
                [sys.executable, "-I", "-B", str(_PROGRAM)],
                stdin=given,
                stdout=said,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                timeout=_WALL_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _too_much() from None
        if done.returncode != 0:
            raise _too_much()
        said.seek(0)
        return said.read(LIMITS["answer_bytes"])


def _too_much() -> UnreadableSheetError:
    return UnreadableSheetError(
        say("reading the file needs more memory or time than is given: copy the table alone into a new file")
    )


def _answer(said: bytes) -> _Answer:
    try:
        answer = msgspec.json.decode(said, type=_Answer)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise _too_much() from None
    if answer.refused:
        raise UnreadableSheetError(_reason(answer.refused, answer.detail))
    return answer


def _reason(code: str, detail: str) -> Sentence:
    match code:
        case "old_excel":
            return say(
                "it is an old Excel workbook (.xls), or one with a password: save it as .xlsx without a password"
            )
        case "open_document":
            return say("it is an OpenDocument spreadsheet (.ods): save it as .xlsx")
        case "encrypted":
            return say("it is locked with a password: save it without one")
        case "empty":
            return say("it has no filled cells on a visible sheet")
        case "no_table":
            return say("it is neither an Excel workbook (.xlsx) nor a CSV")
        case "quotes":
            return say(
                "a quote in the CSV is opened and not closed: save it again from the spreadsheet program"
            )
        case "size":
            return say(
                "it has cells at {cell}: {rows} rows and {columns} columns are read",
                cell=detail,
                rows=LIMITS["rows"],
                columns=LIMITS["columns"],
            )
        case "sheets":
            return say(
                "it has more than {count} sheets: copy the one with the flats into a new file",
                count=LIMITS["sheets"],
            )
        case "unpacks" | "merges" | "memory":
            return _too_much().sentence
        case "entities":
            return say("it declares XML entities, which no spreadsheet program writes: it is refused")
        case _:
            return say("it is damaged: open it in a spreadsheet program and save it again")


def _grid(sheet: _Sheet) -> Grid:
    rows: list[list[Cell]] = [
        [cell.day if isinstance(cell, _Day) else cell for cell in row] for row in sheet.rows
    ]
    if sheet.merges is None:
        return Grid(sheet.name, rows)
    width, area = max(len(row) for row in rows), 0
    for top, left, bottom, right in sheet.merges:
        area += max(bottom - top + 1, 0) * max(right - left + 1, 0)
        if top < 1 or left < 0 or bottom > len(rows) or right >= width or area > LIMITS["merged_cells"]:
            raise _too_much()
    return Grid(sheet.name, rows, tuple(Merge(*one) for one in sheet.merges))
