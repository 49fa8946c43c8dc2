"""Each law of switching fails when the code that should keep it is broken."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from tests.apps import town
from tests.apps.town import START, adopt, protect
from tests.pipeline.test_decide import HOUR, MINUTE, SECOND, Place


def in_a_row(database):
    """Five houses behind one transformer; at most four are cut a window."""
    from urja.usecases.operations import add_transformer

    add_transformer("DT1", feeder="F1", recorded_at=START, actor="test")
    houses = [adopt(number, credit_minor=10_000, transformer="DT1", bucket=number) for number in range(1, 6)]
    place = Place(database, houses, most=4, stagger=60)
    protect(4)
    return place


@pytest.fixture
def row(database):
    place = in_a_row(database)
    yield place
    place.connection.close()


@cache
def broken_by(break_it):
    """The story of the row under a broken stage."""

    def story(database):
        place = in_a_row(database)
        place.pages_look = False
        with pytest.MonkeyPatch.context() as patch:
            break_it(patch)
            live(place)
        return place.left()

    return story


@pytest.fixture
def after(lived):
    """Makes the row after its story under a broken stage."""
    with ExitStack() as stack:

        def make(break_it):
            database, kept = stack.enter_context(lived(broken_by(break_it)))
            place = Place.resumed(database, kept)
            stack.callback(place.connection.close)
            return place

        yield make


def carry_out(place):
    """Dispatch and head end: every command is sent and confirmed."""
    from urja.apps.commands.models import Command

    for house in range(len(place.houses)):
        command = place.command(house)
        if command is not None and command.state == "queued":
            Command.objects.filter(id=command.id).update(
                state="sent", sent_at=place.now, sent_wall_ms=place.wall_ms
            )
            place.report("confirmed", house)


def on(place, end, step=15 * MINUTE):
    while place.now + step <= end:
        place.until(place.now + step, step)
        carry_out(place)


def live(place):
    """A day and a morning: three run out; one pays at night, one is held off by hand and pays too, one does not."""
    place.now = place.at(1, 9)
    for house in (0, 1, 3, 4):
        place.use(60_000, house=house)
    place.use(1_000, house=2)
    place.go()
    on(place, place.at(1, 9, 30))
    place.deliver()
    on(place, place.at(1, 10, 30), step=30 * MINUTE)
    on(place, place.at(1, 11), step=4 * MINUTE)
    on(place, place.at(1, 20), step=180 * MINUTE)
    place.order("hold", "safety", house=1)
    place.go(place.now + MINUTE)
    place.pay(500, house=0)
    place.pay(500, house=1)
    place.go(place.now + SECOND)
    carry_out(place)
    on(place, place.at(2, 9), step=180 * MINUTE)
    on(place, place.at(2, 17), step=60 * MINUTE)


def laws_of(place):
    from urja.laws.switching import laws

    return laws(place.connection, place.now, town.ZONE)


def test_they_hold(row):
    live(row)
    found = laws_of(row)
    assert all(found.values()), found
    assert row.commands(0) == [("disconnect", "confirmed"), ("connect", "confirmed")]
    assert row.commands(1) == [("disconnect", "confirmed")]
    assert row.commands(2) == row.commands(3) == []
    assert row.commands(4) == [("disconnect", "confirmed")]


def all_hours_are_open(patch):
    from urja.core.policy.hours import OpenHours, Window

    patch.setattr(
        OpenHours,
        "next_window",
        lambda _self, at, _zone: Window(at - timedelta(hours=1), at + timedelta(hours=10)),
    )


def exhausted_in_credit(patch):
    from urja.core.policy import disconnection_bars, engine

    patch.setattr(engine, "exhausted", lambda _policy, _balance: True)
    patch.setattr(engine, "reconnection_reason", lambda _policy, _facts: None)
    patch.setattr(disconnection_bars, "RULES", ())


def balance_read_wrong(patch):
    from urja.apps.supply.queries import facts

    real = facts.fresh_balances

    def wrong(agreements, now):
        return {
            key: replace(found, balance_minor=found.balance_minor - 50_000)
            for key, found in real(agreements, now).items()
        }

    patch.setattr(facts, "fresh_balances", wrong)


def notices_need_no_receipt(patch):
    from urja.core.policy import disconnection_bars

    patch.setattr(
        disconnection_bars,
        "RULES",
        tuple(rule for rule in disconnection_bars.RULES if rule is not disconnection_bars._notices),
    )


def no_consumer_is_marked(patch):
    from urja.core.policy import disconnection_bars

    patch.setattr(
        disconnection_bars,
        "RULES",
        tuple(rule for rule in disconnection_bars.RULES if rule is not disconnection_bars._never_cut),
    )


def no_cap(patch):
    from urja.apps.supply.switching import SwitchingQueue

    patch.setattr(SwitchingQueue, "slot", lambda _self, _transformer, _stagger, now: now)


def never_cuts(patch):
    from urja.apps.supply import switching

    patch.setattr(switching, "order_cut", lambda *_: None)


def never_restores(patch):
    from urja.pipeline import decide

    patch.setattr(decide._DecisionExecutor, "_restore", lambda _self, item, _reason: item)


def money_clears_every_hold(patch):
    from urja.apps.supply.queries.facts import AccountSnapshot

    patch.setattr(AccountSnapshot, "other_holds", property(lambda _known: frozenset()))


def forgets_half(patch):
    from urja.apps.supply import account_states

    real = account_states.save

    def save(decided, now):
        return real([item for item in decided if item.known.account_id >> 40 != 3], now)

    patch.setattr(account_states, "save", save)


@pytest.mark.parametrize(
    ("break_it", "law"),
    [
        (all_hours_are_open, "cut_in_its_hours"),
        (exhausted_in_credit, "cut_below_the_limit"),
        (balance_read_wrong, "cut_below_the_limit"),
        (notices_need_no_receipt, "cut_after_notices"),
        (no_consumer_is_marked, "cut_of_no_protected_consumer"),
        (no_cap, "cut_in_turn"),
        (never_cuts, "due_is_cut"),
        (never_restores, "paid_is_reconnected"),
        (money_clears_every_hold, "holds_are_kept"),
        (forgets_half, "account_has_a_standing"),
    ],
)
def test_a_broken_stage_breaks_its_law(after, break_it, law):
    assert laws_of(after(break_it))[law] is False


@pytest.mark.parametrize(
    ("break_it", "law", "down", "up"),
    [
        # All the windows; or up to now.
        (never_cuts, "due_is_cut", (1, 0, 2, 16, 59), (1, 20, 2, 8, 0)),
        (never_restores, "paid_is_reconnected", (1, 19, 3, 0, 0), (1, 19, 2, 9, 0)),
    ],
)
def test_what_had_no_time_while_all_ran_breaks_no_law(after, break_it, law, down, up):
    """The stage is as broken as it is dead: where the record says that it was dead, and only there, the law holds."""
    from urja.laws.downtime import Downtimes
    from urja.laws.switching import examine

    row = after(break_it)
    assert laws_of(row)[law] is False
    for outage, holds in ((down, True), (up, False)):
        span = (row.at(*outage[:2]), row.at(*outage[2:]))
        found = examine(row.connection, row.now, town.ZONE, outages=Downtimes((span,)))
        assert {one.law: one.holds for one in found}[law] is holds, outage


@pytest.mark.parametrize("late", [True, False])
def test_a_supply_whose_readings_came_after_the_window_was_not_passed_over(database, monkeypatch, late):
    """By what the tables say now it was due; in the window its readings were too old, unless they had been there."""
    never_cuts(monkeypatch)
    place = Place(database, [adopt(number) for number in range(1, 21)])
    place.pages_look = False
    others = range(1, len(place.houses))

    def all_but_the_first(end):
        while place.now < end:
            place.now += HOUR
            for house in others:
                place.use(0, house=house)
            place.go()

    place.now = place.at(1, 9)
    place.use(60_000)
    for house in others:
        place.use(0, house=house)
        place.pay(100, house=house)
    place.go()
    place.deliver()
    all_but_the_first(place.at(2, 17))
    for made in ("blocks", "registers"):
        real = getattr(town, made)

        def received(*rows, real=real, **more):
            found = real(*rows, **more)
            if late:
                found["received_at"] = town.seconds(place.now) * 1000
            return found

        monkeypatch.setattr(town, made, received)
    place.use(0)
    monkeypatch.undo()
    never_cuts(monkeypatch)
    place.until(place.at(3, 3), HOUR)
    assert laws_of(place)["due_is_cut"] is late
    place.connection.close()


def test_light_is_promised_from_when_all_run_again(after):
    from urja.demo.town_laws import examine_reached
    from urja.laws.downtime import NO_DOWNTIME, Downtimes
    from urja.laws.meter_histories import MeterHistory

    row = after(never_restores)
    pasts = {f"URJ{number:08}": MeterHistory() for number in range(1, 6)}
    # It is paid at 20:00; the morning after at 9:00, all have run for long enough.
    for outage, holds in ((None, False), ((1, 19, 2, 9), False), ((1, 19, 3, 0), True)):
        paying = NO_DOWNTIME if outage is None else Downtimes(((row.at(*outage[:2]), row.at(*outage[2:])),))
        found = examine_reached(row.connection, pasts, row.now, 30 * MINUTE, paying=paying)
        held = {one.law: one.holds for one in found}
        assert held["reachable_is_reconnected"] is holds, (outage, found)


def test_a_cut_after_a_later_credit_breaks_its_law(row, monkeypatch):
    """The head end's and the stage's guards are both off: what was ordered is carried out although it was paid."""
    from urja.laws.switching import laws
    from urja.pipeline import decide

    row.now = row.at(1, 9)
    row.use(60_000)
    row.go()
    row.deliver()
    row.until(row.at(1, 10, 5), step=5 * MINUTE)
    assert row.commands() == [("disconnect", "queued")]
    row.sent()
    row.pay(500)
    monkeypatch.setattr(decide, "_outdated", lambda _known: False)
    monkeypatch.setattr(decide._DecisionExecutor, "_restore", lambda _self, item, _reason: item)
    monkeypatch.setattr(decide._DecisionExecutor, "_leave", lambda _self, item: item)
    row.go(row.now + 30 * MINUTE)
    row.report("confirmed")
    row.go(row.now + 30 * MINUTE)
    found = laws(row.connection, row.now, town.ZONE)
    assert found["cut_after_no_credit"] is False
    assert found["paid_is_reconnected"] is False


def test_a_cut_on_old_data_or_in_illness_breaks_its_law(row, monkeypatch):
    from urja.apps.supply import health
    from urja.core.policy import disconnection_bars
    from urja.laws.switching import laws

    row.now = row.at(1, 9)
    row.use(60_000)
    row.go()
    row.deliver()
    monkeypatch.setattr(disconnection_bars, "RULES", (disconnection_bars._notices,))
    monkeypatch.setattr("urja.core.policy.engine.stale_at", lambda _policy, _facts: None)
    ill = {"collection": True, "payments": False, "messaging": True, "figures": {}}
    monkeypatch.setattr(health, "_judge", lambda *_: ill)
    row.go(row.at(3, 10, 1))
    assert row.commands() == [("disconnect", "queued")]
    found = laws(row.connection, row.now, town.ZONE)
    assert found["cut_on_fresh_data"] is False
    assert found["cut_while_services_run"] is False


def test_a_switching_without_an_order_breaks_its_law(row):
    from urja.apps.commands.operations import issue
    from urja.laws.switching import laws

    row.now = row.at(1, 9)
    row.go()
    house = row.houses[0]
    issue(
        device_id=house.device_id,
        service_point_id=house.service_point_id,
        kind="disconnect",
        issued_at=row.now,
        issued_wall_ms=1,
        expires_at=row.now + MINUTE,
        reason="by hand",
        correlation=1,
    )
    assert laws(row.connection, row.now, town.ZONE)["cut_has_a_ground"] is False
