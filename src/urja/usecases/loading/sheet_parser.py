"""The child process that parses an uploaded workbook, and marks faults in a copy of it.

A program of its own, run by its path: of Urja it imports the names of types alone, reads a task and the file from
standard input and writes one answer to standard output. Once its libraries are loaded it gives up memory, processor
time, further files and sockets (`confine`), and only then looks at the file. Formulas are never calculated, macros
never kept, links to other files dropped.
"""

import csv
import io
import json
import math
import os
import re
import resource
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

# openpyxl takes numpy where it finds it: a second of start, and threads.
if __name__ == "__main__":
    sys.modules["numpy"] = None  # type: ignore[assignment] # Python's own way to say that a module is not there

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.writer.excel import ExcelWriter

from urja.base.untyped_values import JsonObject

NO_VALUE = "#FORMULA"
"""As in `urja.core.sheets.grid`."""
MAX_TEXT = 2_000
"""Characters of a cell that are read."""

FAULT_FILL, NOTE_FILL = "FFFFC7CE", "FFFFF2CC"
AUTHOR = "Urja"


limits: dict[str, int] = {}
"""Of the task (`sheet_process.LIMITS`)."""


class RefusedFileError(Exception):
    """The file is not read; the code says why, the detail what."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def confine() -> None:
    """Give up what parsing does not need. A limit that cannot be set ends the process."""
    with suppress(OSError, AttributeError):
        # Not every kernel and container allows it; without it the limit on files refuses sockets alike.
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["answer_bytes"]),
        (resource.RLIMIT_NPROC, 0),
        # Standard input, output and error are open: no file and no socket can be opened any more.
        (resource.RLIMIT_NOFILE, 3),
    ):
        resource.setrlimit(limit, (most, most))


def load_modules() -> None:
    """Use once what is used later: codecs, and the parts of openpyxl, are loaded on first use, and then cannot be."""
    for codec in ("utf-8-sig", "utf-16", "cp1252", "cp437"):
        "".encode(codec)
    book = Workbook()
    cell = book.worksheets[0].cell(1, 1, datetime(2024, 1, 1))  # noqa: DTZ001 - a spreadsheet has no zones
    cell.comment = Comment("", AUTHOR)
    cell.fill = PatternFill("solid", fgColor=FAULT_FILL)
    load_workbook(io.BytesIO(_saved(book)), data_only=True)


def main() -> None:
    given = sys.stdin.buffer.read()
    head, _, content = given.partition(b"\n")
    task = json.loads(head)
    limits.update(task["limits"])
    load_modules()
    confine()
    try:
        answer = {"parse": parse, "mark": mark}[task["do"]](task, content)
    except RefusedFileError as no:
        answer = json.dumps({"refused": no.code, "detail": no.detail}).encode()
    except MemoryError:
        answer = json.dumps({"refused": "memory", "detail": ""}).encode()
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


# -- reading -----------------------------------------------------------------------------------------------------------


def parse(task: JsonObject, content: bytes) -> bytes:  # noqa: ARG001 - both tasks are called alike
    """Return the sheets of a file as JSON. Raises RefusedFileError where it has none that can be read."""
    if content[:2] == b"PK":
        sheets = [one for one in _workbook_sheets(content) if one["rows"]]
    elif content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise RefusedFileError("old_excel")
    else:
        sheets = [_csv_sheet(content)]
    if not any(one["rows"] for one in sheets):
        raise RefusedFileError("empty")
    return json.dumps({"sheets": sheets}, ensure_ascii=False).encode()


def check_archive(content: bytes) -> None:
    """Check that a file is a plain workbook, before anything of it is unpacked whole. Raises RefusedFileError."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        names = {part.filename for part in parts}
        if "mimetype" in names and "content.xml" in names:
            raise RefusedFileError("open_document")
        if "[Content_Types].xml" not in names:
            raise RefusedFileError("damaged")
        if len(parts) > limits["parts"] or sum(part.file_size for part in parts) > limits["unpacked_bytes"]:
            raise RefusedFileError("unpacks")
        if any(part.flag_bits & 1 for part in parts):
            raise RefusedFileError("encrypted")
        for part in parts:
            if part.filename.endswith((".xml", ".rels", ".vml")):
                _check_xml(archive.read(part))


_MERGED = re.compile(rb'mergeCell\s[^>]*?ref\s*=\s*["\']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["\']')


