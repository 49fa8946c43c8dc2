"""All operations at random times, in random order, with meters that really count: the registry's laws after each
step.

The installation, its meters' truth, the laws and the model are in `proof`. Hypothesis shows a failing run as the
steps that lead to it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.apps.town import HALF_HOUR, register_of_type
from tests.conftest import Database, copy_of
from tests.usecases.proof import asking, books, town
from tests.usecases.proof.asking import Asker
from tests.usecases.proof.books import Books
from tests.usecases.proof.model import EFFECTS, Done, Model, Story
from tests.usecases.proof.truth import BEGUN, DAY, midnight, told
from tests.usecases.test_undoing import state

LAST = BEGUN + 9 * DAY
TABLES = ("network_", "assets_", "people_", "identity_", "contracts_", "billing_", "journal_", "books_")
NO_SENTENCES = ("violates", "constraint", 'relation "', "Traceback", "DETAIL", "duplicate key", *TABLES)


@pytest.fixture
def raised(database: Database) -> Database:
    """A database with the town in it, that copies are made of."""
    from django.db import connections

    town.raise_town()
    connections.close_all()
    return database


def machine_on(raised: Database) -> type[RuleBasedStateMachine]:
    """The machine, each of whose runs has a town of its own."""

    class OnThisDatabase(Machine):
        template, seen = raised, Counter()

    return OnThisDatabase


class Machine(RuleBasedStateMachine):
    """A town and every operation on it."""

    template: Database
    seen: Counter[str]
    """What has happened in all runs: nothing is proven by operations that are always refused."""

    def __init__(self) -> None:
        from urja.pipeline.ingest import Ingester
        from urja.pipeline.stage import StageConnection

        super().__init__()
        self.stack = ExitStack()
        database = self.stack.enter_context(copy_of(self.template.cluster, self.template.name))
        self.connection = self.stack.enter_context(database.connect())
        session = StageConnection(database.conninfo("urja_pipeline"))
        self.stack.callback(session.close)
        self.ingester = Ingester(session, town.ZONE)
        self.now = BEGUN + 36 * HALF_HOUR
        self.turn = 0
        self.devices = dict(self.connection.execute("SELECT serial, id FROM assets_device").fetchall())
        self.serials = {number: serial for serial, number in self.devices.items()}
        self.books, self.held_at = Books.read(self.connection), None
        first = self.books
        self.story = Story(
            Model(list(first.installed), list(first.agreed), list(first.placed), list(first.placed_under))
        )

    def teardown(self) -> None:
        try:
            self.day_ends()
            self.laws_hold()
            self._stored_is_what_was_sent()
        finally:
            self.stack.close()

    # -- what happens -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.now < LAST)
    @rule(half_hours=st.integers(1, 30), seconds=st.sampled_from((0, 0, 600, 1799)))
    def time_passes(self, half_hours: int, seconds: int) -> None:
        self.now = min(LAST, self.now + half_hours * HALF_HOUR + timedelta(seconds=seconds))

    @rule(
        serials=st.sets(st.sampled_from(sorted(town.METERS)), min_size=1),
        first=st.integers(0, 400),
        count=st.integers(1, 60),
    )
    def meters_tell(self, serials: set[str], first: int, count: int) -> None:
        """Pushes and pulls of some period, of installed meters or not; repeats too."""
        begins = BEGUN + first % ((self.now - BEGUN) // HALF_HOUR) * HALF_HOUR
        ends = min(self.now, begins + count * HALF_HOUR)
        self._ingest([(town.METERS[s], self.devices[s], begins, ends) for s in sorted(serials)])

    @rule(data=st.data(), count=st.integers(1, 4))
    def one_operation(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            self._perform(self._drawn(data))
            self.laws_hold()

    @rule(data=st.data())
    def one_operation_and_its_undoing(self, data: st.DataObject) -> None:
        before = _state(self.connection)
        done = self._perform(self._drawn(data))
        if done is not None and self._undo(done):
            assert _differing(before, _state(self.connection)) == {}, (
                f"undoing {done.operation} leaves something"
            )

    @precondition(lambda self: any(not one.undone for one in self.story.done))
    @rule(data=st.data())
    def one_undoing(self, data: st.DataObject) -> None:
        self._undo(data.draw(st.sampled_from(list(self.story.standing()))))

    @rule(data=st.data())
    def one_dry_run(self, data: st.DataObject) -> None:
        from urja.apps.journal.errors import RefusedError
        from urja.usecases.operations import dry_run_changes

        before, operation = _state(self.connection), self._drawn(data)
        try:
            dry_run_changes(operation, recorded_at=self.now, actor="proof")
        except RefusedError as refused:
            self._in_sentences(operation, refused)
        assert _differing(before, _state(self.connection)) == {}, f"rehearsing {operation} changes something"

    @precondition(lambda self: self._waiting())
    @rule(data=st.data())
    def a_meter_is_put_into_service(self, data: st.DataObject) -> None:
        """It is called, and passes every check."""
        from urja.apps.commissioning.kinds import UNFINISHED
        from urja.apps.commissioning.models import Call
        from urja.usecases.operations import Commission, RecordCommissioning

        serial = data.draw(st.sampled_from(self._waiting()))
        self._perform(Commission(serial=serial))
        call = Call.objects.filter(device__serial=serial, state__in=UNFINISHED).first()
        if call is not None:
            meter = town.METERS[serial]
            read = register_of_type(meter.type.name, meter.register_wh(self.now))
            self._perform(RecordCommissioning(call_id=call.id, read_at=self.now, firmware="1.2", **read))

    def _waiting(self) -> list[str]:
        """Meters that are installed and not billed by yet."""
        billing = {
            installed.serial
            for installed in self.books.installed
            if (installed.role, installed.ends) == (books.BILLING, books.EVER)
        }
        return sorted(
            billing
            - {installed.serial for installed in self.books.billed_from if installed.ends == books.EVER}
        )

    @precondition(lambda self: self.now < LAST)
    @rule()
    def day_ends(self) -> None:
        """The next midnight, with everything told: what everybody owes is what their meters have counted."""
        self.now = midnight(self.now + DAY)
        self._tell_everything()
        self.books = Books.read(self.connection)
        self._energy_is_right()
        self._all_of_it_is_somebodys()

    # -- what holds -------------------------------------------------------------------------------------------

    @invariant()
    def laws_hold(self) -> None:
        written = self.connection.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        ).fetchone()
        if written == self.held_at:
            return  # No transaction has written anything since.
        self.books, self.held_at = Books.read(self.connection), written
        assert list(books.laws(self.books)) == []
        model = self.story.model()
        assert sorted(self.books.installed) == sorted(model.installed)
        assert _without_numbers(self.books.agreed) == _without_numbers(model.agreed)
        assert sorted(self.books.placed) == sorted(model.placed)
        assert sorted(self.books.placed_under) == sorted(model.placed_under)

    def _stored_is_what_was_sent(self) -> None:
        stored = books.stored(self.connection)
        assert list(books.untrue(stored)) == []
        self.seen.update(f"{town.METERS[row.serial].type.name} is stored" for row in stored)

    def _energy_is_right(self) -> None:
        from urja.apps.readings.queries import energies_until

        for agreed in self.books.agreed:
            for period, begins, ends in _periods(self.now):
                owed = books.due(self.books, agreed, begins, ends)
                said = energies_until([agreed.id], period, ends)
                energy_wh = said[0].billed_value if said else 0
                what = "volume" if agreed.point == town.GAS else "energy"
                self.seen.update([f"{what} is exact" if owed.least == owed.most else f"{what} is bounded"])
                assert energy_wh in owed, (
                    f"{agreed} owes {owed} for {period}; {energy_wh} Wh are billed: {said}"
                )

    def _all_of_it_is_somebodys(self) -> None:
        """Each half-hour is an agreement's, no consumer's by its role, or listed; and the demonstration's own laws hold."""
        from urja.apps.readings.queries import unassigned
        from urja.laws import energy_ownership as registry_laws

        listed = defaultdict(list)
        points = self._points()
        for piece in unassigned(BEGUN - 30 * DAY, self.now):
            listed[points[piece.service_point_id], self.serials[piece.device_id]].append(piece)
        for block in self.books.blocks:
            pieces = [
                piece
                for piece in listed[block.point, block.serial]
                if piece.from_at < block.ends and block.begins < piece.to_at
            ]
            # Of a meter that is for something else, or that was installed there by a registry that was corrected since, no
            # pays, and nothing is listed.
            owners = 1 if books.BILLING in books.roles(self.books, block) else 0
            paid = books.agreement_of(self.books, block) is not None
            assert paid + bool(pieces) == owners, f"{block} is an agreement's: {paid}, and listed: {pieces}"
        found = registry_laws.examine(self.connection, self.now, town.ZONE)
        assert [finding.contradictions for finding in found if not finding.holds] == []

    def _points(self) -> dict[int, str]:
        return dict(
            self.connection.execute("SELECT id, consumer_number FROM network_service_point").fetchall()
        )

    # -- how --------------------------------------------------------------------------------------------------

    def _drawn(self, data: st.DataObject) -> Any:
        from urja.usecases.operations import BY_KIND

        # Two thirds of the time one of the operations that this run has not done yet, of all or of those that no test may
        # miss: what is drawn depends on the modules that a test process has loaded, and each of them must see enough kinds.
        done = {one.operation.kind() for one in self.story.done}
        among = data.draw(st.sampled_from((asking.LIKELY, tuple(asking.DRAWN), NEVER_MISSED)))
        new = [kind for kind in among if kind in BY_KIND and (kind not in done or among is asking.LIKELY)]
        kinds = new or list(NEVER_MISSED)
        # Turned on by each, so that the simplest draw is not the same operation all the time.
        self.turn += 7
        kind = kinds[(data.draw(st.integers(0, len(kinds) - 1)) + self.turn) % len(kinds)]
        operation = BY_KIND[kind](**asking.DRAWN[kind](Asker(data, self.now, self.story.model())))
        note(f"{self.now:%d %H:%M:%S} {operation}")
        return operation

    def _perform(self, operation: Any) -> Done | None:
        from urja.apps.journal.errors import RefusedError
        from urja.usecases.operations import perform

        try:
            entry = perform(operation, recorded_at=self.now, actor="proof")
        except RefusedError as refused:
            self._in_sentences(operation, refused)
            self.seen.update([f"{operation.kind()} is refused"])
            return None
        self.seen.update([f"{operation.kind()} is done", *self._concerned(operation)])
        done = Done(entry.id, operation, self.now)
        self.story.done.append(done)
        return done

    def _concerned(self, operation: Any) -> Iterator[str]:
        """By type of meter, that an operation was done with a meter of it, or where one was installed."""
        serials = {
            getattr(operation, name, None) for name in ("serial", "new_serial", "serial_a", "serial_b")
        }
        point = getattr(operation, "consumer_number", None)
        serials |= {
            one.serial for one in self.books.installed if one.point == point and one.ends == books.EVER
        }
        for serial in serials & set(town.METERS):
            yield f"{town.METERS[serial].type.name} had {operation.kind()}"

    def _undo(self, done: Done) -> bool:
        from urja.apps.journal.errors import RefusedError
        from urja.usecases.operations import Undo, perform

        note(f"{self.now:%d %H:%M:%S} undo {done.operation}")
        undo = Undo(entry_id=done.entry_id, reason="a mistake")
        try:
            perform(undo, recorded_at=self.now, actor="proof")
        except RefusedError as refused:
            self._in_sentences(undo, refused)
            self.seen.update([f"undoing {done.operation.kind()} is refused"])
            return False
        self.seen.update([f"{done.operation.kind()} is undone"])
        done.undone = True
        return True

    def _in_sentences(self, operation: Any, refused: Any) -> None:
        assert refused.faults, f"{operation} is refused without a word"
        for fault in refused.faults:
            note(f"    refused: {fault}")
            assert fault.strip(), f"{operation} is refused without a word"
            assert not any(words in fault for words in NO_SENTENCES), f"{operation}: {fault!r} is no sentence"

    def _tell_everything(self) -> None:
        installed = Books.read(self.connection).installed
        self._ingest(
            [
                (town.METERS[one.serial], self.devices[one.serial], one.begins, min(one.ends, self.now))
                for one in installed
                if one.begins < self.now
            ]
        )

    def _ingest(self, told_of: list[Any]) -> None:
        self.ingester.apply(told(told_of), self.now)


