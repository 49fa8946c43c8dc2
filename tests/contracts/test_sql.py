"""Statements name their own owner's tables, others' views, and what the debt lists."""

import pytest
from tests.contracts import sql
from tests.contracts.crossings import keys
from tests.contracts.imports import settings
from tests.contracts.tables import free, named_in, owners, sql_of_migrations

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


def test_tables_carry_the_name_of_their_owner():
    assert not [
        table for table, app in owners().items() if not table.startswith(f"{app.rpartition('.')[2]}_")
    ]


@pytest.fixture
def height() -> dict[str, int]:
    """How high each app stands."""
    layers = settings()["apps"]["layers"]
    return {
        f"urja.apps.{app.strip(' ()')}": -number
        for number, layer in enumerate(layers)
        for app in layer.split("|")
    }


def test_foreign_keys_point_down_the_layers_of_the_apps(height):
    """They name their table as text where an import would be a circle, so that no contract of imports sees them."""
    up = {(one, other) for one, other in keys() if height[owners()[one]] <= height[owners()[other]]}
    assert not up


UP = {("urja.apps.readings", "proofs_period")}
"""Each transaction that stores reads asks which period of the signed log is open."""


def test_functions_triggers_and_views_name_tables_of_their_app_and_below_it(height):
    """In the SQL of migrations, where neither imports nor statements in Python tell of it."""
    up = {
        (app, table)
        for app, text in sql_of_migrations()
        for table in named_in(text)
        if owners()[table] != app and height[app] <= height[owners()[table]]
    }
    assert up == UP


PLANTED = 'ACCOUNTS = """SELECT a.id FROM books_account a"""'


@pytest.mark.parametrize(
    ("module", "source", "seen"),
    [
        ("urja.apps.notices.planted", PLANTED, ["books_account"]),
        ("urja.web.planted", 'run(f"SELECT {columns} FROM books_account WHERE {rule}")', ["books_account"]),
        ("urja.apps.books.planted", PLANTED, []),
        ("urja.web.planted", 'WORDS = {"books_account": "account"}', []),
        ("urja.web.planted", '"""About FROM books_account."""', []),
        (
            "urja.apps.notices.planted",
            'OWED = "SELECT FROM billing.close JOIN billing_close"',
            ["billing_close"],
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
    assert not free("urja.apps.overviews.queries.history")
    assert not free("urja.pipeline.close")
