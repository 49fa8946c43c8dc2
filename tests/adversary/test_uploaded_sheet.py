"""A hostile spreadsheet: it takes no memory, time, file or socket beyond the child's, and runs nothing."""

import io
import json
import socket
import subprocess
import sys
import threading
import zipfile

import pytest
from openpyxl import Workbook, load_workbook
from tests.core.sheets.messy import messy, workbook

from urja.core.sheets.grid import NO_VALUE
from urja.core.sheets.reading import SheetFault
from urja.usecases.loading import sheet_process
from urja.usecases.loading.sheet_process import UnreadableSheetError, marked_copy, parse

GOOD = workbook(messy(0))


def with_part(name, content, base=GOOD, packed=zipfile.ZIP_DEFLATED):
    """A workbook with one part replaced or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(base)) as old, zipfile.ZipFile(out, "w", packed) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return out.getvalue()


def sheet_xml(rows, after=""):
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f"{rows}</sheetData>{after}</worksheet>"
    )


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
MANY_CELLS = sheet_xml("".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in range(1, 20_003)))

HOSTILE = {
    "a part that unpacks to 60 MB": (with_part("xl/media/x.xml", b" " * (60 << 20)), "more memory or time"),
    "entities of entities": (
        with_part(SHEET, f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>' + sheet_xml("<row><c><v>&l9;</v></c></row>")),
        "declares XML entities",
    ),
    "entities in UTF-16": (
        with_part(SHEET, ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
                          + sheet_xml("<row><c><v>&a;</v></c></row>")).encode("utf-16")),
        "declares XML entities",
    ),
    "a merge over all cells": (
        with_part(SHEET, sheet_xml('<row r="1"><c r="A1"><v>1</v></c></row>',
                                   '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>')),
        "more memory or time",
    ),
    "a cell in the last corner": (
        with_part(SHEET, sheet_xml('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')), "it has cells at XFD1048576",
    ),
    "too many rows": (with_part(SHEET, MANY_CELLS), "20000 rows"),
    "no zip": (b"PK\x03\x04" + bytes(200), "damaged"),
    "a cut file": (GOOD[: len(GOOD) // 2], "damaged"),
    "a zip of something else": (with_part("a", b"", base=b"PK\x05\x06" + bytes(18)), "damaged"),
    "a part without end": (with_part(SHEET, "<worksheet><sheetData><row>"), "damaged"),
    "nested elements": (with_part(SHEET, "<a>" * 200_000), "damaged|more memory"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "save it as .xlsx"),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(300), "neither an Excel workbook"),
    "an open quote": (b'Flat No,Name\nA-1,"X\n', "a quote in the CSV"),
    "nothing": (b"", "no filled cells|neither"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_sentence(name):
    content, said = HOSTILE[name]
    with pytest.raises(UnreadableSheetError, match=said) as refused:
        parse(content)
    assert refused.value.sentence.pattern


def test_a_file_that_is_too_large_reaches_no_child(monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    with pytest.raises(UnreadableSheetError, match="5 MB"):
        parse(b"x" * (sheet_process.MAX_FILE_BYTES + 1))


def test_formulas_macros_and_links_do_nothing():
    book = Workbook()
    page = book.active
    page.append(["Flat No", "Name"])
    page.append(["A-1", '=HYPERLINK("http://127.0.0.1:1/x","x")'])
    page.append(["A-2", "=cmd|' /C calc'!A0"])
    out = io.BytesIO()
    book.save(out)
    content = with_part("xl/vbaProject.bin", b"macro", base=out.getvalue())
    grid = parse(content)[0]
    assert [row[1] for row in grid.rows[1:]] == [NO_VALUE, NO_VALUE]
    copy = marked_copy(
        content, sheet=page.title, heading_row=1, title="Fault", marks=[(SheetFault(2, 1, "x", ""), "=1+1")]
    )
    assert not any("vba" in name for name in zipfile.ZipFile(io.BytesIO(copy)).namelist())
    cell = load_workbook(io.BytesIO(copy)).active["C2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


PLANTED = """
import os, runpy, socket, sys
parser = runpy.run_path({path!r}, run_name="planted")
parser["limits"].update({limits!r})
parser["confine"]()
tried = []
for name, act in (
    ("open", lambda: open("/etc/hostname")),
    ("write", lambda: open("/tmp/urja-planted", "w")),
    ("connect", lambda: socket.create_connection(("127.0.0.1", {port}), 1)),
    ("memory", lambda: bytearray(2 << 30)),
    ("answer", lambda: os.write(1, b"x" * (2 << 20)) > (1 << 20) or 1 / 0),
):
    try:
        act()
    except (OSError, MemoryError, ZeroDivisionError):
        tried.append(name)
sys.stderr.write(",".join(tried))
"""


def test_code_in_the_child_opens_no_file_and_no_socket(tmp_path):
    """As if a parser's mistake had given the file control: what it then tries is refused by the kernel."""
    accepted = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1)
        thread = threading.Thread(target=lambda: _accept(server, accepted))
        thread.start()
        limits = sheet_process.LIMITS | {"answer_bytes": 1 << 20}
        program = PLANTED.format(
            path=str(sheet_process._PROGRAM), port=server.getsockname()[1], limits=limits
        )
        with (tmp_path / "out").open("wb") as out:
            done = subprocess.run(
                [sys.executable, "-I", "-c", program],
                stdout=out,
                stderr=subprocess.PIPE,
                timeout=30,
                check=False,
                env={},
            )
        thread.join()
    refused = set(done.stderr.decode().split(","))
    assert {"open", "write", "connect", "memory", "answer"} <= refused, done.stderr
    assert accepted == []
    assert (tmp_path / "out").stat().st_size <= 1 << 20


def _accept(server, accepted):
    try:
        accepted.append(server.accept())
    except TimeoutError:
        return


def test_the_child_has_nothing_of_this_processs_environment(monkeypatch):
    seen = {}
    monkeypatch.setenv("URJA_SECRET", "s3cret")
    run = subprocess.run

    def watched(*args, **how):
        seen.update(how)
        return run(*args, **how)

    monkeypatch.setattr(subprocess, "run", watched)
    parse(GOOD)
    assert seen["env"] == {}


@pytest.mark.parametrize(
    "answer",
    [
        {"sheets": [{"name": "S", "rows": [[1]], "merges": [[1, 0, 10**9, 0]]}]},
        {"sheets": [{"name": "S", "rows": [[1]], "merges": [[1, 0, 1, 0]] * 600_000}]},
        {"sheets": [{"name": "S", "rows": [[{"day": "never"}]], "merges": None}]},
        {"sheets": [{"name": "S", "rows": [[[1]]], "merges": None}]},
        [],
    ],
)
def test_an_answer_of_a_captured_child_is_checked(monkeypatch, answer):
    monkeypatch.setattr(sheet_process, "_run", lambda task, content: json.dumps(answer).encode())
    with pytest.raises(UnreadableSheetError):
        parse(GOOD)


def test_a_child_without_end_is_ended(monkeypatch, tmp_path):
    program = tmp_path / "endless.py"
    program.write_text("while True: pass")
    monkeypatch.setattr(sheet_process, "_PROGRAM", program)
    monkeypatch.setattr(sheet_process, "_WALL_S", 0.5)
    with pytest.raises(UnreadableSheetError, match="memory or time"):
        parse(GOOD)
