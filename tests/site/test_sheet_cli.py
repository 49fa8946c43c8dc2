"""`urja sheet` at the terminal: what is shown, written and loaded, and exit codes."""

import pytest
from openpyxl import load_workbook
from tests.site.test_import_cli import run  # noqa: F401 - a fixture
from tests.usecases.loading.test_sheets import ROWS, book, changed

from urja.site.cli.sheet import check, load, template
from urja.site.command_errors import CommandError, Exit

HOW = ("--society", "Green Acres", "--tariff", "demo-domestic", "--since", "2026-03-01", "--load-kw", "3")


def test_a_file_is_checked_corrected_and_loaded(run, tmp_path):  # noqa: F811 - the fixture
    file = tmp_path / "members.xlsx"
    file.write_bytes(book(changed(ROWS, 1, 3, "12345")))
    said = run(check, file, *HOW, "--language", "hi", code=Exit.FAILED)
    assert "B 'Flat No' -> flat  e.g. 101, 102, 103" in said
    assert "3 rows: 2 new, 0 would be changed, 0 unchanged, 1 with faults" in said
    assert "D2: यह टेलीफ़ोन नंबर नहीं है" in said
    marked = load_workbook(tmp_path / "members.marked.xlsx").worksheets[0]
    assert marked["D2"].comment.text.startswith("यह टेलीफ़ोन नंबर नहीं है")
    assert marked["I1"].value == "त्रुटि"
    file.write_bytes(book(ROWS))
    # The map beside the file has what was said: the second time it need not be said.
    assert "loaded (operations" in run(load, file)
    assert "nothing was changed" in run(load, file)
    assert 'society = "Green Acres"' in (tmp_path / "members.map.toml").read_text("utf-8")


def test_keys_are_not_read_and_what_is_wrong_is_said(run, tmp_path):  # noqa: F811 - the fixture
    file = tmp_path / "members.csv"
    file.write_text("Flat No,Name,GUEK\nA-1,X,000102030405060708090a0b0c0d0e0f\n", "utf-8")
    said = run(check, file, *HOW)
    assert "'GUEK' -> keys: not read (urja stock receive)" in said
    assert "000102" not in said
    the_map = tmp_path / "wrong.toml"
    the_map.write_text("[columns]\nflet = 'Flat No'", "utf-8")
    with pytest.raises(CommandError, match="no field flet"):
        run(check, file, "--map", the_map)
    with pytest.raises(CommandError, match="not a day of the calendar"):
        run(check, file, "--since", "2026-02-31")
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(CommandError, match="damaged"):
        run(load, file)


def test_a_template_is_written_once(run, tmp_path):  # noqa: F811 - the fixture
    file = tmp_path / "new.xlsx"
    assert f"wrote {file}" in run(template, file, "--language", "hi")
    with pytest.raises(CommandError, match="already exists"):
        run(template, file)
    with pytest.raises(CommandError, match="xlsx"):
        run(template, tmp_path / "new.ods")
