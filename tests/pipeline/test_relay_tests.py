"""Relay tests at supplied service points: by `decide`, within its hours, and closed again whatever happens."""

import asyncio
from datetime import timedelta

import pytest
from tests.apps import town as town_rows
from tests.apps.town import adopt, protect
from tests.pipeline.test_decide import HOUR, MINUTE, SECOND, Place
from tests.pipeline.test_dispatch import town  # noqa: F401 - a fixture
from tests.pipeline.test_meter_jobs import ask, refused, said, serial, states
from tests.usecases.life import connect, install_meter, stock

NUMBER = serial(1)


@pytest.fixture
def house(database):
    """One house in credit, at an hour in which disconnections are permitted."""
    place = Place(database, [adopt(credit_minor=10_000)])
    place.go(place.at(1, 11))
    yield place
    place.connection.close()


def asked(house, **more):
    """Ask for the test of the house's switch; its job."""
    return ask(house.now, kind="test_relays", meters=(NUMBER,), **more)


def go(house, after=SECOND):
    """Run what a pipeline runs, once; how much the jobs moved."""
    from urja.pipeline import meter_jobs

    moved = meter_jobs.run_once(house.now, house.wall_ms).done
    house.go(house.now + after)
    return moved + meter_jobs.run_once(house.now, house.wall_ms).done


def off(house):
    """The meter opens its switch."""
    house.sent()
    house.report("confirmed", evidence={"control_state": "disconnected"})
    go(house)


def laws(house):
    from urja.laws.switching import laws

    found = laws(house.connection, house.now, town_rows.ZONE)
    return [law for law, holds in found.items() if not holds]


def test_it_opens_and_closes_by_decide(house):
    from urja.apps.supply.models import Switching

    job = asked(house)
    go(house)
    assert house.commands() == [("disconnect", "queued")]
    cut = Switching.objects.get(command_id=house.command().id)
    assert (cut.cause, cut.reason["params"]) == ("hold", {"held_holds": "relay_test"})
    assert house.holds() == ["relay_test"]
    off(house)
    assert house.commands() == [("disconnect", "confirmed"), ("connect", "queued")]
    assert (house.holds(), states(job)) == ([], ["sent"])
    house.sent()
    house.now += 30 * SECOND
    house.report("confirmed", evidence={"control_state": "connected"})
    go(house)
    assert states(job) == ["done"]
    result = job.tasks.get().result
    assert (result["opened"], result["closed"]) == (
        {"control_state": "disconnected"}, {"control_state": "connected"},
    )  # fmt: skip
    assert 30 <= result["off_s"] <= 40
    job.refresh_from_db()
    assert job.ended_at is not None
    assert go(house) == 0
    assert laws(house) == []


def test_a_disconnection_outside_of_a_hold_would_be_seen(house):
    """The law that is held to is not one that a test of switches has been let out of."""
    asked(house)
    go(house)
    off(house)
    with house.connection.transaction():
        house.connection.execute("UPDATE supply_hold SET reason = 'whim', released_at = placed_at")
    assert "cut_has_a_ground" in laws(house)


def test_at_night_a_test_is_queued_for_the_window_and_expires_without_one(house):
    house.until(house.at(1, 20), step=HOUR)
    job = asked(house, good_for_minutes=60)
    go(house)
    assert (house.commands(), states(job)) == ([], ["sent"])
    assert house.where() == ("to_be_cut", "held_waits")
    house.now += HOUR
    go(house)
    assert (states(job), house.holds(), house.commands()) == (["expired"], [], [])
    assert "the supply could not be disconnected before the job expired (protected hours" in said(job)[0]
    house.until(house.at(2, 12), step=HOUR)
    assert house.commands() == [], "it does not come back in the morning"


def test_in_the_morning_it_is_done(house):
    house.until(house.at(1, 20), step=HOUR)
    job = asked(house, good_for_minutes=24 * 60)
    go(house)
    house.until(house.at(2, 10, 1), step=HOUR)
    go(house)
    assert house.commands() == [("disconnect", "queued")]
    off(house)
    house.sent()
    house.report("confirmed")
    go(house)
    assert (states(job), laws(house)) == (["done"], [])


def test_a_switch_that_does_not_open(house):
    job = asked(house)
    go(house)
    house.sent()
    house.report("failed")
    go(house)
    assert (states(job), house.holds()) == (["failed"], [])
    assert said(job) == ["the meter did not carry out the command: failed"]


def test_a_switch_that_does_not_close_is_said_and_tried_on(house):
    job = asked(house)
    go(house)
    off(house)
    house.sent()
    house.report("failed")
    go(house)
    assert states(job) == ["failed"]
    assert "did not close again" in said(job)[0]
    house.until(house.now + 15 * MINUTE)
    assert house.commands()[-1] == ("connect", "queued"), "the stage `decide` goes on"


def test_a_hand_at_the_meter_is_waited_for_by_decide_and_said(house):
    job = asked(house)
    go(house)
    off(house)
    house.sent()
    house.report("waiting_for_person")
    go(house)
    assert states(job) == ["failed"]
    assert "the button at the meter has to be pressed" in said(job)[0]


def test_a_job_that_ends_while_the_cut_is_under_way_calls_it_back(house):
    job = asked(house, good_for_minutes=10)
    go(house)
    house.now += 11 * MINUTE
    go(house)
    assert house.commands()[0] == ("disconnect", "superseded")
    go(house)
    assert (states(job), house.holds()) == (["expired"], [])


