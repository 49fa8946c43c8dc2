"""Undo: the registry is as before, to the row; money is reversed by entries; and refusals say why."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, accruals, adopt, install, remove

DAY = timedelta(days=1)
LATER = START + 10 * DAY


def state(connection):
    """Every row of every recorded table, and what has accrued."""
    from urja.usecases.operation_execution import RECORDED_TABLES

    rows = {
        table: connection.execute(f"SELECT to_jsonb(t) FROM {table} t ORDER BY id").fetchall()
        for table in RECORDED_TABLES
    }
    reads = connection.execute(
        "SELECT service_point_id, device_id, read_at, kind, version, values[1] FROM readings_register ORDER BY 1, 2, 3, 4, 5"
    ).fetchall()
    return {**rows, "reads": reads, "accrual": accruals(connection)}


def undo(entry_id, at=LATER + DAY, reason="a mistake"):
    from urja.usecases.operations import Undo, perform

    return perform(Undo(entry_id=entry_id, reason=reason), recorded_at=at, actor="clerk")


def newest(kind):
    from urja.apps.journal.models import AuditEntry

    return AuditEntry.objects.filter(kind=kind).order_by("-id").first()


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def test_a_removal_and_an_installation_are_undone_to_the_row(connection):
    made = adopt(1)
    adopt(2)
    town.store_blocks(connection, town.blocks(made, *((START + n * town.HALF_HOUR, 100) for n in range(4))))
    remove(2, LATER)
    states = [state(connection)]
    removal = remove(1, LATER, register_wh=12_345)
    states.append(state(connection))
    installation = install(2, LATER, place=1, register_wh=7)
    assert state(connection) != states[1] != states[0]
    undo(installation.id)
    assert state(connection) == states[1]
    undone = undo(removal.id)
    assert state(connection) == states[0]
    removal.refresh_from_db()
    assert (removal.undone_by_id, undone.outcome) == (undone.id, {"undone": removal.id})


def test_the_history_of_both_stays(connection):
    adopt(1, called=False)
    removal = remove(1, LATER)
    undone = undo(removal.id)
    told = connection.execute("SELECT operation_id, table_name FROM journal_history ORDER BY id").fetchall()
    assert told == [
        (removal.id, "assets_device_period"),
        (removal.id, "assets_device"),
        (undone.id, "assets_device"),
        (undone.id, "assets_device_period"),
    ]


def test_a_deleted_row_comes_back_and_the_dry_run_shows_it(connection, monkeypatch):
    from urja.apps.contracts.models import AgreementTerms
    from urja.usecases.kinds import BY_KIND
    from urja.usecases.operations import Undo, UseCase, dry_run_changes, perform

    class Forget(UseCase):
        """Put terms of another kind in the place of the first."""

        def faults(self, execution):
            yield from ()

        def carry_out(self, execution):
            terms = AgreementTerms.objects.get()
            old, terms.id, terms.sanctioned_load_w, terms.operation_id = terms.id, 77, 900, execution.id
            AgreementTerms.objects.get(id=old).delete()
            terms.save(force_insert=True)

    monkeypatch.setitem(BY_KIND, "forget", Forget)
    adopt(1)
    before = state(connection)
    forgotten = perform(Forget(), recorded_at=LATER, actor="test")
    changes = dry_run_changes(Undo(entry_id=forgotten.id, reason="no"), recorded_at=LATER, actor="test")
    shown = {(one.table, one.before and "was", one.after and "is") for one in changes}
    assert shown == {
        ("contracts_agreement_terms", "was", None),
        ("contracts_agreement_terms", None, "is"),
    }
    assert state(connection) != before
    undo(forgotten.id)
    assert state(connection) == before


def test_what_was_done_before_a_column_existed(connection):
    """Its history does not know the column; what stands in it stays."""
    from urja.usecases.operations import MoveOut, perform

    adopt(1, billing_day=9)
    before = state(connection)
    out = MoveOut(consumer_number="URJ00000001", at=LATER, register_wh=12_000)
    entry = perform(out, recorded_at=LATER, actor="clerk")
    with connection.transaction():
        connection.execute("ALTER TABLE journal_history DISABLE TRIGGER USER")
        changed = connection.execute(
            "UPDATE journal_history SET row = row - 'billing_day' WHERE table_name = 'contracts_agreement'"
        )
        connection.execute("ALTER TABLE journal_history ENABLE TRIGGER USER")
    assert changed.rowcount == 1
    undo(entry.id)
    assert state(connection) == before


def test_ingest_and_the_head_end_learn_of_it(connection):
    from urja.apps.assets import queries as assets
    from urja.apps.commissioning import device_entries

    adopt(1)
    removal = remove(1, LATER)
    (away,) = device_entries.due_entries(10)
    assets.mark_projected([(away, b"digest")])
    revision = connection.execute("SELECT revision FROM journal_revision").fetchone()[0]
    undo(removal.id)
    (back,) = device_entries.due_entries(10)
    assert (away.active, back.active) == (False, True)
    assert connection.execute("SELECT revision FROM journal_revision").fetchone()[0] == revision + 1


@pytest.mark.parametrize("posted", [False, True])
def test_money_is_answered_by_money(connection, posted):
    from urja.apps.books.models import Account, CreditRequest, DebitRequest
    from urja.apps.contracts.models import Agreement
    from urja.pipeline.credits import post_credits

    made = adopt(1, credit_minor=50_000)
    if posted:
        post_credits(START)
    undo(newest("adoption").id)
    post_credits(START + DAY)
    assert not Agreement.objects.exists()
    assert Account.objects.get(id=made.account_id).balance_minor == 0
    assert CreditRequest.objects.get().amount_minor == DebitRequest.objects.get().amount_minor == 50_000


class TestRefusals:
    def refused(self, entry_id, says, **more):
        from urja.apps.journal.errors import RefusedError

        with pytest.raises(RefusedError, match=says):
            undo(entry_id, **more)

    def test_what_is_not_there_and_what_has_no_reason(self, connection):
        adopt(1)
        self.refused(99_999, "there is no operation 99999")
        self.refused(newest("adoption").id, "give a reason", reason=" ")

    def test_twice(self, connection):
        adopt(1)
        removal = remove(1, LATER)
        undone = undo(removal.id)
        self.refused(removal.id, rf"was undone by operation {undone.id}")
        self.refused(undone.id, r"\(undo\) cannot be undone")

    def test_under_a_later_one_until_that_is_undone(self, connection):
        adopt(1)
        adopt(2)
        remove(2, LATER)
        before = state(connection)
        first = install(2, LATER, place=1, role="check")
        later = remove(2, LATER + DAY)
        self.refused(first.id, rf"operation {later.id} \(remove_meter\) came after .* undo that one first")
        undo(later.id)
        undo(first.id)
        assert state(connection) == before

    def test_an_adoption_whose_meter_the_head_end_knows(self, connection):
        from urja.apps.assets import queries as assets
        from urja.apps.commissioning import device_entries

        adopt(1)
        assets.mark_projected([(due, b"digest") for due in device_entries.due_entries(10)])
        self.refused(newest("adoption").id, "the head end knows meter URJ00000001")

    def test_an_agreement_that_was_charged(self, connection):
        from tests.pipeline.test_post import load

        from urja.pipeline import post

        load()
        adopt(1)
        post.run_once(START + 3 * DAY)
        self.refused(newest("adoption").id, "days of agreement .* are charged already")

    def test_what_others_stand_on(self, connection):
        from urja.apps.supply.models import Hold

        made = adopt(1)
        Hold.objects.create(
            service_point_id=made.service_point_id, reason="safety", placed_at=START, placed_by="x"
        )
        self.refused(newest("adoption").id, "rows of supply_hold refer to it")


def test_two_at_once_undo_once(database, connection):
    import threading

    from django.db import connections, transaction

    from urja.apps.journal.errors import RefusedError

    adopt(1)
    removal = remove(1, LATER)
    outcome = []

    def second():
        try:
            undo(removal.id)
        except RefusedError as error:
            outcome.append(error.faults)
        finally:
            connections.close_all()

    with transaction.atomic():
        undo(removal.id)
        thread = threading.Thread(target=second)
        thread.start()
        while not connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'", [database.name]
        ).fetchone():
            assert thread.is_alive()
    thread.join()
    ((sentence,),) = outcome
    assert "was undone by" in sentence


def test_an_instant_without_an_offset_is_no_instant(database):
    import msgspec

    from urja.usecases.operations import RemoveMeter

    with pytest.raises(msgspec.ValidationError, match="removed_at needs an offset"):
        msgspec.convert({"serial": "X", "removed_at": "2026-03-02T10:00:00"}, RemoveMeter)


def test_a_number_that_is_too_long_is_a_sentence(database):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError, match="longer than the 200 characters that can be stored"):
        adopt(1, person_name="9" * 201)
