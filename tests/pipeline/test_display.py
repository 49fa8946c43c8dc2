"""The stage `display`: the meter's own display is written after a recharge, after a change of state, and once a day."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.apps.town import ZONE, adopt
from tests.pipeline.test_decide import Place, cut


@pytest.fixture
def house(database):
    place = Place(database, [adopt(credit_minor=20_000)])
    place.go()
    yield place
    place.connection.close()


@pytest.fixture
def display():
    from urja.pipeline.display import Display

    return Display(ZoneInfo(ZONE))


def written(house):
    from urja.apps.commands.models import Command

    commands = Command.objects.filter(kind="write_balance").order_by("sequence")
    return [(command.reason, command.arguments["balance_minor"]) for command in commands]


def test_a_display_hears_of_money_of_its_standing_and_of_the_day(house, display):
    def look():
        return display.run_once(house.now, house.wall_ms).done

    assert look() == 1
    assert look() == 0, "a second run has nothing to say"
    assert written(house) == [("the first balance", 20_000)]

    house.pay(100)
    house.go(house.at(1, 9, 30))
    assert look() == 1
    assert written(house)[1:] == [("a credit was posted", 30_000)]

    house.now = house.at(1, 10)
    house.use(4_000)
    house.go()
    assert look() == 0, "a block alone is no reason to write"

    house.now = house.at(1, 12)
    house.use(120_000)
    house.go()
    assert house.standing().standing != "fine"
    assert look() == 1
    reason, balance_minor = written(house)[2]
    assert reason == "the standing has changed"
    assert balance_minor < 0

    house.now = house.at(2, 0) + timedelta(minutes=1)
    assert look() == 1
    assert written(house)[3][0] == "a day has passed"
    assert look() == 0


def test_what_goes_to_arrears_of_a_recharge_is_not_shown_as_credit(house, display):
    from tests.pipeline import test_arrears as arrears

    from urja.apps.commands.models import Command

    display.run_once(house.now, house.wall_ms)
    arrears.load(25, at=house.now)
    arrears.owes(house.houses[0], ("B-1", "2026-01-15", 6_000, 0))
    house.pay(100)
    house.go(house.at(1, 9, 30))
    assert display.run_once(house.now, house.wall_ms).done == 1
    said = Command.objects.filter(kind="write_balance").latest("sequence").arguments
    assert (said["balance_minor"], said["recharge_minor"], said["recharge_total_minor"]) == (
        27_500,
        10_000,
        27_500,
    )


def test_a_new_process_finds_nothing_more_to_say(house, display):
    from urja.pipeline.display import Display

    display.run_once(house.now, house.wall_ms)
    assert Display(ZoneInfo(ZONE)).run_once(house.now + timedelta(minutes=1), house.wall_ms).done == 0


def test_the_command_is_one_that_the_head_end_understands(house, display):
    import msgspec

    from urja.apps.commands.models import Command
    from urja.headend.commands import write_balance

    display.run_once(house.now, house.wall_ms)
    arguments = msgspec.convert(Command.objects.get().arguments, write_balance.Arguments)
    assert (arguments.balance_minor, arguments.recharge_minor) == (20_000, 20_000)
    assert arguments.recharge_total_minor == 20_000


@pytest.fixture
def disconnected(database):
    place = Place(database, [adopt(credit_minor=10_000)])
    cut(place)
    yield place
    place.connection.close()


def test_nothing_is_written_while_light_is_on_its_way(disconnected, display):
    def look():
        return display.run_once(disconnected.now, disconnected.wall_ms).done

    assert look() == 1
    disconnected.pay(2_000)
    assert look() == 0, "decide has not looked at it: a connect may come"
    disconnected.go(disconnected.at(1, 11))
    assert disconnected.command().kind == "connect"
    assert look() == 0
    disconnected.sent()
    disconnected.report("acknowledged")
    disconnected.go(disconnected.at(1, 11, 1))
    assert look() == 0
    disconnected.report("confirmed")
    disconnected.go(disconnected.at(1, 11, 2))
    assert look() == 1
    assert look() == 0
    assert [reason for reason, _ in written(disconnected)][-1] == "a credit was posted"


def test_a_display_does_not_wait_for_a_person_at_the_button(disconnected, display):
    display.run_once(disconnected.now, disconnected.wall_ms)
    disconnected.pay(2_000)
    disconnected.go(disconnected.at(1, 11))
    disconnected.sent()
    disconnected.report("waiting_for_person")
    disconnected.go(disconnected.at(1, 11, 1))
    assert display.run_once(disconnected.now, disconnected.wall_ms).done == 1


def test_a_payment_that_does_not_suffice_is_shown(disconnected, display):
    display.run_once(disconnected.now, disconnected.wall_ms)
    disconnected.pay(1)
    disconnected.go(disconnected.at(1, 11))
    assert disconnected.command().kind != "connect"
    assert display.run_once(disconnected.now, disconnected.wall_ms).done == 1


def test_what_decide_had_in_hand_is_shown_at_the_next_look(house, display):
    display.run_once(house.now, house.wall_ms)
    house.pay(100)
    from urja.pipeline.credits import post_credits

    house.now = house.at(1, 9, 30)
    post_credits(house.now)
    assert display.run_once(house.now, house.wall_ms).done == 0
    house.go(house.at(1, 9, 31))
    house.now = house.at(1, 9, 40)
    assert display.run_once(house.now, house.wall_ms).done == 1
