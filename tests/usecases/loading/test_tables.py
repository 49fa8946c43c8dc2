"""Files of rows: formulas that a spreadsheet would run, and sizes that a workbook unpacks to."""

import csv
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given, strategies as st
from openpyxl import Workbook

from urja.usecases.loading.row_files import FileFormatError, create_file, open_rows


def rows_of(path):
    with open_rows(path) as rows:
        return [list(cells) for _, cells in rows]


def write(path, *rows):
    with create_file(path) as writer:
        writer.row(["name"])
        for row in rows:
            writer.row(row)


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1", '=HYPERLINK("http://x")']
)
def test_no_text_of_a_csv_file_is_a_formula(tmp_path, text):
    path = tmp_path / "out.csv"
    write(path, [text])
    with path.open(newline="") as file:
        held = list(csv.reader(file))[1][0]
    assert held == f"'{text}"
    assert rows_of(path) == [[text]]


@pytest.mark.parametrize("text", ["+91 98765 43210", "-5", "+0.50", "O'Neill", "'tis", "12-B", ""])
def test_numbers_and_names_stay_as_they_are(tmp_path, text):
    path = tmp_path / "out.csv"
    write(path, [text, "x"])
    assert f"{text},x\n" in path.read_text()
    assert rows_of(path) == [[text, "x"]]


@given(st.text(alphabet="'=+-@\t\r1 a", max_size=6))
def test_what_is_written_is_read_again(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("csv") / "out.csv"
    write(path, [text, "x"])
    assert rows_of(path) == [[text, "x"]]


PEAK = """
import resource, sys
from pathlib import Path
from urja.usecases.loading.row_files import FileFormatError, open_rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    with open_rows(Path(sys.argv[1])) as rows:
        print(sum(1 for _ in rows))
except FileFormatError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
def test_a_small_workbook_does_not_take_all_memory(tmp_path, part):
    """A part of 300 MB that packs to 300 kB."""
    small, large = tmp_path / "small.xlsx", tmp_path / "large.xlsx"
    book = Workbook()
    book.active.append(["name"])
    book.save(small)
    head, item, tail = b"<sst>", b"<si><t>a</t></si>" * 1000, b"</sst>"
    with zipfile.ZipFile(small) as given_, zipfile.ZipFile(large, "w", zipfile.ZIP_DEFLATED) as made:
        for name in {*given_.namelist(), part}:
            with made.open(name, "w") as file:
                if name == part:
                    file.write(head)
                    for _ in range(300_000_000 // len(item)):
                        file.write(item)
                    file.write(tail)
                else:
                    file.write(given_.read(name))
    assert large.stat().st_size < 1 << 20
    run = subprocess.run([sys.executable, "-c", PEAK, large], capture_output=True, text=True, check=True)
    says, megabytes = run.stdout.splitlines()
    assert part in says
    assert "save the sheet as CSV" in says
    assert int(megabytes) < 100


def test_an_ordinary_large_sheet_is_read(tmp_path):
    path = tmp_path / "large.xlsx"
    write(path, *([f"name {number}", number] for number in range(20_000)))
    assert len(rows_of(path)) == 20_000


def test_a_workbook_that_lies_about_a_part_is_refused(tmp_path):
    """The size in its directory is smaller than the part: reading stops there, and the part is damaged."""
    path = tmp_path / "lies.xlsx"
    write(path, ["a"])
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
    size = sheet.file_size.to_bytes(4, "little")
    at = data.rindex(size)
    path.write_bytes(data[:at] + (20).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(FileFormatError, match="damaged"):
        rows_of(path)
