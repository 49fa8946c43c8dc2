"""A thief of the web's or the pipeline's database role tries to bank units that no roof has exported."""

import psycopg
import pytest
from tests.pipeline.test_unit_banks import roof, two_days  # noqa: F401 - a fixture


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("urja_web", "INSERT INTO billing_unit_bank SELECT * FROM billing_unit_bank"),
        ("urja_web", "UPDATE billing_unit_bank SET closing_wh = 9"),
        ("urja_web", "DELETE FROM billing_unit_bank"),
        ("urja_pipeline", "UPDATE billing_unit_bank SET closing_wh = 9"),
        ("urja_pipeline", "DELETE FROM billing_unit_bank"),
        ("urja_pipeline", "ALTER TABLE billing_unit_bank DISABLE TRIGGER ALL"),
    ],
)
def test_no_role_changes_banked_units(database, roof, role, statement):  # noqa: F811
    two_days(roof)
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
