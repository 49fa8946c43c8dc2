"""Files of rows, CSV or Excel, read and written one row at a time."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from urja.base.csv_texts import with_apostrophe, without_apostrophe
from urja.usecases.loading.cell_formats import NumberFormat, cell_text, plain_text


class FileFormatError(Exception):
    """A file that cannot be read as rows."""


class Rows:
    """A file's heading, and its rows with their numbers as a spreadsheet shows them."""

    def __init__(
        self, heading: list[str], rows: Iterator[tuple[int, Sequence[object]]], apart: str | None = None
    ) -> None:
        self.heading = heading
        self.apart = apart
        """A delimiter other than the map's, found in a heading of only one name."""
        self._rows = rows

    def __iter__(self) -> Iterator[tuple[int, Sequence[object]]]:
        return self._rows


def is_excel(path: Path) -> bool:
    return path.suffix.lower() in {".xlsx", ".xlsm"}


@contextmanager
def open_rows(
    path: Path, *, header: int = 1, encoding: str = "utf-8", delimiter: str = ",", sheet: str | None = None
) -> Iterator[Rows]:
    """Open a file and return its rows. Raises FileFormatError where it has no readable rows."""
    if is_excel(path):
        with _excel(path, sheet) as rows:
            yield _below_heading(path, rows, header)
    else:
        with _csv(path, encoding, delimiter) as rows:
            yield _below_heading(path, rows, header)


def _below_heading(path: Path, rows: Iterator[tuple[int, Sequence[object]]], header: int) -> Rows:
    for number, cells in rows:
        if number >= header:
            names = [cell_text(cell) for cell in cells]
            while names and not names[-1]:
                names.pop()
            twice = [name for name, often in Counter(names).items() if name and often > 1]
            if twice:
                raise FileFormatError(
                    f"{path}: two columns are called {min(twice)!r}: give one of them another name"
                )
            if not names:
                raise FileFormatError(f"{path}: row {number} has no columns' names")
            return Rows(names, rows, _other_delimiter(cells))
    raise FileFormatError(f"{path} has no row {header} with the columns' names")


def _other_delimiter(cells: Sequence[object]) -> str | None:
    if len(cells) != 1 or not isinstance(cells[0], str):
        return None
    return next((mark for mark in (";", "\t", "|", ",") if mark in cells[0]), None)


@contextmanager
def _csv(path: Path, encoding: str, delimiter: str) -> Iterator[Iterator[tuple[int, Sequence[object]]]]:
    # Excel puts a byte-order mark before UTF-8; it belongs to no column's name.
    codec = "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding
    try:
        with path.open(encoding=codec, newline="") as file:
            yield _csv_rows(path, csv.reader(file, delimiter=delimiter, strict=True))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}") from error


def _csv_rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, Sequence[object]]]:
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except UnicodeDecodeError as error:
            raise FileFormatError(
                f"{path}: near row {number} there are bytes that are not {error.encoding}: {_what_it_is(path)}"
            ) from None
        except csv.Error as error:
            # Read leniently, an unclosed quote would swallow the rest of the file as one cell.
            raise FileFormatError(
                f"{path}: row {number}: a quote is opened and not closed, or text follows a closed one ({error}); "
                "a quote inside a text is written twice"
            ) from None
        if cells is None:
            return
        yield number, [without_apostrophe(cell) for cell in cells]


def _what_it_is(path: Path) -> str:
    """Return what to do about a file whose bytes are not in the encoding that the map names."""
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"PK\x03\x04":
        return "it is an Excel workbook: let its name end in .xlsx"
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return 'say encoding = "utf-16" in the map'
    return 'say encoding in the map, such as encoding = "cp1252"'


