"""A thief of the web's database role, and a faulty pipeline, make or change statements of account."""

import json
from datetime import timedelta

import msgspec
import psycopg
import pytest
from click.testing import CliRunner
from tests.apps import town as town_rows
from tests.apps.payments.till import as_role
from tests.pipeline.test_post import CUT, town  # noqa: F401 - a fixture
from tests.pipeline.test_seal import exported, new_sealer
from tests.pipeline.test_statements import MARCH_ENDS, days, march  # noqa: F401 - a fixture

from urja.apps.proofs import queries
from urja.apps.proofs.receipts import ProofError, Receipt, check
from urja.site.cli.verify import verify

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
    "SELECT due_at FROM statements_due",
    "INSERT INTO statements_began VALUES ('2030-01-01')",
    "SELECT FROM statements_began",
)


def refused(database, role, statement):
    with database.connect(role) as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement)


def test_no_role_but_the_pipelines_makes_one_and_none_changes_one(march):  # noqa: F811
    with march.database.connect("urja_web") as thief:
        assert thief.execute("SELECT count(*) FROM statements_statement").fetchone() == (1,)
    for statement in (COPY, *CHANGES, *DUES):
        refused(march.database, "urja_web", statement)
    for statement in CHANGES:
        refused(march.database, "urja_pipeline", statement)
    may = march.connection.execute(
        "SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_' AND has_table_privilege(rolname, 'statements_statement', 'INSERT')"
    ).fetchall()
    assert {role for (role,) in may} == {"urja_owner", "urja_pipeline"}


def test_the_pipelines_role_makes_none_that_is_not_the_ledgers(march):  # noqa: F811
    """A copy under the next number, with its own hash: of days that are stated already."""
    with (
        march.database.connect("urja_pipeline") as faulty,
        pytest.raises(psycopg.IntegrityError, match="days that an earlier one states"),
    ):
        faulty.execute(
            "INSERT INTO statements_statement (id, bucket, number, agreement_id, account_id, period_start, period_end, "
            "through_seq, opening_minor, closing_minor, total_minor, content, previous_sha256, sha256, made_at) "
            "SELECT id + 1, bucket, number + 1, agreement_id, account_id, period_start, period_end, through_seq, "
            "opening_minor, closing_minor, total_minor, content, sha256, sha256(sha256 || convert_to(content, 'UTF8')), "
            "made_at FROM statements_statement"
        )


def test_the_pipelines_role_makes_no_final_one_of_an_account_that_is_not_settled(march):  # noqa: F811
    with (
        march.database.connect("urja_pipeline") as faulty,
        pytest.raises(psycopg.IntegrityError, match="not settled"),
    ):
        faulty.execute(
            "INSERT INTO statements_statement SELECT id + 1, bucket, number + 1, period_end, period_end + 1, through_seq, "
            "closing_minor, closing_minor, 0, content, sha256, sha256(sha256 || convert_to(content, 'UTF8')), made_at, "
            "account_id, agreement_id, NULL, true FROM statements_statement"
        )


def test_a_statement_rewritten_with_its_hash_contradicts_the_signed_log(march, tmp_path):  # noqa: F811
    """By the database's superuser, without a trigger: the log that was signed the next day has its hash."""
    from urja.laws import signed_log

    sealer = new_sealer(tmp_path)
    sealer.run_once(march.midnight(30) + MINUTES)
    assert leaves(march) == []
    days(march, 31, 31)
    sealer.run_once(march.midnight(31) + MINUTES)
    assert leaves(march) == [(7, 0, 1)]
    with march.database.connect("urja_admin") as superuser:
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


def test_a_forged_receipt_of_a_statement_proves_nothing(march, tmp_path):  # noqa: F811
    """The other household's statement is in the same leaf: neither needs the other's content for its proof."""
    other = town_rows.adopt(number=2, credit_minor=50_000)
    town_rows.store_registers(
        march.connection, town_rows.registers(other, (march.midnight(MARCH_ENDS), 100_000))
    )
    march.post(MARCH_ENDS, CUT)
    sealer = new_sealer(tmp_path)
    sealer.run_once(march.midnight(MARCH_ENDS + 1) + MINUTES)
    heads = exported(sealer)
    with as_role("urja_web"):
        receipts = [
            queries.statement_receipt(id_, n)
            for id_, n in ((march.adopted.account_id, 1), (other.account_id, 2))
        ]
        assert queries.statement_receipt(other.account_id, 1) is None
        assert queries.statement_receipt(other.account_id, 3) is None
    for made, account in zip(receipts, (march.adopted.account_id, other.account_id), strict=True):
        receipt = msgspec.json.decode(msgspec.json.encode(made), type=Receipt)
        assert check(receipt, heads).head.number == 1
        [proven] = receipt.statements
        assert json.loads(proven.content)["account_id"] == account
        for forged in (
            {"content": proven.content.replace('"closing_minor":', '"closing_minor":9')},
            {"previous_sha256": "11" * 32},
            {"in_day": msgspec.structs.replace(proven.in_day, index=1 - proven.in_day.index)},
            {"day": proven.day.replace('"statements":2', '"statements":1')},
            {"in_log": msgspec.structs.replace(proven.in_log, path=[])},
            {"content": "{}"},
            {"day": "{}"},
        ):
            statements = [msgspec.structs.replace(proven, **forged)]
            with pytest.raises(ProofError):
                pytest.fail(
                    f"{forged} was proven: {check(msgspec.structs.replace(receipt, statements=statements), heads)}"
                )
    entry, head = tmp_path / "receipt.json", sealer.directory
    entry.write_bytes(msgspec.json.encode(receipts[0]))
    said = CliRunner().invoke(verify, ["--receipt", str(entry), "--head", str(head)])
    assert "proven  statement 7-1 of account" in said.output
    said = CliRunner().invoke(verify, ["--receipt", str(entry), "--head", str(head), "--json"])
    assert [one["number"] for one in json.loads(said.output)["statements"]] == ["7-1"]


def leaves(march):  # noqa: F811
    """Bucket, and the first number less one and the last, of each leaf of statements."""
    return march.connection.execute(
        "SELECT bucket, (content::jsonb->>'after')::int, (content::jsonb->>'to')::int FROM proofs_leaf "
        "WHERE kind = 'statements' ORDER BY index"
    ).fetchall()
