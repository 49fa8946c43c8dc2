"""A society's own spreadsheet is loaded, loaded again, and loaded when it is old."""

import hashlib
import io
from datetime import date

import pytest
from msgspec.structs import replace
from openpyxl import Workbook, load_workbook
from tests.core.sheets.messy import messy, workbook
from tests.usecases.loading.test_old_file_again import moved_on

from urja.core.sheets.sheet_map import SheetMapError
from urja.usecases.loading import sheet_files
from urja.usecases.loading.sheet_process import UnreadableSheetError, parse

PLAIN = {
    "since": "2026-03-01",
    "tariff": "demo-domestic",
    "load_w": 3000,
    "amounts": "credit",
    "balances_on": "2026-03-01",
}
ROWS = [
    [
        "Tower",
        "Flat No",
        "Resident Name",
        "Mobile",
        "Email",
        "Opening balance",
        "Security deposit",
        "Meter No",
    ],
    ["A", 101, "Meera Devi", 9812345678.0, "meera@example.org", "500 Cr", 2000, "M-1"],
    ["A", 102, "रवि कुमार", "98123 45679", None, "1,250.50 Dr", None, "M-2"],
    ["A", 103, "Vacant", None, None, None, None, "M-3"],
]


def book(rows):
    made = Workbook()
    for row in rows:
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def changed(rows, n, column, value):
    rows = [list(row) for row in rows]
    rows[n][column] = value
    return rows


@pytest.fixture
def load_sheet(load):
    """Loads a workbook into a database that knows the bundled tariffs."""
    from urja.usecases.loading import sheet_loading

    def run(rows, *, dry_run=False, good_rows=False, **given):
        content = rows if isinstance(rows, bytes) else book(rows)
        file = sheet_files.open_file(content, None, society="Green Acres", today=date(2026, 4, 1))
        file = sheet_files.SheetFile(file.grid, file.headings, replace(file.map, **(PLAIN | given)))
        order = sheet_loading.SheetOrder(
            "members.xlsx", hashlib.sha256(content).hexdigest(), file.read(), file.map, load.clock.now(), "test", "INR",
            dry_run=dry_run, good_rows=good_rows, layout=file.layout,
        )  # fmt: skip
        return sheet_loading.load_sheet(order)

    run.clock = load.clock
    return run


def state():
    """A hash of all rows of the registry and of what was asked of the ledger."""
    from django.db import connection

    from urja.usecases.operation_execution import RECORDED_TABLES

    found = hashlib.sha256()
    with connection.cursor() as cursor:
        for table in (
            *RECORDED_TABLES,
            "books_credit_request",
            "journal_operation",
            "journal_history",
            "auth_user",
        ):
            cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
            found.update(repr(cursor.fetchall()).encode())
    return found.hexdigest()


def residents():
    from urja.apps.contracts.models import Agreement

    return {
        one.service_point.consumer_number: (one.customer.name, one.customer.phone)
        for one in Agreement.objects.filter(valid_to=None).select_related("service_point", "customer")
    }


def faults(report):
    return [(one.row, str(one.sentence)) for one in report.faults if one.blocking]


def test_a_sheet_is_loaded_with_its_money(load_sheet):
    from urja.apps.billing.models import Arrear, Deposit
    from urja.apps.books.models import CreditRequest
    from urja.apps.network.models import Premise

    before = state()
    tried = load_sheet(ROWS, dry_run=True)
    assert (tried.new, tried.faulty, tried.operations) == (3, 0, [])
    assert state() == before
    report = load_sheet(ROWS)
    assert (report.new, report.changed, report.unchanged, faults(report)) == (3, 0, 0, [])
    assert residents() == {
        "GA-A-101": ("Meera Devi", "+919812345678"),
        "GA-A-102": ("रवि कुमार", "+919812345679"),
    }
    assert list(CreditRequest.objects.values_list("amount_minor", "kind")) == [(50000, "opening-credit")]
    assert [(one.bill, one.principal_minor, one.due_on) for one in Arrear.objects.all()] == [
        ("opening", 125050, date(2026, 3, 1))
    ]
    assert list(Deposit.objects.values_list("amount_minor", flat=True)) == [200000]
    assert set(Premise.objects.values_list("kind", "name")) >= {
        ("society", "Green Acres"),
        ("tower", "A"),
        ("flat", "A-103"),
    }
    assert sum("is not known yet" in str(one.sentence) for one in report.faults) == 3


