"""A thief of the web's role, or of the pipeline's, cannot change by what heat value gas is billed; nor can an owner in place."""

import psycopg
import pytest
from tests.apps.rulebook.test_heat_values import load
from tests.core.test_heat_values import APRIL, changed

COPY = (
    "INSERT INTO rulebook_heat_values_version (code, version, valid_from, text, sha256, recorded_at, actor)"
    " SELECT code, 'mine', valid_from, replace(text, '38.52', '18.52'), sha256, recorded_at, actor"
    " FROM rulebook_heat_values_version"
)
STATEMENTS = (
    COPY,
    "UPDATE rulebook_heat_values_version SET text = replace(text, '38.52', '18.52')",
    "DELETE FROM rulebook_heat_values_version",
    "TRUNCATE rulebook_heat_values_version",
    "ALTER TABLE rulebook_heat_values_version DISABLE TRIGGER ALL",
    "DROP TABLE rulebook_heat_values_version",
    "SELECT setval('rulebook_heat_values_version_id_seq', 1)",
)


@pytest.mark.parametrize("role", ["urja_web", "urja_pipeline"])
def test_no_process_writes_heat_values(database, role):
    load()
    for statement in STATEMENTS:
        with database.connect(role) as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute(statement)
    with database.connect() as owner:
        assert owner.execute("SELECT version, text FROM rulebook_heat_values_version").fetchall() == [
            ("2026-04", APRIL)
        ]


def test_no_operation_of_the_web_loads_heat_values(database):
    """They come by the command of the machine's administrator alone, as tariffs and calendars do."""
    from urja.usecases.kinds import BY_KIND

    assert not [name for name in BY_KIND if "heat" in name]


def test_a_hostile_document_is_a_list_of_faults():
    from urja.core.heat_values import HeatValuesError, parse_heat_values

    for text in (
        "[" * 100_000,
        "value = " + "9" * 5_000,
        "format = 1\n" + "[[zone]]\nvalues = [{}]\n" * 500,
        changed(("38.52", "1e999999999")),
        changed(("38.52", "inf")),
        changed(("2026-04-01", "9999-12-31")),
        changed(("city-gas", "'; DROP TABLE x")),
        changed(("[base]", "base = 3\n[bases]")),
        changed(("[[zone]]", "[zone]")),
    ):
        with pytest.raises(HeatValuesError) as refused:
            parse_heat_values(text)
        assert len(refused.value.faults) < 2_000
