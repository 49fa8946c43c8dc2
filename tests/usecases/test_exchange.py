"""Meters and ratios change, and energy stays right: exchanges, burnt meters, check meters, other transformers."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, adopt, blocks, exchange, in_stock, registers

DAY = timedelta(days=1)
AT = START + DAY + timedelta(hours=14, minutes=20)
"""14:20 on 3 March."""
OLD_OPENING, OLD_LAST, NEW_FIRST, NEW_MIDNIGHT = 10_432_600, 10_440_100, 200, 3_700


@dataclass(frozen=True)
class Meter:
    """A meter in its place, for rows as the pipeline would place them."""

    service_point_id: int
    device_id: int
    agreement_id: int


@pytest.fixture
def connection(database):
    with database.connect("urja_pipeline") as connection:
        yield connection


def energy(connection):
    return connection.execute(
        "SELECT billed_value, watermark_at FROM readings_accrual ORDER BY period DESC LIMIT 1"
    ).fetchone()


def new_meter(home, done):
    return Meter(home.service_point_id, done.outcome["device_id"], home.agreement_id)


def test_the_worked_exchange(connection):
    """Standards 1.7: old 10,432.6 to 10,440.1 kWh at 14:20, new 0.2 to 3.7: 7.5 + 3.5 = 11.0 kWh."""
    home = adopt(1, valid_from=START + DAY, register_wh=OLD_OPENING)
    in_stock(2)
    done = exchange(1, 2, AT, old_wh=OLD_LAST, new_wh=NEW_FIRST, seals=("S1", "S2"))
    assert energy(connection) == (7_500, AT)
    new = new_meter(home, done)
    town.store_registers(connection, registers(new, (START + 2 * DAY, NEW_MIDNIGHT)))
    assert energy(connection) == (11_000, START + 2 * DAY)
    # What the old meter had not sent yet still counts for shape, and not for the bill.
    town.store_blocks(connection, blocks(home, (START + DAY, 300)))
    assert energy(connection) == (11_000, START + 2 * DAY)


def test_blocks_of_both_meters_go_on_over_the_exchange(connection):
    home = adopt(1, valid_from=START + DAY, register_wh=1_000)
    in_stock(2)
    half_hours = [(START + DAY + n * HALF_HOUR, 100) for n in range(28)]
    town.store_blocks(connection, blocks(home, *half_hours))
    new = new_meter(home, exchange(1, 2, AT, old_wh=3_870))
    assert energy(connection) == (2_870, AT)
    # The half-hour of 14:20 is neither meter's: the new one begins with the next.
    town.store_blocks(connection, blocks(new, (START + DAY + 29 * HALF_HOUR, 55)))
    assert energy(connection) == (2_925, START + DAY + 30 * HALF_HOUR)


def test_nothing_of_the_new_meter_is_billed_before_it_passes_and_nothing_is_lost_then(connection):
    from urja.apps.assets.models import DevicePeriod
    from urja.usecases.meter_exchange import first_billed_at

    home = adopt(1, valid_from=START + DAY, register_wh=OLD_OPENING)
    in_stock(2)
    done = exchange(1, 2, AT, old_wh=OLD_LAST, new_wh=NEW_FIRST, commission=False)
    town.store_registers(connection, registers(new_meter(home, done), (START + 2 * DAY, NEW_MIDNIGHT)))
    assert energy(connection) == (7_500, AT)
    period = DevicePeriod.objects.get(id=done.outcome["device_period_id"])
    town.commissioned(period, first_billed_at(period, AT + timedelta(hours=20)), START + 2 * DAY)
    assert energy(connection) == (11_000, START + 2 * DAY)


def test_a_check_meter_beside_it_is_never_billed(connection):
    home = adopt(1, valid_from=START + DAY, register_wh=OLD_OPENING)
    in_stock(2)
    in_stock(3)
    checked = town.install(3, AT - timedelta(hours=3), place=1, register_wh=0, role="check")
    new = new_meter(home, exchange(1, 2, AT, old_wh=OLD_LAST, new_wh=NEW_FIRST))
    check = Meter(home.service_point_id, checked.outcome["device_id"], 0)
    town.store_blocks(connection, blocks(check, (AT, 5_000)))
    town.store_registers(connection, registers(check, (START + 2 * DAY, 9_000)))
    town.store_registers(connection, registers(new, (START + 2 * DAY, NEW_MIDNIGHT)))
    assert energy(connection) == (11_000, START + 2 * DAY)


def test_a_burnt_meter_is_estimated_and_the_laboratory_puts_it_right(connection):
    from urja.usecases.operations import CorrectLastRead, perform

    home = adopt(1, register_wh=10_000)
    # A day of 4.8 kWh by the register; then blocks until noon, and nothing until it is found at 14:20.
    town.store_registers(connection, registers(home, (START + DAY, 14_800)))
    town.store_blocks(connection, blocks(home, *((START + DAY + n * HALF_HOUR, 80) for n in range(24))))
    in_stock(2)
    done = exchange(1, 2, AT, old_wh=None, new_wh=0)
    # 2 h 20 min at 200 W.
    assert done.outcome["estimated"]["import_wh"] == 14_800 + 24 * 80 + 4_800 * 8_400 // 86_400
    assert done.outcome["estimated"]["unknown_s"] == 8_400
    assert energy(connection) == (4_800 + 1_920 + 466, AT)
    assert connection.execute(
        "SELECT r.status, e.method, (e.detail->>'mean_wh')::int FROM readings_register r"
        " JOIN readings_estimate e USING (service_point_id, device_id, read_at, kind, version)"
    ).fetchall() == [(3, "blocks, and the mean of the meter's own past", 4_800)]
    town.store_registers(connection, registers(new_meter(home, done), (START + 2 * DAY, 900)))
    assert energy(connection)[0] == 7_186 + 900
    perform(
        CorrectLastRead(serial="URJ00000001", register_wh=17_000, reason="laboratory"),
        recorded_at=START + 9 * DAY,
        actor="test",
    )
    assert energy(connection)[0] == 7_000 + 900


def test_an_estimate_is_not_below_what_the_meter_has_said(connection):
    from urja.stream.records import RegisterKind

    home = adopt(1, register_wh=10_000)
    town.store_registers(
        connection, registers(home, (AT - timedelta(hours=1), 12_345), kind=RegisterKind.INSTANTANEOUS)
    )
    in_stock(2)
    exchange(1, 2, AT, old_wh=None)
    assert energy(connection) == (2_345, AT)


def test_a_ratio_changes_and_each_part_is_multiplied_by_its_own(connection):
    from urja.apps.assets.models import DevicePeriod
    from urja.usecases.operations import ChangeRatio, Undo, perform

    home = adopt(1, register_wh=1_000)
    change = ChangeRatio(
        consumer_number="URJ00000001",
        at=START + timedelta(hours=10, minutes=10),
        primary=7,
        secondary=3,
        register_wh=1_500,
        reason="current transformers put in",
    )
    entry = perform(change, recorded_at=START + DAY, actor="test")
    town.store_blocks(connection, blocks(home, (START + 21 * HALF_HOUR, 10)))
    assert energy(connection) == (500 + 1_510 * 7 // 3 - 1_500 * 7 // 3, START + 22 * HALF_HOUR)
    town.store_registers(connection, registers(home, (START + DAY, 2_000)))
    assert energy(connection) == (500 + 2_000 * 7 // 3 - 1_500 * 7 // 3, START + DAY)
    assert list(
        DevicePeriod.objects.order_by("valid_from").values_list("ratio_primary", "commissioned_at")
    ) == [
        (1, START),
        (7, change.at),
    ]
    perform(Undo(entry_id=entry.id, reason="another house"), recorded_at=START + 2 * DAY, actor="test")
    assert energy(connection) == (1_000, START + DAY)


def test_an_exchange_is_undone(connection):
    from urja.apps.assets.models import Device, DevicePeriod
    from urja.usecases.operations import Undo, perform

    home = adopt(1, register_wh=1_000)
    in_stock(2)
    town.store_registers(connection, registers(home, (START + DAY, 2_000)))
    before = energy(connection)
    done = exchange(1, 2, AT, old_wh=None, commission=False)
    perform(Undo(entry_id=done.id, reason="wrong house"), recorded_at=AT + DAY, actor="test")
    assert energy(connection) == before
    period = DevicePeriod.objects.get()
    assert (period.device_id, period.valid_to) == (home.device_id, None)
    assert dict(Device.objects.values_list("serial", "stock")) == {
        "URJ00000001": "installed",
        "URJ00000002": "issued",
    }
    # And done again, at the right house or not: the same version of the estimated read may come again.
    exchange(1, 2, AT, old_wh=None)
    assert energy(connection)[1] == AT


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"new": 9}, "no meter URJ00000009 in stock"),
        ({"new": 1}, "is installed at URJ00000001"),
        ({"old_wh": 900}, "cannot go back to 900 Wh"),
        ({"new_wh": -1}, "cannot read -1 Wh"),
        ({"at": START}, "began only on"),
        ({"recorded_at": AT - DAY}, "is in the future"),
        ({"reason": " "}, "give a reason"),
        ({"role": "check"}, "no check meter is installed at URJ00000001"),
        ({"role": "spare"}, "not 'spare'"),
        ({"consumer_number": "N1"}, "no service point N1"),
        ({"ratio_primary": 200}, "two numbers"),
        ({"ratio_primary": 200, "ratio_secondary": 0}, "such as 200 to 5, not 0"),
    ],
)
def test_what_is_refused(connection, changes, sentence):
    from urja.apps.journal.errors import RefusedError

    home = adopt(1, register_wh=1_000)
    in_stock(2)
    before = energy(connection)
    values = {"old": 1, "new": 2, "at": AT, "old_wh": 2_000} | changes
    with pytest.raises(RefusedError, match=sentence):
        exchange(**values)
    assert energy(connection) == before
    assert home.device_id == connection.execute("SELECT device_id FROM assets_device_period").fetchone()[0]


def test_a_meter_that_only_counts_forward_is_no_meter_for_net_metering(connection):
    from urja.apps.contracts.models import AgreementTerms
    from urja.apps.journal.errors import RefusedError

    adopt(1, register_wh=1_000)
    in_stock(2, forward_only=True)
    with town.by_hand():
        AgreementTerms.objects.update(metering_mode="net")
    with pytest.raises(RefusedError, match="needs a bidirectional meter"):
        exchange(1, 2, AT, old_wh=2_000)