@contextmanager
def _excel(path: Path, sheet: str | None) -> Iterator[Iterator[tuple[int, Sequence[object]]]]:
    damaged = f"{path} is not an Excel workbook (.xlsx), or is damaged"
    try:
        with path.open("rb") as file:
            _check_unpacked(path)
            book = _workbook(file, damaged)
            if sheet is not None and sheet not in book.sheetnames:
                raise FileFormatError(f"{path} has no sheet {sheet!r}, only {', '.join(book.sheetnames)}")
            chosen = book[sheet] if sheet is not None else book.worksheets[0]
            yield enumerate(([_as_shown(cell) for cell in row] for row in chosen.iter_rows()), 1)
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    except (BadZipFile, ParseError, EOFError) as error:
        # Damage within a sheet shows only while the caller iterates over its rows.
        raise FileFormatError(damaged) from error


def _workbook(file: BinaryIO, damaged: str) -> Any:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return load_workbook(file, read_only=True, data_only=True)
    except (InvalidFileException, KeyError) as error:
        raise FileFormatError(damaged) from error


_UNPACKED_BYTES = 32 << 20
"""How large a part of a workbook may unpack: all parts but sheets are held in memory, at about seven times that."""
_UNPACKED_SHARE = 100
"""How many times its packed size a larger sheet may unpack to; Excel's own sheets reach about ten."""


def _check_unpacked(path: Path) -> None:
    """Refuse a workbook that unpacks to more than this machine should hold. A false size ends in a damaged part."""
    with ZipFile(path) as archive:
        for part in archive.infolist():
            is_sheet = part.filename.startswith("xl/worksheets/")
            room = max(_UNPACKED_BYTES, _UNPACKED_SHARE * part.compress_size if is_sheet else 0)
            if part.file_size > room:
                raise FileFormatError(
                    f"{path}: {part.filename} unpacks to {part.file_size >> 20} MB, {room >> 20} MB are read: "
                    "save the sheet as CSV"
                )


_ZEROS = re.compile("00+")


def _as_shown(cell: Any) -> object:
    """Return a cell's value; a number formatted with leading zeros as the text that is shown."""
    value = cell.value
    if isinstance(value, int | float) and _ZEROS.fullmatch(cell.number_format) and value == int(value):
        return str(int(value)).zfill(len(cell.number_format))
    return value


class Writer(Protocol):
    """Writes rows to a file."""

    def row(self, cells: Sequence[object]) -> None: ...


@contextmanager
def create_file(
    path: Path,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    numbers: NumberFormat | None = None,
) -> Iterator[Writer]:
    """Write a file under a temporary name and move it into place when it is complete. Its owner alone can read it: it may
    name people, and have keys.
    """
    temporary = path.with_name(f"{path.stem}.new{path.suffix}")
    temporary.unlink(missing_ok=True)
    # Created with its mode before the first byte: it is at no moment readable by others.
    temporary.touch(mode=0o600)
    try:
        if is_excel(path):
            with _new_excel(temporary) as writer:
                yield writer
        else:
            with temporary.open("w", encoding=encoding, newline="") as file:
                yield _CsvWriter(csv.writer(file, delimiter=delimiter, lineterminator="\n"), numbers)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class _CsvWriter:
    def __init__(self, writer: Any, numbers: NumberFormat | None = None) -> None:
        self._writer, self._numbers = writer, numbers or NumberFormat()

    def row(self, cells: Sequence[object]) -> None:
        self._writer.writerow(
            [
                with_apostrophe(cell) if type(cell) is str else plain_text(cell, self._numbers)
                for cell in cells
            ]
        )


class _ExcelWriter:
    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet

    def row(self, cells: Sequence[object]) -> None:
        self._sheet.append([self._as_text(cell) if type(cell) is str else cell for cell in cells])

    def _as_text(self, text: str) -> object:
        """Write a text that begins with an equals sign as text, not as a formula."""
        if not text.startswith("="):
            return text
        from openpyxl.cell import WriteOnlyCell

        cell = WriteOnlyCell(self._sheet, text)
        cell.data_type = "s"
        return cell


@contextmanager
def _new_excel(path: Path) -> Iterator[Writer]:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    yield _ExcelWriter(book.create_sheet())
    book.save(path)
