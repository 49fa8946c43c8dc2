"""Statements name their own owner's tables, others' views, and what the debt lists."""

import pytest
from tests.contracts import sql
from tests.contracts.crossings import keys
from tests.contracts.imports import settings
from tests.contracts.tables import free, owners

pytestmark = pytest.mark.usefixtures("database_template")


def test_each_table_of_the_database_has_an_owner(database):
    """So that a table which a migration makes without a model is named in `tables.py`."""
    with database.connect() as connection:
        made = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT relispartition AND relname !~ '^(account|auth|django|mfa|usersessions)_'"
        )
        assert {name for (name,) in made} == owners().keys()


def test_a_crossing_in_sql_is_listed_and_a_listed_one_stands():
    found = set(sql.crossings())
    assert not found - set(sql.listed()), (
        "read another owner's tables through its queries or a view of its own"
    )
    assert not set(sql.listed()) - found, "gone: take these lines out of sql_debt.txt"
    assert sql.listed() == sorted(found)


def test_foreign_keys_point_down_the_layers_of_the_apps():
    """They name their table as text where an import would be a circle, so that no contract of imports sees them."""
    layers = settings()["apps"]["layers"]
    height = {
        f"urja.apps.{app.strip(' ()')}": -number
        for number, layer in enumerate(layers)
        for app in layer.split("|")
    }
    up = {(one, other) for one, other in keys() if height[owners()[one]] <= height[owners()[other]]}
    assert not up


PLANTED = 'ACCOUNTS = """SELECT a.id FROM ledger_account a"""'


@pytest.mark.parametrize(
    ("module", "source", "seen"),
    [
        ("urja.apps.notices.planted", PLANTED, ["ledger_account"]),
        ("urja.web.planted", 'run(f"SELECT {columns} FROM ledger_account WHERE {rule}")', ["ledger_account"]),
        ("urja.apps.books.planted", PLANTED, []),
        ("urja.web.planted", 'WORDS = {"ledger_account": "account"}', []),
        ("urja.web.planted", '"""About FROM ledger_account."""', []),
        (
            "urja.apps.notices.planted",
            'OWED = "SELECT FROM billing.close JOIN ledger_close"',
            ["ledger_close"],
        ),
        ("urja.apps.notices.planted", 'CLOSED = "SELECT closed_through FROM billing.close"', []),
    ],
)
def test_what_counts_as_a_crossing(module, source, seen):
    """Own tables, names alone, docstrings and published views do not."""
    assert list(sql.foreign(module, source)) == seen


def test_laws_read_base_tables():
    assert free("urja.laws.verify")
    assert free("urja.demo.town_laws")
    assert not free("urja.apps.overviews.queries.lifeline")
    assert not free("urja.pipeline.close")
