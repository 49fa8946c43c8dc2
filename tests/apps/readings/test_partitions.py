"""Day partitions are created by a role of their own, and by no other."""

import psycopg
import pytest


def test_the_pipeline_makes_days_through_the_function(database):
    with database.connect("urja_pipeline") as connection:
        made = connection.execute("SELECT readings_make_days('2026-03-01', '2026-03-03')").fetchone()
        again = connection.execute("SELECT readings_make_days('2026-03-02', '2026-03-04')").fetchone()
        assert (made, again) == ((3,), (1,))
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 'readings_interval%'"
        ).fetchall()
    assert owners == [("urja_partitions",)]


def test_the_web_cannot_make_days(database):
    with database.connect("urja_web") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT readings_make_days('2026-03-01', '2026-03-01')")


@pytest.mark.parametrize("role", ["urja_pipeline", "urja_web"])
@pytest.mark.parametrize(
    "statement", ["UPDATE readings_interval SET values[1] = 0", "DELETE FROM readings_interval"]
)
def test_no_role_changes_a_measured_row(database, role, statement):
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_grants_can_be_applied_again_when_there_are_partitions(database):
    from urja.site.database import apply_grants

    with database.connect("urja_pipeline") as connection:
        connection.execute("SELECT readings_make_days('2026-03-01', '2026-03-02')")
    apply_grants(database.conninfo())
    with database.connect("urja_pipeline") as connection:
        assert connection.execute("SELECT count(*) FROM readings_interval").fetchone() == (0,)
