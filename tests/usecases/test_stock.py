"""Meters from delivery to scrapping: each step from its allowed states, and no meter in two places."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from tests.apps.town import START, adopt, by_hand, install, remove


@pytest.fixture
def perform(database):
    from urja.usecases import operations

    def do(name, at=START, **fields):
        return operations.perform(getattr(operations, name)(**fields), recorded_at=at, actor="test")

    return do


def delivered(number, **changes):
    from urja.usecases.operations import Delivered

    values = {
        "serial": f"URJ{number:08}",
        "system_title": b"URJ" + number.to_bytes(5, "big"),
        "device_type": "urja-d1",
        "wrapped_guek": bytes(24),
        "wrapped_gak": bytes(24),
        "interval_s": 1800,
        "max_power_w": 14_400,
    }
    return Delivered(**(values | changes))


def receive(perform, *devices):
    return perform("ReceiveDevices", delivery="D-1", store="Store 4", devices=devices)


def state(number):
    from urja.apps.assets.models import Device

    device = Device.objects.get(serial=f"URJ{number:08}")
    return device.stock, device.held_by


def test_a_life_from_delivery_to_scrapping(perform):
    from urja.apps.journal.errors import RefusedError

    adopt(1)
    entry = receive(perform, delivered(2), delivered(3))
    assert entry.content == {"delivery": "D-1", "store": "Store 4", "serials": ["URJ00000002", "URJ00000003"]}
    serial = "URJ00000002"
    assert state(2) == ("delivered", "Store 4")
    perform("TestDevice", serial=serial, tested_at=START, passed=True)
    assert state(2) == ("tested", "Store 4")
    perform("IssueDevice", serial=serial, fitter="Arun")
    assert state(2) == ("issued", "Arun")
    perform("ReturnDevice", serial=serial, store="Store 5")
    assert state(2) == ("tested", "Store 5")
    perform("IssueDevice", serial=serial, fitter="Arun")
    remove(1, START + timedelta(days=1))
    install(2, START + timedelta(days=1), place=1)
    assert state(2) == ("installed", "")
    perform("ReturnDevice", serial="URJ00000001", store="Store 4")
    assert state(1) == ("removed", "Store 4"), "a removed meter is tested before it is installed again"
    perform("TestDevice", serial="URJ00000001", tested_at=START, passed=False, note="relay is welded")
    assert state(1) == ("removed", "Store 4")
    with pytest.raises(RefusedError, match="an account needs its last register: correct_last_read first"):
        perform("ScrapDevice", serial="URJ00000001", reason="relay is welded")
    perform("CorrectLastRead", serial="URJ00000001", estimated=True, reason="the display is dead")
    perform("ScrapDevice", serial="URJ00000001", reason="relay is welded")
    assert state(1) == ("scrapped", "")


@pytest.mark.parametrize(
    ("name", "fields", "sentence"),
    [
        ("IssueDevice", {"serial": "URJ00000002", "fitter": "Arun"},
         "meter URJ00000002 is delivered (Store 4): only one that is tested can be issued"),
        ("IssueDevice", {"serial": "URJ00000001", "fitter": "Arun"},
         "meter URJ00000001 is installed at URJ00000001: only one that is tested can be issued"),
        ("ScrapDevice", {"serial": "URJ00000001", "reason": "old"},
         "meter URJ00000001 is installed at URJ00000001: only one that is delivered or issued or removed or tested can be"),
        ("ScrapDevice", {"serial": "URJ00000002", "reason": " "}, "give a reason for scrapping"),
        ("ReturnDevice", {"serial": "URJ00000002", "store": "S"}, "only one that is issued or removed can be returned"),
        ("TestDevice", {"serial": "URJ00000009", "tested_at": START, "passed": True}, "there is no meter URJ00000009 in stock"),
        ("TestDevice", {"serial": "URJ00000002", "tested_at": START, "passed": False}, "state in the note why the test failed"),
        ("TestDevice", {"serial": "URJ00000002", "tested_at": START + timedelta(days=1), "passed": True}, "the time of the test is in the future"),
    ],
)  # fmt: skip
def test_each_step_has_its_place(perform, name, fields, sentence):
    from urja.apps.journal.errors import RefusedError

    adopt(1)
    receive(perform, delivered(2))
    with pytest.raises(RefusedError) as refused:
        perform(name, **fields)
    assert sentence in str(refused.value)


def test_a_delivery_of_known_meters_is_refused_whole(perform):
    from urja.apps.assets.models import Device
    from urja.apps.journal.errors import RefusedError

    adopt(1)
    with pytest.raises(RefusedError) as refused:
        receive(
            perform,
            delivered(1),
            delivered(2),
            delivered(3, system_title=delivered(2).system_title, sim="8991"),
        )
    assert refused.value.faults == [
        "serial number URJ00000001 belongs to meter URJ00000001 already",
        "system title 55524a0000000002 is in the delivery twice (URJ00000002, URJ00000003)",
        "system title 55524a0000000001 belongs to meter URJ00000001 already",
    ]
    assert Device.objects.count() == 1


def test_the_database_keeps_stock_and_places_together(database):
    """By any writer: a meter on a wall is installed, and an installed one is on a wall."""
    from urja.apps.assets.models import Device, DevicePeriod

    adopt(1)
    with pytest.raises(IntegrityError, match="is issued in the stock's words"), by_hand():
        Device.objects.update(stock="issued")
    with pytest.raises(IntegrityError, match="is installed in the stock's words"), by_hand():
        DevicePeriod.objects.update(valid_to=START + timedelta(days=1))
    with by_hand():
        DevicePeriod.objects.update(valid_to=START + timedelta(days=1))
        Device.objects.update(stock="removed")
    period = DevicePeriod.objects.get()
    period.id, period.valid_from, period.valid_to = 1, START + timedelta(days=2), None
    with pytest.raises(IntegrityError, match="is removed in the stock's words"):
        period.save(force_insert=True)


def test_the_list_says_where_each_is(perform):
    from urja.apps.assets import queries

    adopt(1)
    receive(perform, delivered(2), delivered(3))
    assert queries.stock_counts() == {"delivered": 2, "installed": 1}
    assert [one["serial"] for one in queries.stock(held_by="Store 4")] == ["URJ00000002", "URJ00000003"]
    assert queries.stock(state="installed") == [
        {"serial": "URJ00000001", "device_type": "urja-d1", "stock": "installed", "held_by": "",
         "consumer_number": "URJ00000001"},
    ]  # fmt: skip
    assert len(queries.stock(limit=1)) == 1
