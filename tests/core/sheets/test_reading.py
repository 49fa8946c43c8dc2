"""Messy member lists are read as they are meant, and what has two meanings is a fault."""

import contextlib
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from msgspec.structs import replace
from tests.core.sheets.messy import messy

from urja.core.sheets import headings, reading, sheet_map
from urja.core.sheets.cells import (
    CellError,
    is_nothing,
    read_amount,
    read_deposit,
    read_load,
    read_number,
    read_phone,
    read_text,
    text_of,
)
from urja.core.sheets.columns import meaning_of
from urja.core.sheets.days import read_days
from urja.core.sheets.grid import NO_VALUE, Grid, Merge, column_letters
from urja.core.units import MOST_MINOR

TODAY = date(2026, 11, 30)
PLAIN = {"since": "2024-04-01", "tariff": "demo-domestic", "load_w": 3000, "amounts": "credit"}


def typed(year, month, day):
    """A day as a spreadsheet stores it: without a zone."""
    return datetime(year, month, day)  # noqa: DTZ001 - as above


def guessed(grid, **given):
    found = headings.find(grid)
    assert found is not None
    return found, replace(sheet_map.guess(grid, found, today=TODAY), **(PLAIN | given))


def read(rows, merges=None, **given):
    grid = Grid("S", rows, merges)
    return reading.read(grid, *guessed(grid, **given))


def faults(found):
    return [(one.row, one.column, str(one.sentence)) for one in found.faults if one.blocking]


@pytest.mark.parametrize("seed", range(8))
def test_a_messy_list_is_read_as_it_is_meant(seed):
    sheet = messy(seed)
    grid = sheet.grid()
    found, the_map = guessed(grid, since="", load_w=0)
    assert (found.first, found.last) == sheet.heading
    result = reading.read(grid, found, the_map)
    assert faults(result) == []
    assert [row.n for row in result.rows] == [one["n"] for one in sheet.truth]
    for row, one in zip(result.rows, sheet.truth, strict=True):
        expected = {name: value for name, value in one.items() if value is not None and name != "n"}
        shown = {name: value for name, value in row.values.items() if name in one or name == "balance"}
        assert {name: value for name, value in shown.items() if value is not None} == expected, row.n


def test_a_map_that_is_written_is_read_again():
    grid = messy(1).grid()
    _, the_map = guessed(grid, dates="day", heading_rows=[3, 4], society='The "Lotus"')
    assert sheet_map.loads(sheet_map.dumps(the_map)) == the_map


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns = 3", "object"),
        ("[columns]\nflet = 'Flat'", "no field flet"),
        ("[columns]\nflat = 'A'\nphone = 'A'", "two fields"),
        ("since = '2024-02-31'\n[columns]\nflat = 'A'", "not a day"),
        ("keys = 'X'\n[columns]", "keys"),
        ("[columns]\nkeys = 'GUEK'", "no field keys"),
        ("[[", "not TOML"),
    ],
)
def test_a_map_with_a_mistake_is_refused(text, said):
    with pytest.raises(sheet_map.SheetMapError, match=said):
        sheet_map.loads(text)


# -- headings and rows -------------------------------------------------------------------------------------------------


def test_columns_of_keys_are_named_and_never_read():
    grid = Grid("S", [["Flat No", "Name", "GUEK", "Meter Auth Key"], ["A-1", "X", "00" * 16, "11" * 16]])
    found, the_map = guessed(grid)
    assert "00" * 16 not in str(reading.read(grid, found, the_map))
    from urja.core.sheets.columns import key_columns

    assert [column.heading for column in key_columns(found.columns)] == ["GUEK", "Meter Auth Key"]


def test_the_telephone_of_who_lives_there_goes_before_the_owners():
    rows = [["Flat", "Owner", None, "Tenant", None], [None, "Name", "Mobile", "Name", "Mobile"]]
    rows += [
        ["A-1", "Old Owner", 9800000001, "New Tenant", 9800000002],
        ["A-2", "Own Er", 9800000003, "-", 9800000004],
    ]
    merges = (Merge(1, 0, 2, 0), Merge(1, 1, 1, 2), Merge(1, 3, 1, 4))
    found = read(rows, merges)
    assert [(row["person_name"], row["phone"]) for row in found.rows] == [
        ("New Tenant", "+919800000002"),
        ("Own Er", "+919800000004"),
    ]