def _state(connection: Any) -> dict[str, list]:
    """The registry's rows, the registers that were read, and what has accrued where anything is known.

    A period that has only just begun has a row without energy or none: that says the same.
    """
    known = connection.execute(
        "SELECT agreement_id, period FROM readings_accrual WHERE watermark_at > opened_at"
    ).fetchall()
    rows = state(connection)
    return {**rows, "accrual": [row for row in rows["accrual"] if row[:2] in known]}


def _differing(before: dict[str, list], after: dict[str, list]) -> dict[str, tuple[list, list]]:
    """By table, the rows that are only in the one or the other."""
    return {
        table: (
            [row for row in before[table] if row not in rows],
            [row for row in rows if row not in before[table]],
        )
        for table, rows in after.items()
        if rows != before[table]
    }


def _without_numbers(agreed: Any) -> list[tuple]:
    return sorted((one.point, one.begins, one.ends) for one in agreed)


def _periods(now: Any) -> Iterator[tuple]:
    """The billing periods that have begun by a midnight: first day, beginning, end so far."""
    march = BEGUN + 2 * DAY
    local = BEGUN + timedelta(hours=12)
    yield local.date().replace(day=1), BEGUN - 26 * DAY, min(march, now)
    if now > march:
        yield (local + 2 * DAY).date(), march, now


