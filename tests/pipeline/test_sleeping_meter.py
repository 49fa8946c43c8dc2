"""Commands to a gas meter that sleeps: by when it can obey, how long they last, and a valve that a person opens."""

from datetime import timedelta

import pytest
from tests.apps.town import START, ZONE, adopt
from tests.pipeline.test_decide import HOUR, MINUTE, POLICY, SECOND, Place, cut, used_up

from urja.base.event_meanings import GAS_THROUGH_CLOSED_VALVE, LEAK_TEST_FAILED


@pytest.fixture
def house(database):
    """One house with 100 rupees, whose meter is awake at 06:00 and 12:00. Its policy disconnects from 10:00 to 16:00."""
    place = Place(database, [adopt(credit_minor=10_000, device_type="urja-g1")])
    yield place
    place.connection.close()


def test_a_disconnection_says_by_when_the_meter_can_obey_and_ends_with_its_window(house):
    used_up(house)
    house.go(house.at(1, 10, 1))
    [ordered] = [house.command()]
    assert (ordered.kind, ordered.awake_at) == ("disconnect", house.at(1, 12))
    assert ordered.expires_at == house.at(1, 16)


def test_no_disconnection_in_a_window_through_which_the_meter_sleeps(house):
    house.now = house.at(1, 12, 30)
    house.use(60_000)
    house.go()
    house.deliver()
    house.until(house.at(1, 15, 30), step=HOUR)
    assert house.commands() == []
    assert house.where() == ("to_be_cut", "asleep")
    assert "its meter sleeps" in house.standing().sentence(house.now)
    assert "मीटर सोया रहेगा" in house.standing().sentence(house.now, "hi")
    house.until(house.at(2, 10, 30), step=HOUR)
    assert house.commands() == [("disconnect", "queued")]
    assert house.command().awake_at == house.at(2, 12)


def test_a_hold_without_hours_waits_for_the_next_wake_up(house):
    house.now = house.at(1, 20)
    house.use(10)
    house.go()
    house.order("hold", "safety")
    house.go(house.now + SECOND)
    assert house.commands() == [("disconnect", "queued")]
    assert house.command().awake_at == house.at(2, 6)


def test_a_credit_while_the_disconnection_waits_in_the_mailbox(house):
    used_up(house)
    house.go(house.at(1, 10, 1))
    house.sent()
    house.pay(500)
    house.go(house.now + SECOND)
    assert house.commands() == [("disconnect", "superseded"), ("connect", "queued")]


def test_a_reconnection_lasts_for_two_wake_ups(house):
    cut(house)
    house.pay(500)
    house.go(house.at(1, 13))
    back = house.command()
    assert (back.kind, back.awake_at) == ("connect", house.at(2, 6))
    assert back.expires_at == house.at(3, 0) + timedelta(minutes=2)


def waiting(house):
    """Paid, and made ready at six on Tuesday: a person has to press the button."""
    cut(house)
    house.pay(500)
    house.go(house.at(1, 13))
    house.sent()
    house.now = house.at(2, 6, 1)
    house.report("waiting_for_person")
    house.go()
    return house.now


def report_event(house, code, occurred_at):
    adopted = house.houses[0]
    with house.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO readings_event (service_point_id, device_id, code, state, occurred_at, received_at, source,"
            " clock_status, correlation) VALUES (%s, %s, %s, 3, %s, %s, 1, 0, 1)",
            [adopted.service_point_id, adopted.device_id, code, occurred_at, house.now],
        )
    house.connection.commit()


def test_the_valve_counts_as_open_once_the_meter_reports_it(house):
    since = waiting(house)
    assert house.standing().supply == "off"
    house.go(since + HOUR)
    assert house.commands()[-1] == ("connect", "waiting_for_person")
    assert house.standing().supply == "off"
    house.now += MINUTE
    report_event(house, 302, house.now)
    house.use(0)
    house.go(house.now + 15 * MINUTE)
    assert house.standing().supply == "on"


@pytest.mark.parametrize("code", [GAS_THROUGH_CLOSED_VALVE, LEAK_TEST_FAILED])
def test_gas_that_escapes_opens_a_work_order_and_no_payment_opens_the_valve(house, code):
    """At once, in a run over changed accounts alone, at night; a valve that was ready for its button is closed again."""
    from urja.apps.overviews.queries.work_orders import everywhere
    from urja.apps.supply.operations import request_release
    from urja.apps.supply.queries.flags import flagged
    from urja.apps.work import operations

    now = waiting(house)
    house.now = now + MINUTE
    report_event(house, code, house.now)
    house.go(only_changed=True)
    [order] = everywhere(9)
    assert (order.kind, order.serial) == ("gas_escapes", "URJ00000001")
    assert flagged(house.now)[0].kind == "gas_escapes"
    assert house.commands()[-1] == ("disconnect", "queued")
    house.sent()
    house.report("confirmed")
    house.pay(5_000)
    house.until(house.now + HOUR)
    assert house.commands()[-1] == ("disconnect", "confirmed")
    assert operations.close(order.id, house.now)
    house.until(house.now + HOUR)
    assert house.commands()[-1] == ("disconnect", "confirmed"), "closing the work order is no release"
    assert everywhere(9) == []
    request_release(house.houses[0].service_point_id, "safety", actor="test", requested_at=house.now)
    house.go(house.now + SECOND)
    assert house.commands()[-1] == ("connect", "queued")
    house.now += MINUTE
    report_event(house, code, house.now)
    house.go()
    assert [one.kind for one in everywhere(9)] == ["gas_escapes"], "a later report counts again"
    assert house.commands()[-1] == ("disconnect", "queued")


