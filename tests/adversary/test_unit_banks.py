"""A thief of the web's or the pipeline's database role tries to bank units that no roof has exported."""

from datetime import timedelta

import psycopg
import pytest
from tests.one_setup import with_one_setup
from tests.pipeline.test_seal import new_sealer
from tests.pipeline.test_unit_banks import banked, roof, two_days  # noqa: F401 - fixtures


@with_one_setup(
    "role, statement",
    [
        ("urja_web", "INSERT INTO billing_unit_bank (agreement_id) VALUES (1)"),
        ("urja_web", "UPDATE billing_unit_bank SET closing_wh = 9"),
        ("urja_web", "DELETE FROM billing_unit_bank"),
        ("urja_pipeline", "UPDATE billing_unit_bank SET closing_wh = 9"),
        ("urja_pipeline", "DELETE FROM billing_unit_bank"),
        ("urja_pipeline", "ALTER TABLE billing_unit_bank DISABLE TRIGGER ALL"),
    ],
)
def test_no_role_changes_banked_units(database, banked, role, statement):  # noqa: F811
    with database.connect(role) as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement)


def test_what_the_pipelines_role_invents_is_found(database, roof):  # noqa: F811
    """It may add a version: one that adds up and follows is taken, and `urja verify` names it."""
    from tests.pipeline.test_evidence import broken

    two_days(roof)
    with database.connect("urja_pipeline") as thief:
        thief.execute(
            "INSERT INTO billing_unit_bank SELECT agreement_id, zone, period_start, version + 1, as_of, opening_wh, imported_wh,"
            " exported_wh + 90000, used_wh, settled_wh, closing_wh + 90000, ends, determinants_version, determinants_sha256,"
            " tariff_sha256, recorded_at FROM billing_unit_bank ORDER BY period_start DESC LIMIT 1"
        )
    assert broken(roof) == {"units"}


def test_units_rewritten_past_every_trigger_contradict_the_signed_log(database, roof, tmp_path):  # noqa: F811
    """By the database's superuser: a row that adds up and follows, under the number that it had."""
    from urja.laws import signed_log

    sealer = new_sealer(tmp_path)
    two_days(roof)
    for day in (2, 3):
        sealer.run_once(roof.midnight(day) + timedelta(minutes=10))
    leaves = roof.connection.execute(
        "SELECT (content::jsonb->>'after')::int, (content::jsonb->>'to')::int, (content::jsonb->>'units')::int "
        "FROM proofs_leaf WHERE kind = 'units' ORDER BY index"
    ).fetchall()
    # What the close of the second day has stored shortly after midnight is of the next day's leaf.
    assert leaves == [(0, 1, 1), (1, 3, 2)]
    with database.connect("urja_admin") as superuser:
        assert list(signed_log.examine(superuser)) == []
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "UPDATE billing_unit_bank SET exported_wh = exported_wh + 900, closing_wh = closing_wh + 900 WHERE number = 3"
        )
        superuser.commit()
        assert next(signed_log.examine(superuser)) == (
            "banked units of bucket 7 recorded up to 2026-03-04 are not those that were signed: 2 were signed, 2 stand there"
        )
        superuser.execute("DELETE FROM billing_unit_bank WHERE number = 3")
        superuser.commit()
        assert "2 were signed, 1 stand there" in next(signed_log.examine(superuser))
