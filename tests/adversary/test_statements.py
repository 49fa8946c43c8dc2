"""A thief of the web's database role, and a faulty pipeline, make or change statements of account."""

from datetime import timedelta

import psycopg
import pytest
from tests.pipeline.test_post import town  # noqa: F401 - a fixture
from tests.pipeline.test_seal import new_sealer
from tests.pipeline.test_statements import days, march  # noqa: F401 - a fixture

MINUTES = timedelta(minutes=10)

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


def test_a_statement_rewritten_with_its_hash_contradicts_the_signed_log(march, database, tmp_path):  # noqa: F811
    """By the database's superuser, without a trigger: the log that was signed the next day has its hash."""
    from urja.laws import signed_log

    sealer = new_sealer(tmp_path)
    sealer.run_once(march.midnight(30) + MINUTES)
    assert leaves(march) == []
    days(march, 31, 31)
    sealer.run_once(march.midnight(31) + MINUTES)
    assert leaves(march) == [(7, 0, 1)]
    with database.connect("urja_admin") as superuser:
        assert list(signed_log.examine(superuser)) == []
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE statements_statement SET content = replace(content, 'Energy', 'Light')")
        superuser.execute(
            "UPDATE statements_statement SET sha256 = sha256(previous_sha256 || convert_to(content, 'UTF8'))"
        )
        superuser.commit()
        found = list(signed_log.examine(superuser))
        assert found[0] == (
            "statements of account of bucket 7 made up to 2026-04-01 are not those that were signed: 1 were signed, 1 stand there"
        )
        superuser.execute("DELETE FROM statements_statement")
        superuser.commit()
        assert "1 were signed, 0 stand there" in next(signed_log.examine(superuser))


def leaves(march):  # noqa: F811
    """Bucket, and the first number less one and the last, of each leaf of statements."""
    return march.connection.execute(
        "SELECT bucket, (content::jsonb->>'after')::int, (content::jsonb->>'to')::int FROM proofs_leaf "
        "WHERE kind = 'statements' ORDER BY index"
    ).fetchall()