def test_a_tower_merged_over_rows_holds_for_each_of_them():
    rows = [["Tower", "Flat", "Name"], ["A", 101, "X"], [None, 102, "Y"], ["B", 101, "Z"]]
    assert [row["flat"] for row in read(rows, (Merge(2, 0, 3, 0),)).rows] == ["A-101", "A-102", "B-101"]


def test_rows_that_are_no_flats_are_passed_over_and_counted():
    rows = [
        ["Flat No", "Name"],
        ["A-1", "X"],
        ["", " "],
        ["Flat No", "Name"],
        ["A-1", "X"],
        ["Tower B", None],
        ["कुल", None],
    ]
    found = read(rows)
    assert [row.n for row in found.rows] == [2]
    assert found.passed_over == {
        reading.BLANK: 1, reading.REPEATED: 1, reading.SAME: 1, reading.SECTION: 1, reading.TOTAL: 1,
    }  # fmt: skip


def test_duplicates_are_told_apart():
    rows = [["Flat No", "Name", "Mobile", "Meter No", "Email"]]
    rows += [["A-1", "X", 9800000001, "M1", "x@example.org"], ["A 1", "Y", 9800000002, "M2", None]]
    rows += [["A-2", "Z", 9800000003, "M2", None], ["A-3", "X", 9800000001, "M3", "x@example.org"]]
    rows += [["A-4", "W", 9800000005, "M4", "x@example.org"]]
    found = read(rows)
    assert faults(found) == [
        (2, 0, "this flat is also in row 3"),
        (2, 4, "another person has this address too, in row 5, 6"),
        (3, 0, "this flat is also in row 2"),
        (3, 3, "this meter is also in row 4"),
        (4, 3, "this meter is also in row 3"),
        (5, 4, "another person has this address too, in row 2, 6"),
        (6, 4, "another person has this address too, in row 2, 5"),
    ]
    assert [str(one.sentence) for one in found.faults if not one.blocking] == ["the same person has row 2"]


def test_what_a_resident_needs_is_asked_for():
    found = read([["Flat No", "Name"], ["A-1", "X"]], since="", tariff="", load_w=0)
    assert len(faults(found)) == 3
    assert faults(read([["Flat No", "Name"], ["A-1", "Vacant"]], since="", tariff="", load_w=0)) == []


def test_an_amount_without_a_resident_is_a_fault():
    assert faults(read([["Flat No", "Name", "Balance"], ["A-1", "Vacant", 50]]))[0][:2] == (2, 2)


def test_a_telephone_number_without_a_name_is_noted():
    heading = ["Flat No", "Name", "Mobile", "Email"]
    found = read(
        [
            heading,
            ["A-1", None, "9876500106", "asha@neem.example"],
            ["A-2", "Vacant", "9876500107", None],
            ["A-3", None, None, None],
        ]
    )
    assert [(one.row, one.column, one.blocking) for one in found.faults] == [(2, 2, False)]
    assert "no resident is loaded" in found.faults[0].sentence
    assert {"phone", "email"}.isdisjoint(found.rows[0].values)


