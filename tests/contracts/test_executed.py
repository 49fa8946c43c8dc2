"""The plugin that watches statements: what it lets pass, what fails a test, what fails a whole run."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial

import pytest
from tests.contracts import executed
from tests.contracts.tables import ROOT


def run_as(module, call, *arguments):
    """Call a function from a module that the source has not."""
    names = {}
    file = ROOT / "src" / f"{module.replace('.', '/')}.py"
    exec(compile("def run(call, *arguments): return call(*arguments)", str(file), "exec"), names)
    return names["run"](call, *arguments)


@pytest.fixture
def crossings(database):
    """What an owner's statement crosses into, unlisted; it is not held against this test."""

    def of(module, statement):
        before = set(executed.seen)
        with database.connect() as connection:
            if callable(statement):
                run_as(module, statement)
            else:
                run_as(module, connection.execute, statement)
        found = set(executed.unlisted)
        executed.unlisted.clear()
        executed.seen.clear()
        executed.seen.update(before)
        return found

    return of


def test_a_statement_across_owners_is_seen_where_it_is_executed(crossings):
    joined = "SELECT 1 FROM notices_notice JOIN payments_refund ON false"
    assert crossings("urja.apps.notices.planted", joined) == {("urja.apps.notices", "payments_refund")}
    assert crossings("urja.web.planted", "SELECT 1 FROM books_entry") == {("urja.web", "books_entry")}
    assert crossings("urja.pipeline.planted", b"SELECT 1 FROM proofs_leaf") == {
        ("urja.pipeline", "proofs_leaf")
    }


def test_own_tables_views_laws_and_listed_debt_pass(crossings):
    assert not crossings("urja.apps.books.planted", "SELECT 1 FROM books_entry")
    assert not crossings("urja.web.planted", "SELECT 1 FROM billing.arrear_left")
    assert not crossings("urja.laws.planted", "SELECT 1 FROM books_entry")
    assert not crossings("urja.web.planted", "SELECT 1 FROM django_session")


def test_a_key_allows_the_table_that_it_names_and_no_other(crossings):
    joined = "SELECT 1 FROM work_order JOIN network_service_point ON false"
    assert not crossings("urja.apps.work.planted", joined)
    further = "SELECT 1 FROM work_order JOIN network_node ON false"
    assert crossings("urja.apps.work.planted", further) == {("urja.apps.work", "network_node")}


def test_use_cases_may_name_the_tables_of_models(crossings):
    assert not crossings("urja.usecases.planted", "SELECT 1 FROM payments_refund")
    assert crossings("urja.usecases.planted", "SELECT 1 FROM proofs_leaf") == {
        ("urja.usecases", "proofs_leaf")
    }


def test_overviews_read_the_tables_of_models_and_write_none(crossings):
    assert not crossings("urja.apps.overviews.planted", "SELECT 1 FROM payments_refund")
    assert crossings("urja.apps.overviews.planted", "DELETE FROM payments_refund WHERE false")


def test_helpers_execute_for_their_caller(crossings):
    from urja.apps.notices.models import Message
    from urja.apps.partial_insert import insert

    sent = partial(
        insert,
        Message,
        sent_at=datetime(2026, 3, 1, tzinfo=UTC),
        sender="a",
        recipient="b",
        subject="",
        body="",
    )
    assert crossings("urja.apps.payments.planted", sent) == {("urja.apps.payments", "notices_message")}
    assert not crossings("urja.apps.notices.planted", sent)


def test_no_line_is_listed_that_another_debt_implies(database_template):
    assert not [crossing for crossing in executed.listed() if executed.implied(crossing)], "take these out"


CONFTEST = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
pytest_plugins = ["tests.contracts.executed"]
from tests.contracts import executed, tables
executed.DEBT = Path(__file__).parent / "debt.txt"
executed.owners = tables.owners = lambda: dict.fromkeys(["proofs_head", "proofs_leaf", "proofs_node"], "urja.apps.proofs")
"""
TEST = f"""
from tests.contracts import executed
def execute(table):
    names = {{}}
    file = {str(ROOT / "src/urja/web/planted.py")!r}
    exec(compile("def run(note, table): note(f'SELECT 1 FROM {{table}}')", file, "exec"), names)
    names["run"](executed.note, table)
def test_first(): execute("proofs_head")
def test_second(): execute("proofs_leaf")
"""


@pytest.fixture
def run_suite(tmp_path):
    """A suite of two statements of the web's, run with a debt."""
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = .\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_planted.py").write_text(TEST)

    def run(tables, *arguments):
        (tmp_path / "debt.txt").write_text("".join(f"urja.web -> {table}\n" for table in tables))
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "xdist", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            timeout=240,
        )

    return run


def test_a_whole_run_misses_what_is_gone(run_suite):
    gone = ["proofs_head", "proofs_leaf", "proofs_node"]
    whole = run_suite(gone, "-n2")
    assert whole.returncode == 1, whole.stdout
    assert "urja.web -> proofs_node" in whole.stdout
    assert "urja.web -> proofs_leaf" not in whole.stdout, "workers hand over what they have seen"
    assert run_suite(gone, "-n0", "test_planted.py").returncode == 0, "a part of the suite sees a part"
    assert run_suite(gone[:2], "-n0").returncode == 0


def test_an_unlisted_statement_fails_its_test(run_suite):
    unlisted = run_suite(["proofs_head"], "-n0")
    assert unlisted.returncode == 1
    assert "FAILED test_planted.py::test_second" in unlisted.stdout
    assert "urja.web -> proofs_leaf: SELECT 1 FROM proofs_leaf" in unlisted.stdout