def test_the_same_file_again_changes_nothing(load_sheet):
    load_sheet(ROWS)
    before = state()
    report = load_sheet(ROWS, since="2026-03-15", tariff="demo-commercial", load_w=1000)
    assert (report.new, report.changed, report.unchanged, report.operations) == (0, 0, 3, [])
    assert state() == before, "what the map assumes for new residents is nothing to those who are there"


def test_a_corrected_cell_changes_its_flat_alone(load_sheet):
    load_sheet(ROWS)
    report = load_sheet(changed(ROWS, 1, 3, "9898989898"))
    assert (report.new, report.changed, report.unchanged) == (0, 1, 2)
    assert residents()["GA-A-101"] == ("Meera Devi", "+919898989898")


def test_the_old_file_never_overwrites_another_resident(load_sheet):
    """With the day that the map assumes the loader would have taken another name for a correction of this one."""
    load_sheet(ROWS)
    moved_on(load_sheet, "GA-A-101", "Sita Ram", "sita@example.org")
    before, lived = state(), residents()
    for rows in (ROWS, changed(ROWS, 2, 2, "Another Name")):
        report = load_sheet(rows, good_rows=True)
        assert state() == before
        assert any("has another resident since" in sentence for _, sentence in faults(report)), report.faults
    assert any("another resident since 2026-03-01" in sentence for _, sentence in faults(report))
    assert residents() == lived


def test_a_telephone_that_was_replaced_does_not_come_back(load_sheet):
    load_sheet(ROWS)
    load_sheet(changed(ROWS, 1, 3, "9898989898"))
    report = load_sheet(ROWS)
    assert report.unchanged == 3
    assert residents()["GA-A-101"] == ("Meera Devi", "+919898989898")
    assert [str(one.sentence) for one in report.faults if "replaced" in str(one.sentence)] == [
        "+919812345678 was replaced by a newer value here, which stays"
    ]


def test_an_opening_balance_of_the_other_sign_is_refused(load_sheet):
    load_sheet(ROWS)
    before = state()
    report = load_sheet(changed(ROWS, 1, 5, "500 Dr"), good_rows=True)
    assert faults(report) == [(2, "an opening balance of the other sign was loaded before")]
    assert state() == before


def test_one_fault_stops_the_file_and_good_rows_are_loaded_whole_or_not(load_sheet):
    rows = changed(changed(ROWS, 1, 3, "12345"), 2, 5, "many")
    before = state()
    report = load_sheet(rows)
    assert (report.faulty, report.operations) == (2, [])
    assert state() == before
    # The tariff is known to the registry alone: the row is refused by the operation, and its deposit stays out too.
    unknown = load_sheet([[*ROWS[0], "Tariff"], [*ROWS[1], "nothing"], [*ROWS[2], ""]], good_rows=True)
    assert unknown.faulty == 1
    assert residents().keys() == {"GA-A-102"}


def test_a_messy_list_is_loaded_marked_and_loaded_again(load_sheet):
    sheet = messy(0)
    for one in sheet.rows:
        if one[:1] == ["Sr. No."]:
            columns = {name: place for place, name in enumerate(sheet.society.headings)}
    bad = sheet.truth[3]["n"]
    sheet.rows[bad - 1][columns["load"]] = "5 HP"
    sheet.rows[bad - 1][columns["person_name"]] = "Meera Devi"
    for one in sheet.truth:
        # The bundled tariffs begin later than these people moved in.
        sheet.rows[one["n"] - 1][columns["since"]] = None
    content = workbook(sheet)
    report = load_sheet(content, good_rows=True)
    assert [row for row, _ in faults(report)] == [bad], report.faults
    assert len(residents()) == sum(one["person_name"] is not None for one in sheet.truth if one["n"] != bad)
    file = sheet_files.open_file(content, None, society="", today=date(2026, 4, 1))
    copy = sheet_files.marked(content, file, report.faults)
    page = load_workbook(io.BytesIO(copy))["Members"]
    cell = page.cell(bad, columns["load"] + 1)
    assert cell.fill.fgColor.rgb == "FFFFC7CE"
    assert cell.comment.text == "hp is not a unit of the load; write the load in kW"
    assert page.cell(sheet.heading[1], len(columns) + 1).value == "Fault"
    assert cell.comment.text in page.cell(bad, len(columns) + 1).value
    assert page.merged_cells.ranges
    # The copy is corrected and loaded: its column of faults is passed over, and marks of the past go.
    cell.value = 5
    out = io.BytesIO()
    page.parent.save(out)
    again = load_sheet(out.getvalue())
    assert (again.new, again.faulty) == (1, 0), again.faults
    cleared = load_workbook(io.BytesIO(sheet_files.marked(out.getvalue(), file, []))).worksheets[0]
    assert cleared.cell(bad, columns["load"] + 1).comment is None
    assert cleared.cell(bad, len(columns) + 1).value is None


