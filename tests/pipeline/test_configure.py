"""The stage `configure`: a meter's wanted configuration is sent, read back, noted, and tried again."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.usecases.test_terms import change_category, change_load, do, load_tariff, wished

DAY = timedelta(days=1)
NOW = START + 20 * DAY


@pytest.fixture
def house(database):
    load_tariff("demo")
    return adopt()


@pytest.fixture
def stage():
    from urja.pipeline.configure import Configure

    return Configure()


def given():
    """The commands, oldest first, as they are sent."""
    from urja.apps.commands.models import Command

    return [f"{command.kind} {command.arguments}" for command in Command.objects.order_by("sequence")]


def answer(state, at, detail=""):
    """The head end reports of the newest command."""
    from urja.apps.commands.models import Command
    from urja.apps.commands.operations import record_progress
    from urja.stream.orders import Progress

    newest = Command.objects.order_by("-sequence").first()
    record_progress(
        [
            Progress(
                command_id=newest.id,
                device_id=newest.device_id,
                sequence=newest.sequence,
                state=state,
                at=at,
                wall_ms=1,
                detail=detail,
            )
        ]
    )


def work_orders():
    from urja.apps.work.models import WorkOrder

    return list(WorkOrder.objects.values_list("kind", "state"))


def test_a_load_limit_follows_the_load(house, stage):
    assert stage.run_once(NOW, 0).done == 0
    do(change_load(7000, 10), NOW)
    assert stage.run_once(NOW, 0).done == 1
    assert stage.run_once(NOW, 0).done == 0
    assert given() == ["set_load_limit {'watts': 7000}"]
    answer("confirmed", NOW + timedelta(minutes=1))
    assert stage.run_once(NOW + timedelta(minutes=2), 0).done == 1
    assert wished() == [("7000", "7000")]
    assert stage.run_once(NOW + 3 * DAY, 0).done == 0
    assert given() == ["set_load_limit {'watts': 7000}"]


def test_terms_of_a_later_day_are_told_when_it_has_come(house, stage):
    do(change_load(7000, 30), NOW)
    assert stage.run_once(START + 29 * DAY - timedelta(seconds=1), 0).done == 0
    assert stage.run_once(START + 29 * DAY, 0).done == 2
    assert given() == ["set_load_limit {'watts': 7000}"]


def test_a_process_that_begins_again_finds_what_began_meanwhile(house):
    from urja.pipeline.configure import Configure

    do(change_load(7000, 30), NOW)
    assert Configure().run_once(START + 31 * DAY, 0).done == 2
    assert Configure().run_once(START + 31 * DAY, 0).done == 0


def test_a_newer_wish_is_another_command(house, stage):
    do(change_load(7000, 10), NOW)
    stage.run_once(NOW, 0)
    do(change_load(8000, 15), NOW + timedelta(minutes=1))
    stage.run_once(NOW + timedelta(minutes=1), 0)
    assert given() == ["set_load_limit {'watts': 7000}", "set_load_limit {'watts': 8000}"]


def test_a_meter_that_does_not_take_it_is_somebodys_way_there(house, stage):
    do(change_load(7000, 10), NOW)
    stage.run_once(NOW, 0)
    answer("failed", NOW, "refused: object-undefined")
    assert stage.run_once(NOW + timedelta(hours=1), 0).done == 1
    assert work_orders() == [("configure", "open")]
    assert stage.run_once(NOW + timedelta(hours=2), 0).done == 0
    assert len(given()) == 1
    # After a day it is tried again; once the meter has taken it, no visit is needed.
    assert stage.run_once(NOW + DAY, 0).done == 1
    assert len(given()) == 2
    answer("confirmed", NOW + DAY)
    assert stage.run_once(NOW + DAY + timedelta(minutes=1), 0).done == 1
    assert work_orders() == [("configure", "withdrawn")]
    assert wished() == [("7000", "7000")]


def test_every_wish_has_its_command(house, stage):
    from urja.apps.assets.configuration import set_desired

    for item, value in (("metering_mode", "net"), ("billing_day", "15"), ("payment_mode", "postpaid")):
        set_desired(house.device_id, item, value, at=NOW, actor="test")
    assert stage.run_once(NOW, 0).done == 3
    assert sorted(given()) == [
        "set_billing_day {'day': 15}",
        "set_metering_mode {'mode': 'net'}",
        "set_payment_mode {'mode': 'postpaid'}",
    ]
    assert stage.run_once(NOW, 0).done == 0


def test_a_meter_closes_its_month_with_the_tariffs_periods(house, stage):
    """Told with the agreement that begins; not where the tariff's periods begin on the first, as a meter's do."""
    from urja.usecases.operations import MoveIn, MoveOut

    move_in = {
        "consumer_number": "URJ00000001",
        "name": "N",
        "email": "n@example.org",
        "sanctioned_load_w": 5000,
    }
    do(MoveOut(consumer_number="URJ00000001", at=NOW, register_wh=10_000), NOW)
    do(MoveIn(tariff_code="demo", at=NOW, register_wh=10_000, **move_in), NOW)
    assert wished("billing_day") == []
    do(MoveOut(consumer_number="URJ00000001", at=NOW + DAY, register_wh=10_000), NOW + DAY)
    load_tariff("mid", starts_on=15)
    do(MoveIn(tariff_code="mid", at=NOW + DAY, register_wh=10_000, **move_in), NOW + DAY)
    assert wished("billing_day") == [("15", None)]
    stage.run_once(NOW + DAY, 0)
    assert "set_billing_day {'day': 15}" in given()


def test_a_meter_closes_its_month_with_the_agreements_own_periods(house, stage):
    """Whatever calendar its tariff has, and the next one too; the next consumer without one has the tariff's."""
    from urja.usecases.operations import MoveIn, MoveOut

    move_in = {
        "consumer_number": "URJ00000001",
        "name": "N",
        "email": "n@example.org",
        "sanctioned_load_w": 5000,
        "register_wh": 10_000,
    }
    load_tariff("mid", starts_on=15)
    do(MoveOut(consumer_number="URJ00000001", at=NOW, register_wh=10_000), NOW)
    do(MoveIn(tariff_code="demo", at=NOW, billing_day=7, **move_in), NOW)
    assert wished("billing_day") == [("7", None)]
    do(change_category("mid", 25), NOW)
    assert wished("billing_day") == [("7", None)]
    stage.run_once(NOW + 7 * DAY, 0)
    assert "set_billing_day {'day': 7}" in given()
    end = NOW + 8 * DAY
    do(MoveOut(consumer_number="URJ00000001", at=end, register_wh=10_000), end)
    do(MoveIn(tariff_code="mid", at=end, **move_in), end)
    assert wished("billing_day") == [("15", None)]


@pytest.mark.parametrize("changes", [{"load_switch": False}, {"commodity": "gas"}])
def test_a_meter_without_a_switch_or_of_gas_has_no_limit_to_keep(house, stage, changes):
    """A gas meter was ordered to limit a load that it has not, and a work order to configure it was opened."""
    from urja.apps.assets.models import Device

    with town.by_hand():
        Device.objects.update(**changes)
    do(change_load(7000, 10), NOW)
    assert stage.run_once(NOW, 0).done == 0
    assert given() == []


def test_the_stage_needs_no_more_than_the_pipelines_rights(house, stage):
    from django.db import connections

    do(change_load(7000, 10), NOW)
    connections.close_all()
    login = connections["default"].settings_dict
    owner = login["USER"]
    try:
        login["USER"] = "urja_pipeline"
        assert stage.run_once(NOW, 0).done == 1
        answer("failed", NOW, "refused")
        assert stage.run_once(NOW + timedelta(hours=1), 0).done == 1
    finally:
        connections.close_all()
        login["USER"] = owner