def test_letters_of_columns():
    assert [column_letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


# -- days --------------------------------------------------------------------------------------------------------------


def test_days_in_several_formats():
    written = [
        "01/04/2024",
        "13-05-24",
        "2024-06-07",
        "1st Aug 2024",
        "५ जनवरी 2025",
        45383,
        "45384",
        "NA",
        typed(2024, 12, 25),
    ]
    assert read_days(written) == [
        date(2024, 4, 1), date(2024, 5, 13), date(2024, 6, 7), date(2024, 8, 1), date(2025, 1, 5), date(2024, 4, 1),
        date(2024, 4, 2), None, date(2024, 12, 25),
    ]  # fmt: skip


def test_a_column_with_both_orders_has_ambiguous_days():
    found = read_days(["13/05/2024", "05/13/2024", "04/05/2024", "05/05/2024"])
    assert found[:2] == [date(2024, 5, 13), date(2024, 5, 13)]
    assert found[3] == date(2024, 5, 5)
    assert isinstance(found[2], CellError)
    assert "2024-05-04 or 2024-04-05" in str(found[2].sentence)
    assert read_days(["04/05/2024"], "day") == [date(2024, 5, 4)]
    assert read_days(["13/05/2024", "05/13/2024", "04/05/2024"], "month")[2] == date(2024, 4, 5)


def test_days_of_a_column_with_the_month_first():
    assert read_days(["05/13/2024", "04/05/2024"]) == [date(2024, 5, 13), date(2024, 4, 5)]


def test_days_that_an_american_spreadsheet_has_converted_are_ambiguous():
    """Typed 04/05/2024 became the 5th of April; 13/05/2024 it could not read, and left as text."""
    found = read_days([typed(2024, 4, 5), "13/05/2024", typed(2024, 6, 6)])
    assert isinstance(found[0], CellError)
    assert found[1:] == [date(2024, 5, 13), date(2024, 6, 6)]
    assert read_days([typed(2024, 4, 5), typed(2024, 4, 25), "13/05/2024"])[0] == date(2024, 4, 5)
    assert read_days([typed(2024, 4, 5), "13/05/2024"], "day")[0] == date(2024, 4, 5)


@pytest.mark.parametrize(
    "cell", ["31/02/2024", "00/00/0000", "soon", 12, 9e9, "01/01/1850", True, float("1e300")]
)
def test_what_is_no_day(cell):
    assert isinstance(read_days([cell])[0], CellError)


# Drawing is slow on a machine that does other things as well.
CALM = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
FORMATS = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %b %Y", "%d-%B-%Y", "%Y-%m-%d", "%b %d, %Y")


@CALM
@given(
    st.lists(st.tuples(st.dates(date(1960, 1, 1), date(2090, 1, 1)), st.sampled_from(FORMATS)), max_size=8)
)
def test_days_written_day_first_are_those_days(written):
    assert read_days([day.strftime(form) for day, form in written]) == [day for day, _ in written]


@CALM
@given(st.dates(date(1960, 1, 1), date(2090, 1, 1)))
def test_a_serial_is_its_day(day):
    assert read_days([float((day - date(1899, 12, 30)).days)]) == [day]
    assert date(1899, 12, 30) + timedelta(days=45383) == date(2024, 4, 1)


# -- cells -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "minor"),
    [("₹ 1,23,456.50 Cr", 12345650), ("(500)", -50000), ("500 Dr.", -50000), ("५०", 5000), ("1,234/-", 123400), (0, None),
     (1234.5600000001, 123456), ("-250.5", -25050), ("नामे", None), ("Nil", None), ("\u00a01 000 बकाया", None), ("-", None)],
)  # fmt: skip
def test_amounts(cell, minor):
    if cell in ("नामे", "\u00a01 000 बकाया"):
        with pytest.raises(CellError):
            read_amount(cell, "credit")
    else:
        assert read_amount(cell, "credit") == minor


@pytest.mark.parametrize(
    ("heading", "meaning"),
    [("Opening balance (Cr / Dr)", ""), ("प्रारंभिक शेष (जमा / नामे)", ""), ("Opening Bal", ""), ("Outstanding", "owed"),
     ("Advance paid", "credit"), ("Balance (Dr)", "owed"), ("शेष (नामे)", "owed"), ("Dues / Advance", "")],
)  # fmt: skip
def test_a_heading_with_both_words_does_not_say_what_an_amount_is(heading, meaning):
    assert meaning_of(heading) == meaning


def test_an_amount_of_which_nothing_says_what_it_is_is_a_fault():
    with pytest.raises(CellError, match="credit or owed"):
        read_amount(500, "")
    assert read_amount("500 Cr", "") == 50000
    assert read_amount(500, "owed") == -50000


@CALM
@given(st.integers(1, 10**11), st.sampled_from(["Cr", "Dr"]), st.booleans())
def test_any_amount_with_commas_is_itself(minor, side, western):
    from tests.core.sheets.messy import _lakhs

    whole, paise = divmod(minor, 100)
    text = f"{whole:,}" if western else _lakhs(whole)
    assert read_amount(f"{text}.{paise:02} {side}", "") == (minor if side == "Cr" else -minor)


def test_an_amount_has_a_bound():
    assert read_amount(90_000_000_000, "credit") == read_deposit(90_000_000_000) == MOST_MINOR
    for read in (lambda cell: read_amount(cell, "owed"), read_deposit):
        with pytest.raises(CellError, match=r"beyond 90000000000\.00, the largest that is taken"):
            read(90_000_000_000.01)


@pytest.mark.parametrize(
    "text", ["1,2,3", "12,34", "1.234,50", "1.2.3", "5 kWh x", "()", "abc", "1e5e", "--5"]
)
def test_what_is_no_number(text):
    with pytest.raises(CellError):
        read_amount(text, "credit")