def _check_xml(text: bytes) -> None:
    # Office files have no document type: where there is one, entities may unfold without end.
    packed = text.replace(b"\0", b"")
    if b"<!DOCTYPE" in packed or b"<!ENTITY" in packed:
        raise RefusedFileError("entities")
    # The reader makes a cell for each one that a range covers.
    covered = 0
    for left, top, right, bottom in _MERGED.findall(packed):
        width = column_index_from_string(right.decode()) - column_index_from_string(left.decode())
        covered += (abs(width) + 1) * (abs(int(bottom) - int(top)) + 1)
    if covered > limits["merged_cells"]:
        raise RefusedFileError("merges")


def _open(content: bytes, *, values: bool) -> Any:
    try:
        check_archive(content)
        return load_workbook(io.BytesIO(content), data_only=values, keep_vba=False, keep_links=False)
    except (
        zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError, EOFError, IndexError,
        AttributeError, NotImplementedError, OSError,
    ) as error:  # fmt: skip
        # Whatever a damaged part makes the reader raise.
        raise RefusedFileError("damaged", type(error).__name__) from error


def _workbook_sheets(content: bytes) -> Iterator[JsonObject]:
    book = _open(content, values=True)
    if len(book.worksheets) > limits["sheets"]:
        raise RefusedFileError("sheets")
    formulas = _open(content, values=False) if _has_formulas(content) else None
    for sheet in book.worksheets:
        if sheet.sheet_state == "visible":
            yield _sheet(sheet, None if formulas is None else formulas[sheet.title])


