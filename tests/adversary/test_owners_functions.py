"""A thief of a database role plants a temporary table that a function with its owner's rights would read in place of a real one."""

import psycopg
import pytest

DEFINERS = """
SELECT p.oid::regprocedure::text, p.proconfig FROM pg_proc p
WHERE p.prosecdef AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""


def test_each_function_with_its_owners_rights_looks_into_temporary_tables_last(database):
    with database.connect() as owner:
        found = {name: settings or [] for name, settings in owner.execute(DEFINERS)}
    assert len(found) > 10
    loose = {
        name
        for name, settings in found.items()
        if not any(one.startswith("search_path=") and one.endswith(", pg_temp") for one in settings)
    }
    assert loose == set()


@pytest.fixture
def thief(database):
    with database.connect("urja_web") as connection:
        yield connection


def test_a_temporary_table_empties_no_limit(database, thief):
    """An empty `bank_upload` of the thief would be counted in place of the stored files."""
    from tests.apps.bank.cast import society

    installation = society()
    try:
        thief.execute("CREATE TEMPORARY TABLE bank_upload (id bigint)")
    except psycopg.errors.InsufficientPrivilege:
        pytest.skip("the web's role makes no temporary tables")
    insert = (
        "INSERT INTO public.bank_upload (id, bank_account_id, file_name, body, user_id, uploaded_at)"
        " VALUES (%s, %s, '', 'x', %s, now())"
    )
    for number in range(50):
        thief.execute(insert, [number + 1, installation.account.pk, number % 5])
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        thief.execute(insert, [51, installation.account.pk, 51])