@pytest.mark.parametrize(
    ("cell", "number"),
    [(9.87654321e9, "+919876543210"), ("9.87654321E+09", "+919876543210"), ("98765 43210", "+919876543210"),
     ("+91 98765-43210", "+919876543210"), ("०९८७६५४३२१०", "+919876543210"), ("0522-2345678", "+915222345678"),
     ("98765 43210 / 99999 00000", "+919876543210"), ("+1 415 555 0100", "+14155550100"), ("'9876543210", "+919876543210"),
     ("NA", None), (919876543210.0, "+919876543210")],
)  # fmt: skip
def test_telephone_numbers(cell, number):
    found = read_phone(cell)
    assert (found and found.number) == number


@pytest.mark.parametrize("cell", ["9.88E+09", "12345", "call guard", 98765432101234.0, "98765", True, "/"])
def test_what_is_no_telephone_number(cell):
    with pytest.raises(CellError):
        read_phone(cell)


@CALM
@given(
    st.integers(6_000_000_000, 9_999_999_999),
    st.sampled_from(["{}", "+91{}", "0{}", "91{}", "0091{}", "{:.1f}", "{:.9e}"]),
)
def test_a_number_is_the_same_however_it_is_written(number, form):
    if form == "{:.1f}":
        assert read_phone(float(number)).number == f"+91{number}"
    else:
        assert read_phone(form.format(number)).number == f"+91{number}"


@pytest.mark.parametrize("cell", [float("nan"), float("inf"), float("-inf")])
def test_what_no_spreadsheet_stores_is_a_fault_and_no_error(cell):
    for read_cell in (
        read_number,
        read_phone,
        lambda one: read_amount(one, "credit"),
        lambda one: read_load(one, "kW"),
    ):
        with pytest.raises(CellError):
            read_cell(cell)
    assert isinstance(read_days([cell])[0], CellError)


def test_loads():
    assert read_load("5 kW", "W") == 5000
    assert read_load(5, "kW") == 5000
    assert read_load("३", "kW") == 3000
    for cell, unit in ((5, "kva"), (0.0001, "kW"), (-1, "kW"), ("5 HP", "kW")):
        with pytest.raises(CellError):
            read_load(cell, unit)


def test_joiners_within_devanagari_stay_and_others_go():
    assert text_of("क्\u200dष") == "क्\u200dष"
    assert text_of("A\u200d-1\u200b \ufeff01") == "A-1 01"


def test_formula_errors_are_faults_and_not_texts():
    for cell in ("#N/A", NO_VALUE):
        with pytest.raises(CellError, match="formula"):
            read_text(cell, 100)
    with pytest.raises(CellError, match="15 digits"):
        read_text(1e18, 100)


ANY_CELL = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.datetimes(), st.text(max_size=30),
    st.sampled_from(["Flat No", "Name", "फ्लैट नं", "Mobile", "Balance", "Total", "Tower A", "NA", "A-101", "Load (kVA)"]),
)  # fmt: skip


@CALM
@example([["101", "Meera Devi", float("nan"), float("nan"), float("inf"), float("nan")]])
@given(st.lists(st.lists(ANY_CELL, max_size=6), max_size=8))
def test_any_cells_are_read_or_are_faults(rows):
    grid = Grid("S", [["Flat No", "Name", "Mobile", "Balance", "Load", "Possession date"], *rows])
    found, the_map = guessed(grid)
    result = reading.read(grid, found, the_map)
    for row in result.rows:
        assert row["consumer_number"] or row.n in result.faulty


@CALM
@given(ANY_CELL)
def test_a_cell_is_a_value_or_a_fault(cell):
    for read_cell in (read_number, read_phone, lambda one: read_text(one, 20)):
        with contextlib.suppress(CellError):
            assert read_cell(cell) is None or not is_nothing(text_of(cell))


def test_a_name_alone_in_its_column_may_have_nothing_below_it():
    """A few columns have a group above them, and most names stand in the upper row without a merge."""
    grid = Grid(
        "Members",
        [
            ["Sr. No.", "Flat No", "Resident Details", None, "Sanctioned Load (KW)", "Opening Bal"],
            [None, None, "Name", "Mob No", None, None],
            [1, "101", "Resident 1", 9_800_000_001.0, "5", "500 Cr"],
            [2, "102", "Resident 2", 9_800_000_002.0, "5", "NA"],
        ],
        (Merge(1, 2, 1, 3),),
    )
    found, the_map = guessed(grid)
    assert (found.first, found.last) == (1, 2)
    assert set(the_map.columns) >= {"flat", "person_name", "phone", "load", "balance"}
