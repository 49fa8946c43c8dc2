"""A thief of the web's database role and uploaded sheets: no money, no meter, no other resident, no full disk."""

import psycopg
import pytest
from tests.apps.approvals.office import Person
from tests.apps.payments.till import as_role
from tests.core.sheets.messy import messy, workbook
from tests.one_setup import with_one_setup
from tests.usecases.loading.test_sheets import ROWS, book, changed, residents

from urja.apps.sheets.kinds import MOST_BYTES, MOST_OF_ONE, MOST_UPLOADS, SheetTask

SETTINGS = {
    "society": "Green Acres",
    "prefix": "GA-",
    "since": "2026-03-01",
    "tariff": "demo-domestic",
    "load_w": 3000,
}
MAP = SETTINGS | {
    "columns": {"tower": "Tower", "flat": "Flat No", "person_name": "Resident Name", "phone": "Mobile", "email": "Email",
                "balance": "Opening balance", "deposit": "Security deposit", "meter_serial": "Meter No"},
    "amounts": "credit", "balances_on": "2026-03-01",
}  # fmt: skip


@pytest.fixture
def clerk(database, stepped_clock):
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs
    from urja.usecases.policies import load_bundled_policy

    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, loaded_at=stepped_clock.now())
    load_bundled_policy("plain.toml", recorded_at=stepped_clock.now(), actor="test")
    return Person("clerk", enrolled=False)


@pytest.fixture
def asked(clerk, stepped_clock):
    """Uploads as the web, asks, and lets the pipeline answer; each with the rights of its role."""
    from urja.apps.sheets import queries, requests
    from urja.pipeline.sheets import Sheets

    def ask(rows, task=SheetTask.LOAD, the_map=MAP, actor=None, uploader=None, **how):
        now = stepped_clock.now()
        actor = actor or clerk.actor
        content = rows if isinstance(rows, bytes) else book(rows)
        with as_role("urja_web"):
            number = requests.add_upload(content, "a.xlsx", actor=uploader or actor, language="hi", at=now)
            requests.ask(number, task, the_map, actor=actor, language="hi", at=now, **how)
        with as_role("urja_pipeline"):
            Sheets("Green Acres", "INR").run_once(now)
        with as_role("urja_web"):
            return queries.requests_of(number)[0]

    return ask


def test_a_sheet_is_checked_and_its_residents_are_loaded(asked):
    """The honest way, in the rights of both roles; money is neither loaded nor a fault."""
    from urja.apps.billing.models import Arrear, Deposit
    from urja.apps.books.models import CreditRequest
    from urja.apps.journal.models import AuditEntry

    found = asked(ROWS, SheetTask.CHECK, None)
    assert found.state == "done", found.refusal
    assert found.answer["columns"][1] == ["B", "Flat No", "flat", ["101", "102", "103"], False]
    assert found.marked
    assert residents() == {}
    found = asked(ROWS)
    assert (found.state, found.answer["new"], found.answer["faulty"]) == ("done", 3, 0), found
    assert residents().keys() == {"GA-A-101", "GA-A-102"}
    assert not any(model.objects.exists() for model in (CreditRequest, Deposit, Arrear))
    assert AuditEntry.objects.get(id=found.answer["operations"][0]).actor.startswith("user ")
    assert asked(ROWS).answer["operations"] == []


def test_a_sheet_of_another_role_and_of_another_person_is_refused(asked, clerk):
    reader = Person("auditor", "auditor", enrolled=False)
    for found in (
        asked(ROWS, actor=reader.actor),
        asked(ROWS, actor="user 999999"),
        asked(ROWS, actor="root"),
        asked(ROWS, uploader=reader.actor),
    ):
        assert (found.state, found.answer) == ("refused", {})
    assert residents() == {}


def test_a_dismissed_clerk_loads_nothing(asked, clerk, stepped_clock):
    from urja.usecases.operations import dismiss

    dismiss(clerk.email, "clerk", recorded_at=stepped_clock.now(), actor="test")
    assert asked(ROWS).state == "refused"


def test_no_resident_is_replaced_and_none_comes_where_a_meter_is(asked):
    from tests.apps.town import adopt

    asked(ROWS)
    lived = residents()
    found = asked(changed(ROWS, 1, 2, "Thief"), good_rows=True)
    assert (found.answer["faulty"], found.answer["operations"]) == (1, [])
    assert residents() == lived
    home = adopt(7)
    rows = [["Flat No", "Consumer No", "Resident Name"], ["A-7", "URJ00000007", "Thief"]]
    the_map = SETTINGS | {
        "columns": {"flat": "Flat No", "consumer_number": "Consumer No", "person_name": "Resident Name"}
    }
    _empty(home)
    found = asked(rows, the_map=the_map)
    assert [fault[2]["pattern"] for fault in found.answer["faults"]] == [
        "the flat has or had a meter, and no resident now"
    ]
    assert found.answer["operations"] == []