NEVER_MISSED = ("install_meter", "remove_meter", "exchange_meter", "move_node", "move_service_point")
"""Operations that each test does at least once."""
BRIEF = settings(
    max_examples=12,
    stateful_step_count=25,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=(Phase.generate,),
)


def test_every_operation_is_known_to_the_machine(database_template):
    """A new operation is drawn (`proof.asking.DRAWN`) and has an effect that is expected (`proof.model.EFFECTS`)."""
    from urja.usecases.operations import BY_KIND

    assert set(BY_KIND) - set(asking.DRAWN) - set(asking.OTHERWISE) == set()
    assert set(EFFECTS) == set(asking.DRAWN)


def test_any_operations_in_any_order(raised):
    machine = machine_on(raised)
    run_state_machine_as_test(machine, settings=BRIEF)
    done = {what.removesuffix(" is done") for what in machine.seen if what.endswith(" is done")}
    assert set(NEVER_MISSED) <= done, machine.seen
    assert len(done) >= 10, machine.seen
    assert machine.seen["energy is exact"] > 100, machine.seen
    assert machine.seen["volume is exact"] > 10, machine.seen
    for meter in town.METERS.values():
        had = {what for what in machine.seen if what.startswith(f"{meter.type.name} had ")}
        assert machine.seen[f"{meter.type.name} is stored"] > 100, (meter.type, machine.seen)
        assert len(had) >= 1, (meter.type.name, had)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_any_operations_for_long(raised):
    run_state_machine_as_test(
        machine_on(raised),
        settings=settings(BRIEF, max_examples=1000, stateful_step_count=60, derandomize=False),
    )