def test_a_marked_csv_keeps_its_delimiter():
    content = "Flat No;Name;Mobile\nA-1;Meera;12\n".encode("utf-16")
    file = sheet_files.open_file(content, None, society="", today=date(2026, 4, 1))
    found = sheet_files.SheetFile(file.grid, file.headings, replace(file.map, **PLAIN)).read().faults
    assert (
        sheet_files.marked(content, file, found).decode("utf-16").splitlines()[0]
        == "Flat No;Name;Mobile;Fault"
    )
    assert (
        parse(sheet_files.marked(content, file, found))[0]
        .rows[1][3]
        .startswith("it is not a telephone number")
    )


def test_a_layout_is_read_as_it_was_loaded(load_sheet):
    """The corrected map of one file holds for the next one with the same headings, whatever is in its rows."""
    from urja.usecases.loading.sheet_loading import remembered

    def opened(rows):
        return sheet_files.open_file(
            book(rows), None, society="Other", today=date(2026, 4, 1), remembered=remembered
        )

    load_sheet(ROWS, dry_run=True)
    assert opened(ROWS).map.tariff == ""
    load_sheet(ROWS)
    later = opened([["Members of Green Acres"], *ROWS[:1], ["B", 7, "Sita Ram"]])
    assert (later.map.tariff, later.map.society, later.map.columns) == (
        "demo-domestic", "Green Acres", opened(ROWS).map.columns,
    )  # fmt: skip
    assert opened([["Flat No", "Name"], ["A-1", "X"]]).map.tariff == ""


def test_residents_come_to_the_flats_of_a_society_that_was_set_up(load_sheet):
    from urja.apps.network.models import Premise, ServicePoint
    from urja.usecases.kinds.societies import Tower
    from urja.usecases.operations import SetUpSociety, perform

    now = load_sheet.clock.now()
    society = SetUpSociety(
        name="Green Acres", towers=(Tower(name="A", first_flat=101, last_flat=103),), connected_at=now
    )
    perform(society, recorded_at=now, actor="test")
    before = (Premise.objects.count(), ServicePoint.objects.count())
    report = load_sheet(ROWS)
    assert (report.new, report.changed, report.unchanged, faults(report)) == (0, 2, 1, [])
    assert (Premise.objects.count(), ServicePoint.objects.count()) == before
    assert residents().keys() == {"GA-A-101", "GA-A-102"}


@pytest.mark.parametrize("language", sheet_files.LANGUAGES)
def test_each_heading_of_the_template_is_known(language):
    rows = parse(sheet_files.template(language))[0].rows
    file = sheet_files.open_file(book([*rows, ["A", "101", "X"]]), None, society="", today=date(2026, 4, 1))
    assert len(file.map.columns) == len(rows[0]) == 12


def test_a_sheet_without_known_headings_says_so():
    with pytest.raises(UnreadableSheetError, match="name the columns"):
        sheet_files.open_file(book([["x", "y"], [1, 2]]), None, society="", today=date(2026, 4, 1))
    file = sheet_files.open_file(
        book([["Name", "Mobile"], ["X", 1]]), None, society="", today=date(2026, 4, 1)
    )
    with pytest.raises(SheetMapError, match="flat"):
        file.read()


def test_what_an_operation_refuses_is_said_in_hindi_too(load_sheet):
    """Faults keep their patterns on their way through the load's table."""
    from urja.base.sentences import translated
    from urja.site.cli.sheet import catalogue_of

    load_sheet(ROWS)
    rows = [
        [*ROWS[0], "Load", "Tariff"],
        [*ROWS[1], 5, ""],
        ["A", 104, "New Person", *[None] * 5, 3, "nothing"],
    ]
    report = load_sheet(rows)
    hindi = [translated(one.sentence, catalogue_of("hi")) for one in report.faults if one.blocking]
    assert len(hindi) == 2
    assert hindi[0] == "शर्तों में 3000 है"
    assert hindi[1] != str([one for one in report.faults if one.blocking][1].sentence)