def _empty(home):
    """As after a move out: the agreement has ended, the meter is there."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contracts_agreement DISABLE TRIGGER USER")
        cursor.execute("UPDATE contracts_agreement SET valid_to = valid_from + interval '1 minute' WHERE id = %s",
                       [home.agreement_id])  # fmt: skip
        cursor.execute("ALTER TABLE contracts_agreement ENABLE TRIGGER USER")


@with_one_setup(
    "the_map",
    [{}, {"columns": {"keys": "x"}}, {"columns": {"flat": 3}}, {"x": 1}, [], {"columns": {"flat": "No"}}],
)
def test_a_map_that_the_web_would_not_make_is_refused(asked, the_map):
    found = asked(ROWS, the_map=the_map)
    assert (found.state, found.answer) == ("refused", {})
    assert found.refusal


FORGED_ANSWER = (
    "INSERT INTO sheets_request (id, upload_id, task, good_rows, language, actor, requested_at, state, answer) "
    "SELECT 1, id, 'check', false, 'en', actor, now(), 'done', '{\"new\": 1}' FROM sheets_upload"
)


@with_one_setup(
    "statement",
    [
        "UPDATE sheets_request SET map = '{}'",
        "UPDATE sheets_request SET state = 'done'",
        "UPDATE sheets_upload SET content = 'x'",
        "DELETE FROM sheets_request",
        "DELETE FROM sheets_upload",
        FORGED_ANSWER,
    ],
)
def test_the_web_changes_neither_files_nor_answers(database, statement):
    with database.connect("urja_web") as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement)


UPLOAD = "INSERT INTO sheets_upload VALUES (%s, 'a', %s, '', %s, now())"
ASK = (
    "INSERT INTO sheets_request (id, upload_id, task, map, good_rows, language, actor, requested_at) "
    "VALUES (%s, 1, 'check', %s, false, 'en', 'user 1', now())"
)


def test_the_web_fills_no_disk(database, stepped_clock):
    from urja.apps.sheets.models import Upload
    from urja.pipeline.sheets import forget

    with database.connect("urja_web") as thief:
        with pytest.raises(psycopg.errors.CheckViolation):
            thief.execute(UPLOAD, [1, bytes(MOST_BYTES + 1), "user 1"])
        for number in range(1, MOST_UPLOADS + 1):
            thief.execute(UPLOAD, [number, b"x", f"user {number % 10}"])
        with pytest.raises(psycopg.errors.IntegrityError, match="too many uploads"):
            thief.execute(UPLOAD, [99, b"x", "user 99"])
        with pytest.raises(psycopg.errors.CheckViolation):
            thief.execute(ASK, [1, f'"{"x" * 70_000}"'])
        for number in range(3):
            thief.execute(ASK, [number, None])
        with pytest.raises(psycopg.errors.IntegrityError, match="too many requests"):
            thief.execute(ASK, [9, None])
    with as_role("urja_pipeline"):
        assert forget(stepped_clock.now()).done == 20
    assert Upload.objects.count() == 40


def test_one_person_keeps_no_other_from_loading_a_file(database, stepped_clock):
    """A clerk uploads files until no more are taken: a colleague's is stored, and stays."""
    from urja.apps.sheets.models import Upload
    from urja.pipeline.sheets import forget

    with database.connect("urja_web") as web:
        web.execute(UPLOAD, [1, b"x", "user 2"])
        for number in range(MOST_OF_ONE):
            web.execute(UPLOAD, [number + 2, b"x", "user 1"])
        with pytest.raises(psycopg.errors.IntegrityError, match="too many uploads"):
            web.execute(UPLOAD, [99, b"x", "user 1"])
        web.execute(UPLOAD, [100, b"x", "user 2"])
    with as_role("urja_pipeline"):
        assert forget(stepped_clock.now()).done == MOST_OF_ONE - 10
    assert Upload.objects.filter(actor="user 2").count() == 2


def test_a_hostile_file_is_an_answer_and_the_next_one_is_read(asked):
    assert "damaged" in asked(b"PK\x03\x04" + bytes(99), SheetTask.CHECK, None).refusal[0]
    assert asked(workbook(messy(0)), SheetTask.CHECK, None).state == "done"
