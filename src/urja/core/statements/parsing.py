"""The statement in a file of unknown format."""

from collections.abc import Iterable
from typing import Final

from urja.core.statements.camt053 import parse_camt053
from urja.core.statements.csv_rows import FirstRows, first_rows, parse_csv
from urja.core.statements.mt940 import is_mt940, parse_mt940
from urja.core.statements.statement import BankStatement, StatementError

LARGEST_BYTES: Final = 4 * 1024 * 1024
MOST_ENTRIES: Final = 50_000
_LONGEST_LINE: Final = 20_000
_OTHER_FILES: Final = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "an Excel workbook or ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
)


def parse(body: bytes, named: Iterable[tuple[str, str]] = ()) -> BankStatement:
    """Return the statement in a file of CSV, MT940 or camt.053; its balances add up. Raises StatementError.

    `named` has columns of a CSV file with their headings, where these are not known.
    """
    text = _text_of(body)
    if text is None:
        found = parse_camt053(body)
    elif is_mt940(text):
        found = parse_mt940(text)
    else:
        return _bounded(parse_csv(text, _by_column(named)))
    if list(named):
        raise StatementError("line 1: columns are named for CSV alone, and this is another format")
    return _bounded(found)


def first_rows_unknown(body: bytes, named: Iterable[tuple[str, str]] = ()) -> FirstRows | None:
    """Return the first rows of a CSV file whose headings are neither known nor named; None of any other file.

    Raises StatementError.
    """
    text = _text_of(body)
    return None if text is None or is_mt940(text) else first_rows(text, _by_column(named))


def _by_column(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    pairs = list(named)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StatementError("a column has two headings: name each column once")
    return found


def _text_of(body: bytes) -> str | None:
    """Return the text of a file, or None of XML."""
    if not body.strip():
        raise StatementError("line 1: the file is empty")
    if len(body) > LARGEST_BYTES:
        raise StatementError(
            f"the file has {len(body)} bytes, more than {LARGEST_BYTES}: export a shorter period"
        )
    for begins, name in _OTHER_FILES:
        if body.startswith(begins):
            raise StatementError(f"line 1: this is {name}: export CSV, MT940 or camt.053")
    if body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return None
    return _text(body)


def _bounded(found: BankStatement) -> BankStatement:
    if len(found.entries) > MOST_ENTRIES:
        raise StatementError(
            f"it has {len(found.entries)} entries, more than {MOST_ENTRIES}: export a shorter period"
        )
    return found


def _text(body: bytes) -> str:
    """Return the text of a file: UTF-8 or UTF-16 with their marks, else UTF-8, else Windows-1252."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = body.decode("utf-16", "replace")
    else:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = body.decode("cp1252", "replace")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _LONGEST_LINE:
            raise StatementError(f"line {number}: it has {len(line)} characters: this is no statement")
    return text