def test_a_report_of_an_earlier_opening_opens_no_valve(house):
    waiting(house)
    house.now += MINUTE
    report_event(house, 302, house.now - 2 * HOUR)
    house.use(0)
    house.go(house.now + 15 * MINUTE)
    assert house.standing().supply == "off"


def test_what_the_consumer_reads(house):
    """Sent and asleep, then ready: the page names the wake-up and the button."""
    from urja.apps.supply.queries import newest_reconnection
    from urja.web.portal.chain import _next

    cut(house)
    house.pay(500)
    house.go(house.at(1, 13))
    house.sent()
    account_id = house.houses[0].account_id
    text = _next(newest_reconnection(account_id), house.now)
    assert text.startswith("Your valve opens after you press the button at your meter.")
    assert "next awake at 06:00" in text
    house.now = house.at(2, 6, 1)
    house.report("waiting_for_person")
    assert "checks for a minute that no gas escapes" in _next(newest_reconnection(account_id), house.now)


def test_what_is_not_a_disconnection_lasts_for_two_wake_ups_too(house):
    """It lasts until the second wake-up is over, however short its caller wanted it."""
    from urja.apps.commands import operations

    adopted = house.houses[0]
    given = operations.issue(
        device_id=adopted.device_id,
        service_point_id=adopted.service_point_id,
        kind="read_nameplate",
        issued_at=house.at(1, 13),
        issued_wall_ms=1,
        expires_at=house.at(1, 14),
        reason="test",
        correlation=1,
    )
    assert given.awake_at == house.at(2, 6)
    assert given.expires_at == house.at(3, 0) + timedelta(minutes=2)


# --- what the plan excuses --------------------------------------------------------------------------------


def test_a_meter_that_sleeps_is_not_communicating_a_day_after_it_should_have_been_awake(house):
    from urja.apps.readings.queries.overview import not_communicating

    house.now = house.at(1, 9)
    house.use(100)
    assert not_communicating(house.at(2, 9, 30)) == []
    assert not_communicating(house.at(3, 2, 59)) == []
    [late] = not_communicating(house.at(3, 3, 1))
    assert late.since_at == house.at(1, 9)


def gaps_at(house, now):
    """What is missing, and what is requested, in a run of the stage at an instant."""
    from urja.apps.meter_types.queries import sleeping_types
    from urja.apps.readings import gaps

    sleeping = sleeping_types(now)
    with house.connection.transaction(), house.connection.cursor() as cursor:
        missing = gaps.list_missing(cursor, now, "Asia/Kolkata", sleeping)
        return missing, [one.profile for one in gaps.take_requests(cursor, now, "Asia/Kolkata", 10, sleeping)]


def test_intervals_are_missed_and_read_when_the_meter_is_awake(house):
    """At 11:00 nothing more is owed than at 06:00; at noon it is, and read while the meter is awake."""
    assert gaps_at(house, house.at(1, 6, 1)) == (11, ["block"])
    assert gaps_at(house, house.at(1, 11)) == (0, [])
    assert gaps_at(house, house.at(1, 12, 3)) == (12, [])
    assert gaps_at(house, house.at(2, 6, 1)) == (36, ["block"])


def test_every_page_judges_its_communication_by_its_plan(house):
    """Heard at 9 on Monday: powered, as far as is known, until 3 on Wednesday."""
    from urja.apps.overviews.queries.accounts import accounts_of
    from urja.apps.readings.queries.power import billing_meter_power
    from urja.apps.supply.queries.power import power_by_transformer
    from urja.core.power import NotCommunicating, Powered
    from urja.web.shared.account_card import _card
    from urja.web.shared.power_words import power_of

    adopted = house.houses[0]
    house.now = house.at(1, 9)
    house.use(100)
    house.go()
    for now, state in ((house.at(1, 20), Powered), (house.at(3, 3, 1), NotCommunicating)):
        [seen] = accounts_of(adopted.user_id, now)
        assert isinstance(power_of(_card(seen), now, None), state)
        assert isinstance(billing_meter_power(adopted.service_point_id, now), state)
        [counted] = power_by_transformer(now)
        assert counted.counts.powered == (state is Powered)


def due_is_cut(house):
    from urja.laws.switching import laws

    return laws(house.connection, house.now, ZONE)["due_is_cut"]


def used_up_in_the_morning(house):
    house.now = house.at(1, 9)
    house.use(60_000)
    house.go()
    house.deliver()
    house.until(house.at(2, 11), step=HOUR)


def test_the_law_accuses_no_one_of_a_meter_that_sleeps_through_the_window(house):
    from urja.usecases.policies import load_policy

    early = POLICY.format(version="2", emergency=50, most=20, stagger=20).replace('"16:00"', '"11:30"')
    load_policy(early, recorded_at=START, actor="test")
    used_up_in_the_morning(house)
    assert (house.commands(), house.where()) == ([], ("to_be_cut", "asleep"))
    house.until(house.at(2, 17), step=HOUR)
    assert due_is_cut(house)


def test_the_law_sees_a_meter_that_was_awake_and_was_passed_over(house, monkeypatch):
    from urja.apps.supply import switching

    monkeypatch.setattr(switching, "sleeps_until", lambda _known, window, _now: window and window.not_after)
    used_up_in_the_morning(house)
    house.until(house.at(2, 17), step=HOUR)
    assert house.commands() == []
    assert not due_is_cut(house)
