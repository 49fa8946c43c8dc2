"""A command's state only goes forward and ends once, whatever is reported and how often."""

from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.apps.town import START, adopt
from tests.conftest import begun_with

from urja.base.ids import bucket_of
from urja.stream.orders import Progress

HOUR = timedelta(hours=1)


def adopted(database):
    return adopt(1, bucket=300)


database, home = begun_with(adopted)


def issue(home, kind="disconnect", **changes):
    from urja.apps.commands import operations

    fields = {
        "device_id": home.device_id,
        "service_point_id": home.service_point_id,
        "account_id": home.account_id,
        "kind": kind,
        "issued_at": START,
        "issued_wall_ms": 1_000,
        "expires_at": START + HOUR,
        "reason": "credit is used up",
        "correlation": 4711,
    }
    return operations.issue(**(fields | changes))


def send(*commands):
    from urja.apps.commands import outgoing_orders
    from urja.stream.orders import SignedOrder

    outgoing = outgoing_orders.claim(START, 2_000, lambda order: SignedOrder.of(order, bytes(32)), 100)
    outgoing_orders.mark_published([out.order.command_id for out in outgoing])
    return outgoing


def report(command, state, **changes):
    fields = {
        "command_id": command.id,
        "device_id": command.device_id,
        "sequence": command.sequence,
        "state": state,
        "at": START + timedelta(seconds=5),
        "wall_ms": 3_000,
    }
    return Progress(**(fields | changes))


def record(*reports):
    from urja.apps.commands import operations

    return operations.record_progress(reports)


def state_of(command):
    command.refresh_from_db()
    return command.state


def test_a_life_from_order_to_confirmation(home):
    command = issue(home)
    assert (command.state, command.sequence, bucket_of(command.id)) == ("queued", 1, 300)
    [out] = send()
    assert (out.order.command_id, out.order.sequence, out.shard) == (command.id, 1, 4)
    assert state_of(command) == "sent"
    assert (command.sent_at, command.sent_wall_ms) == (START, 2_000)
    assert bytes(command.signature) == out.signed.signature
    assert record(report(command, "acknowledged")) == [command.id]
    assert record(report(command, "confirmed", wall_ms=3_500, evidence={"output": False}, attempts=2)) == [
        command.id
    ]
    assert state_of(command) == "confirmed"
    assert (command.acknowledged_wall_ms, command.ended_wall_ms) == (3_000, 3_500)
    assert (command.evidence, command.attempts) == ({"output": False}, 2)


def test_what_comes_late_or_twice_changes_nothing(home):
    command = issue(home)
    send()
    record(report(command, "confirmed", wall_ms=3_500))
    for state in ("acknowledged", "confirmed", "failed", "expired", "trying"):
        assert record(report(command, state, wall_ms=9_000, detail="late")) == []
    assert state_of(command) == "confirmed"
    assert (command.ended_wall_ms, command.detail, command.acknowledged_at) == (3_500, "", None)


def test_troubles_are_shown_until_one_attempt_goes_well(home):
    command = issue(home)
    send()
    again_at = START + timedelta(minutes=1)
    record(report(command, "trying", detail="unreachable", attempts=3, again_at=again_at))
    assert state_of(command) == "sent"
    assert (command.last_error, command.attempts, command.again_at) == ("unreachable", 3, again_at)
    record(report(command, "acknowledged", attempts=4))
    command.refresh_from_db()
    assert (command.last_error, command.again_at) == ("", None)


def test_a_report_on_an_unknown_command_is_ignored(home):
    command = issue(home)
    assert record(report(command, "confirmed", command_id=command.id + 1)) == []


def test_a_newer_order_to_the_switch_makes_older_ones_void(home):
    cut, read = issue(home), issue(home, "read_object")
    other = issue(adopt(2, bucket=300))
    back = issue(home, "connect", issued_at=START + HOUR / 2, issued_wall_ms=1_500)
    assert [state_of(command) for command in (cut, read, other, back)] == [
        "superseded",
        "queued",
        "queued",
        "queued",
    ]
    assert (cut.ended_at, cut.ended_wall_ms) == (START + HOUR / 2, 1_500)
    assert [out.order.command_id for out in send()] == [back.id, read.id, other.id]
    assert [command.sequence for command in (cut, read, back)] == [1, 2, 3]


def test_a_reason_that_is_gone_ends_the_cut(home):
    from urja.apps.commands import operations

    def gone():
        return operations.supersede(home.device_id, at=START, wall_ms=1_200, reason="paid")

    assert gone() == operations.Superseded((), False)
    queued = issue(home)
    assert gone() == operations.Superseded((queued.id,), False)
    assert send() == []
    sent = issue(home)
    send()
    assert gone() == operations.Superseded((sent.id,), True)
    assert (state_of(sent), sent.detail) == ("superseded", "paid")
    # The head end may have been faster; the record does not turn back.
    record(report(sent, "confirmed"))
    assert state_of(sent) == "superseded"