def _has_formulas(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(
            b"<f" in archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")
        )


def _cells(sheet: Any) -> dict[tuple[int, int], Any]:
    """Return the cells that a sheet has, by row and column.

    The public iterators fill the rectangle up to the last formatted cell, often a million rows down.
    """
    cells: dict[tuple[int, int], Any] = sheet._cells  # noqa: SLF001 - as above
    return cells


def _sheet(sheet: Any, formulas: Any) -> JsonObject:
    cells: dict[int, dict[int, Any]] = {}
    known = {} if formulas is None else _cells(formulas)
    for (row, column), cell in _cells(sheet).items():
        value = _plain(cell)
        if value is None:
            formula = known.get((row, column))
            if formula is not None and formula.data_type == "f":
                value = NO_VALUE
        if value is not None:
            if row > limits["rows"] or column > limits["columns"]:
                raise RefusedFileError("size", f"{get_column_letter(min(column, 16384))}{row}")
            cells.setdefault(row, {})[column] = value
    height = max(cells, default=0)
    rows = [_row(cells.get(row, {})) for row in range(1, height + 1)]
    width = max((len(row) for row in rows), default=0)
    return {"name": sheet.title, "rows": rows, "merges": _merges(sheet, height, width)}


def _row(cells: dict[int, Any]) -> list[Any]:
    return [cells.get(column) for column in range(1, max(cells, default=0) + 1)]


def _plain(cell: Any) -> Any:
    value = cell.value
    match value:
        case None | bool():
            return value
        case int() | float():
            return _as_shown(value, cell.number_format)
        case datetime() | date():
            moment = value if isinstance(value, datetime) else datetime.combine(value, time())
            return {"day": moment.replace(tzinfo=None).isoformat()}
        case _:
            text = str(value)[:MAX_TEXT]
            return text if text.strip() else None


def _as_shown(value: float, number_format: str) -> Any:
    """Return a number; one formatted with leading zeros as the text that is shown."""
    if not math.isfinite(value):
        return str(value)
    if len(number_format) > 1 and set(number_format) == {"0"} and value == int(value):
        return str(int(value)).zfill(len(number_format))
    return value


def _merges(sheet: Any, height: int, width: int) -> list[list[int]]:
    found, covered = [], 0
    for merged in sheet.merged_cells.ranges:
        bottom, right = min(merged.max_row, height), min(merged.max_col, width)
        if merged.min_row > bottom or merged.min_col > right:
            continue
        covered += (bottom - merged.min_row + 1) * (right - merged.min_col + 1)
        if covered > limits["merged_cells"]:
            raise RefusedFileError("merges")
        found.append([merged.min_row, merged.min_col - 1, bottom, right - 1])
    return found


def _csv_sheet(content: bytes) -> JsonObject:
    text, _ = _decoded(content)
    rows: list[list[str]] = []
    for cells in _csv_rows(text):
        if len(rows) >= limits["rows"] or len(cells) > limits["columns"]:
            raise RefusedFileError("size", f"row {len(rows) + 1}")
        rows.append([_unescaped(cell[:MAX_TEXT]) for cell in cells])
    while rows and not any(rows[-1]):
        rows.pop()
    return {"name": "CSV", "rows": rows, "merges": None}


def _unescaped(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in tuple("=+-@") else cell


def _decoded(content: bytes) -> tuple[str, str]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codecs: tuple[str, ...] = ("utf-16",)
    else:
        codecs = ("utf-8-sig", "cp1252")
    for codec in codecs:
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" in text or any(ord(mark) < 9 for mark in text[:4096]):
            break
        return text, codec
    raise RefusedFileError("no_table")


def _delimiter(text: str) -> str:
    lines = text.splitlines()[:30]
    return max(",;\t|", key=lambda mark: sum(min(line.count(mark), 30) for line in lines))


def _csv_rows(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    except csv.Error as error:
        # Read leniently, an unclosed quote would swallow the rest of the file as one cell.
        raise RefusedFileError("quotes", str(error)) from None


# -- marking -----------------------------------------------------------------------------------------------------------


class _InMemory(ExcelWriter):
    """Writes a workbook without the temporary files of openpyxl: none can be opened here."""

    def write_worksheet(self, ws: Any) -> None:
        out = io.BytesIO()
        writer = WorksheetWriter(ws, out)
        writer.write()
        # As the method that this replaces does: openpyxl offers no public way.
        ws._rels = writer._rels  # type: ignore[attr-defined] # noqa: SLF001 - as above
        self._archive.writestr(ws.path[1:], out.getvalue())  # type: ignore[attr-defined] # as above
        self.manifest.append(ws)


def mark(task: JsonObject, content: bytes) -> bytes:
    """Return a copy of the file: faulty cells coloured, with the sentence as a comment, and a column of sentences."""
    if content[:2] == b"PK":
        return _marked_workbook(task, content)
    text, codec = _decoded(content)
    by_row = _sentences(task["marks"])
    title, heading = task["title"], task["heading_row"]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=_delimiter(text), lineterminator="\n")
    rows = list(_csv_rows(text))
    width = max((len(row) for row in rows), default=0)
    known = rows[heading - 1].index(title) if title in rows[heading - 1] else width
    for n, row in enumerate(rows, 1):
        cells = [*row, *[""] * (max(width, known + 1) - len(row))]
        cells[known] = title if n == heading else by_row.get(n, "")
        writer.writerow(cells)
    return out.getvalue().encode("utf-16" if codec == "utf-16" else "utf-8-sig")


def _sentences(marks: Sequence[Any]) -> dict[int, str]:
    found: dict[int, list[str]] = {}
    for row, _column, sentence, _blocking in marks:
        found.setdefault(row, []).append(sentence)
    return {row: " | ".join(dict.fromkeys(said)) for row, said in found.items()}


def _marked_workbook(task: JsonObject, content: bytes) -> bytes:
    book = _open(content, values=False)
    sheet = book[task["sheet"]]
    _unmark(sheet)
    heading, title = task["heading_row"], task["title"]
    used = [column for (row, column), cell in _cells(sheet).items() if cell.value is not None]
    known = [
        column for (row, column), cell in _cells(sheet).items() if row == heading and cell.value == title
    ]
    place = known[0] if known else max(used, default=0) + 1
    if known:
        for (row, column), cell in _cells(sheet).items():
            if column == place and row > heading:
                cell.value = None
    _write(sheet.cell(heading, place), title)
    sheet.column_dimensions[get_column_letter(place)].width = 60
    for row, sentence in _sentences(task["marks"]).items():
        _write(sheet.cell(row, place), sentence)
    for row, column, sentence, blocking in task["marks"]:
        fill = PatternFill("solid", fgColor=FAULT_FILL if blocking else NOTE_FILL)
        cell = sheet.cell(row, place if column is None else column + 1)
        if isinstance(cell, MergedCell):
            continue
        cell.fill = fill
        if column is not None:
            said = f"{cell.comment.text}\n{sentence}" if cell.comment is not None else sentence
            cell.comment = Comment(said[:MAX_TEXT], AUTHOR, height=90, width=320)
    return _saved(book)


def _unmark(sheet: Any) -> None:
    """Take away the marks of an earlier copy."""
    for cell in list(_cells(sheet).values()):
        if isinstance(cell, MergedCell):
            continue
        if cell.has_style and cell.fill.fgColor.rgb in (FAULT_FILL, NOTE_FILL):
            cell.fill = PatternFill()
        if cell.comment is not None and cell.comment.author == AUTHOR:
            cell.comment = None


def _write(cell: Any, text: str) -> None:
    if not isinstance(cell, MergedCell):
        cell.value = text
        cell.data_type = "s"


def _saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        _InMemory(book, archive).save()
    return out.getvalue()


if __name__ == "__main__":
    main()