def test_cancelled_before_it_opens(house):
    house.until(house.at(1, 20), step=HOUR)
    job = asked(house)
    go(house)
    ask(house.now, kind="cancel_meter_job", job_id=job.id, reason="enough")
    go(house)
    assert (states(job), house.holds(), house.commands()) == (["cancelled"], [], [])


def test_cancelled_while_it_is_open_it_closes(house):
    job = asked(house)
    go(house)
    house.sent()
    house.report("confirmed")
    ask(house.now, kind="cancel_meter_job", job_id=job.id, reason="enough")
    go(house)
    assert house.commands()[-1] == ("connect", "queued")
    house.sent()
    house.report("confirmed")
    go(house)
    assert states(job) == ["done"]


def test_held_off_for_something_else_meanwhile_it_stays_open(house):
    job = asked(house)
    go(house)
    house.order("hold", "safety")
    off(house)
    go(house)
    assert (house.holds(), states(job)) == (["safety"], ["done"])
    assert said(job) == ["the relay opened and stays open: the supply is disconnected for safety"]
    assert house.commands()[-1] == ("disconnect", "confirmed")


def test_where_no_switch_is_tested(house):
    adopt(2, load_switch=False)
    adopt(3)
    protect(3, at=house.now)
    connect("C-1")
    stock(5)
    install_meter(5, place="C-1")
    house.order("hold", "tamper")
    house.go(house.now + SECOND)
    refused(
        "no row names a suitable meter",
        f"row 1: {NUMBER} is disconnected for tamper: a relay test would reconnect it",
        f"row 2: meter {serial(2)} has no relay to test",
        f"row 3: the consumer of {serial(3)} is protected (medical): no relay test disconnects them",
        "row 4: no consumer is supplied at C-1: commissioning tests its relay",
        now=house.now, kind="test_relays", meters=(NUMBER, serial(2), serial(3), serial(5)), good_rows_only=True,
    )  # fmt: skip


def test_one_switch_is_not_tested_twice_at_once(house):
    job = asked(house)
    refused(
        "no row names a suitable meter",
        f"row 1: job {job.id} is testing the relay of {NUMBER}",
        now=house.now, kind="test_relays", meters=(NUMBER,),
    )  # fmt: skip


def test_protected_after_it_was_asked_nothing_opens(house):
    job = asked(house, good_for_minutes=60)
    protect(1, at=house.now)
    go(house)
    house.now += HOUR
    go(house)
    assert (house.commands(), states(job)) == ([], ["expired"])


def test_so_few_are_off_at_a_time(database, monkeypatch):
    from urja.apps.meter_jobs import relay_tests, steps_by_kind

    monkeypatch.setitem(steps_by_kind.STEPS, "test_relays", relay_tests.RelayTest(at_once=1))
    place = Place(database, [adopt(1, credit_minor=10_000), adopt(2, credit_minor=10_000)])
    place.go(place.at(1, 11))
    job = ask(place.now, kind="test_relays", meters=(serial(1), serial(2)))
    go(place)
    assert (states(job), place.commands(1)) == (["sent", "waiting"], [])
    off(place)
    go(place)
    assert states(job) == ["sent", "waiting"], "it is off, or not known to be on again"
    place.sent()
    place.report("confirmed")
    go(place)
    assert states(job) == ["done", "sent"]
    place.connection.close()


# -- approvals ---------------------------------------------------------------------------------------------------


def test_each_supply_counts_as_a_disconnection(house):
    from urja.core.approvals import OperationMeasure
    from urja.usecases.approval_measures import measure
    from urja.usecases.operations import TestRelays

    adopt(2)
    operation = TestRelays(meters=(serial(1), serial(2), "NONE"), good_rows_only=True, reason="yearly")
    assert measure(operation, actor="user 1", now=house.now) == OperationMeasure("test_relays", 0, 2, 0)


# -- over real sockets ---------------------------------------------------------------------------------------------


async def test_from_the_request_to_the_switch_and_back(town, database):  # noqa: F811
    """Real database, broker, head end and meter: the switch has moved twice, and the row says so."""
    from urja.apps.meter_jobs.kinds import TaskState
    from urja.pipeline import meter_jobs

    house = await town.raise_house()
    place = await town.in_thread(lambda: Place(database, [house.adopted]))
    town.clock.set(place.at(1, 11))
    job = await town.in_thread(
        lambda: ask(town.clock.now(), kind="test_relays", meters=(house.identity.serial,))
    )
    stage = await town.stage()

    def round_of_stages():
        now = town.clock.now()
        meter_jobs.run_once(now, place.wall_ms)
        place.go(now)
        return job.tasks.get()

    async with asyncio.timeout(60), town.headend(), house.listening():
        seen = set()
        while (task := await town.in_thread(round_of_stages)).state in (TaskState.WAITING, TaskState.SENT):
            await stage.run_once(town.clock.now())
            seen.add(house.switch.closed)
            town.clock.advance(timedelta(seconds=1))
    assert task.state == "done", task.detail
    assert seen == {True, False}
    assert house.switch.closed
    assert task.result["opened"]["control_state"] == "disconnected"
    assert task.result["closed"]["control_state"] == "connected"
    place.connection.close()