def test_a_command_without_an_outcome_expires(home):
    from urja.apps.commands import operations

    unsent = issue(home, "read_object")
    sent = issue(home)
    from urja.apps.commands.models import Command

    Command.objects.filter(id=unsent.id).update(state="queued")
    send()
    Command.objects.filter(id=sent.id).update(last_error="unreachable")
    queued = issue(home, "set_clock")
    end = START + HOUR
    assert operations.expire(end - timedelta(seconds=1), 5_000, end) == 2
    assert operations.expire(end, 5_000, end - timedelta(seconds=1)) == 1
    assert operations.expire(end, 6_000, end) == 0
    assert [state_of(command) for command in (unsent, sent, queued)] == ["expired"] * 3
    assert (unsent.detail, sent.detail) == ("nothing was heard of it", "unreachable")
    assert (queued.detail, queued.ended_wall_ms) == ("it was never sent", 5_000)


def test_expired_commands_are_not_sent(home):
    from urja.apps.commands import outgoing_orders

    issue(home)
    assert outgoing_orders.claim(START + HOUR, 2_000, None, 100) == []


def test_what_may_not_have_been_published_goes_out_again_with_the_same_signature(home):
    from urja.apps.commands import outgoing_orders
    from urja.stream.orders import SignedOrder

    issue(home)

    def claim():
        return outgoing_orders.claim(START, 2_000, lambda order: SignedOrder.of(order, bytes(32)), 100)

    [first], [again] = claim(), claim()
    assert first == again
    outgoing_orders.mark_published([first.order.command_id])
    assert claim() == []


def test_nonsense_is_not_issued(home):
    from urja.apps.commands.errors import NotIssuableError

    with pytest.raises(NotIssuableError):
        issue(home, expires_at=START)
    with pytest.raises(NotIssuableError):
        issue(home, kind="")


def test_queries(home):
    from urja.apps.commands import queries

    cut = issue(home)
    send()
    record(report(cut, "confirmed"))
    back = issue(home, "connect")
    issue(home, "read_object")
    assert [command.kind for command in queries.unfinished([home.device_id])] == ["connect", "read_object"]
    assert list(queries.unfinished(kind="connect")) == [back]
    assert queries.waiting_for_person() == []
    send()
    record(report(back, "waiting_for_person"))
    assert queries.waiting_for_person() == [back]
    assert len(queries.of_account(home.account_id)) == 3


class TestDatabase:
    """The database refuses what the operations never do."""

    @pytest.mark.parametrize(
        ("before", "after"), [("confirmed", "sent"), ("expired", "confirmed"), ("sent", "queued")]
    )
    def test_it_refuses_a_step_back(self, database, home, before, after):
        command = issue(home)
        ended = None if before == "sent" else START
        with database.connect() as connection:
            connection.execute(
                "UPDATE commands_command SET state = %s, ended_at = %s WHERE id = %s",
                [before, ended, command.id],
            )
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=f"is {before}"):
                connection.execute(
                    "UPDATE commands_command SET state = %s, ended_at = %s WHERE id = %s",
                    [after, START if after == "confirmed" else None, command.id],
                )

    def test_the_web_gives_no_commands(self, database, home):
        command = issue(home)
        with database.connect("urja_web") as connection:
            assert connection.execute("SELECT state FROM commands_command").fetchall() == [("queued",)]
            for statement in (
                "UPDATE commands_command SET state = 'sent'",
                "DELETE FROM commands_command",
                "INSERT INTO commands_device VALUES (1, 1)",
                f"INSERT INTO commands_command SELECT * FROM commands_command WHERE id = {command.id}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)

    def test_what_was_ordered_is_not_changed_by_the_pipeline(self, database, home):
        issue(home)
        with (
            database.connect("urja_pipeline") as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("UPDATE commands_command SET kind = 'connect'")


_STEPS = st.lists(
    st.sampled_from(
        [
            "send", "trying", "acknowledged", "confirmed", "connected_load_unproven", "waiting_for_person",
            "expired", "superseded", "failed", "supersede", "expire",
        ]
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_every_life_ends_at_most_once(home, steps):
    """Whatever is reported in whatever order: the state's rank grows, and the first final state stays."""
    from urja.apps.commands import operations
    from urja.apps.commands.kinds import TERMINAL

    command = issue(home)
    ends = []
    for number, step in enumerate(steps):
        before = state_of(command)
        if step == "send":
            send()
        elif step == "supersede":
            operations.supersede(home.device_id, at=START, wall_ms=number, reason="gone")
        elif step == "expire":
            operations.expire(START + 2 * HOUR, number, START + 2 * HOUR)
        else:
            record(report(command, step, wall_ms=number))
        after = state_of(command)
        if before in TERMINAL:
            assert after == before
        elif after in TERMINAL:
            ends.append(after)
    assert len(ends) <= 1
    assert (command.ended_at is not None) == bool(ends)
