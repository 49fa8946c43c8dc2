"""Triggers report changes of a supply to the decisions: which account, found without reading all others."""

from tests.apps.town import START, adopt


def rows_read(cursor):
    """Of the agreements, in this transaction."""
    cursor.execute(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'contracts_agreement'"
    )
    ((read,),) = cursor.fetchall()
    return read


def test_a_change_is_told_of_its_own_account_and_found_by_index(database):
    from django.db import connection, transaction

    from urja.apps.contracts.models import Agreement
    from urja.apps.people.models import Protection

    protected, _other = adopt(1), adopt(2)
    agreement = Agreement.objects.get(account_id=protected.account_id)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM supply_changed")
        # A table of two rows would be read whole whatever the condition, and a plan for these values alone is not kept.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        before = rows_read(cursor)
        Protection.objects.create(
            id=1,
            person_id=agreement.customer_id,
            kind="medical",
            evidence="a letter",
            valid_from=START,
            recorded_at=START,
            actor="test",
        )
        assert rows_read(cursor) - before == 1
        cursor.execute("SELECT account_id, what FROM supply_changed")
        assert cursor.fetchall() == [(protected.account_id, "supply_protection_changed")]
