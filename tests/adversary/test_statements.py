"""A thief of the web's database role, and a faulty pipeline, make or change statements of account."""

import psycopg
import pytest
from tests.pipeline.test_post import town  # noqa: F401 - a fixture
from tests.pipeline.test_statements import march  # noqa: F401 - a fixture

COPY = "INSERT INTO statements_statement SELECT * FROM statements_statement"
CHANGES = (
    "UPDATE statements_statement SET total_minor = 0",
    "UPDATE statements_statement SET content = '{}'",
    "DELETE FROM statements_statement",
    "TRUNCATE statements_statement",
)
DUES = (
    "INSERT INTO statements_due SELECT * FROM statements_due",
    "UPDATE statements_due SET due_at = now()",
    "DELETE FROM statements_due",
    "SELECT FROM statements_due",
)


def refused(database, role, statement):
    with database.connect(role) as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement)


def test_no_role_but_the_pipelines_makes_one_and_none_changes_one(march, database):  # noqa: F811
    with database.connect("urja_web") as thief:
        assert thief.execute("SELECT count(*) FROM statements_statement").fetchone() == (1,)
    for statement in (COPY, *CHANGES, *DUES):
        refused(database, "urja_web", statement)
    for statement in CHANGES:
        refused(database, "urja_pipeline", statement)
    may = march.connection.execute(
        "SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_' AND has_table_privilege(rolname, 'statements_statement', 'INSERT')"
    ).fetchall()
    assert {role for (role,) in may} == {"urja_owner", "urja_pipeline"}


def test_the_pipelines_role_makes_none_that_is_not_the_ledgers(march, database):  # noqa: F811
    """A copy under the next number, with its own hash: of days that are stated already."""
    with (
        database.connect("urja_pipeline") as faulty,
        pytest.raises(psycopg.IntegrityError, match="days that an earlier one states"),
    ):
        faulty.execute(
            "INSERT INTO statements_statement (id, bucket, number, agreement_id, account_id, period_start, period_end, "
            "through_seq, opening_minor, closing_minor, total_minor, content, previous_sha256, sha256, made_at) "
            "SELECT id + 1, bucket, number + 1, agreement_id, account_id, period_start, period_end, through_seq, "
            "opening_minor, closing_minor, total_minor, content, sha256, sha256(sha256 || convert_to(content, 'UTF8')), "
            "made_at FROM statements_statement"
        )
