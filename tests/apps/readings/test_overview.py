"""Balances of transformers and their consumers, written as small tables of readings; meters that do not communicate."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START
from tests.conftest import begun_with

from urja.apps.network.kinds import Level
from urja.apps.readings.kinds import Status

HOUR = timedelta(hours=1)
UNTIL = START + 2 * HOUR


@dataclass(frozen=True)
class Post:
    """A transformer's own meter."""

    service_point_id: int
    device_id: int
    agreement_id: int = 0


def metered_grid(database):
    """Two houses on T1, which is metered; one house on T2, which is not."""
    from urja.usecases.operations import InstallNetworkMeter, add_transformer, install_network_meter

    for code in ("T1", "T2"):
        add_transformer(code, feeder="North", recorded_at=START, actor="test")
    houses = [town.adopt(number, transformer="T1" if number < 3 else "T2") for number in (1, 2, 3)]
    meter = install_network_meter(
        InstallNetworkMeter(
            serial="URJ00000901",
            system_title=b"URJ\0\0\0\0\xff",
            device_type="urja-dt",
            interval_s=1800,
            max_power_w=200_000,
            wrapped_guek=bytes(24),
            wrapped_gak=bytes(24),
            register_wh=0,
            valid_from=START,
            premise_name="Transformer T1",
            transformer="T1",
        ),
        recorded_at=START,
        actor="test",
    )
    return houses, Post(meter.service_point_id, meter.device_id)


database, grid = begun_with(metered_grid)


def store(database, place, *energies_wh, version=None, export_wh=(), length=HALF_HOUR):
    """Intervals of one length from START on; none is no interval."""
    rows = [(START + length * n, wh) for n, wh in enumerate(energies_wh) if wh is not None]
    placed = town.blocks(place, *rows)
    placed["length_s"] = length.total_seconds()
    for number, wh in enumerate(export_wh):
        placed["values"][number, 2] = wh
    if version is not None:
        placed["status"] = version
    with database.connect("urja_pipeline") as connection:
        town.store_blocks(connection, placed, now=UNTIL)


def balance_of(code, begins=START, ends=UNTIL):
    from urja.apps.readings.queries.overview import transformer_balance

    return next(one for one in transformer_balance(begins, ends) if one.code == code)


def test_what_a_transformer_gave_and_its_houses_took(database, grid):
    (first, second, _third), post = grid
    store(database, first, 100, 200)
    store(database, second, 50, 50)
    store(database, post, 160, 270)
    balance = balance_of("T1")
    assert (balance.supplied_wh, balance.consumed_wh, balance.lost_wh) == (430, 400, 30)
    assert balance.loss_percent == pytest.approx(100 * 30 / 430)
    assert (balance.feeder, balance.metered, balance.consumers, balance.intervals) == ("North", True, 2, 2)
    assert balance.known_to_at == START + HOUR


def test_an_interval_that_a_house_has_not_reported_is_no_loss(database, grid):
    (first, second, _third), post = grid
    store(database, first, 100, 200, 300)
    store(database, second, 50, None, 50)
    store(database, post, 160, 270, None)
    balance = balance_of("T1")
    assert (balance.intervals, balance.supplied_wh, balance.consumed_wh) == (1, 160, 150)


def test_a_roof_that_feeds_back_feeds_the_lines(database, grid):
    (first, second, _third), post = grid
    store(database, first, 0, export_wh=[900])
    store(database, second, 300)
    store(database, post, 0, export_wh=[570])
    balance = balance_of("T1")
    assert (balance.supplied_wh, balance.consumed_wh) == (900, 870)
    assert balance.loss_percent == pytest.approx(100 * 30 / 900)


def test_the_newest_version_counts(database, grid):
    (first, second, _third), post = grid
    store(database, first, 100)
    store(database, first, 90, version=Status.EDITED)
    store(database, second, 50)
    store(database, post, 150)
    assert balance_of("T1").consumed_wh == 140


def test_only_the_time_asked_for_counts(database, grid):
    (first, second, _third), post = grid
    store(database, first, 100, 100, 100)
    store(database, second, 50, 50, 50)
    store(database, post, 160, 160, 160)
    balance = balance_of("T1", START + HALF_HOUR, START + HOUR)
    assert (balance.intervals, balance.supplied_wh) == (1, 160)


def test_a_transformer_without_a_meter_or_without_readings_has_no_loss(database, grid):
    (_first, _second, third), _post = grid
    store(database, third, 100)
    unmetered, silent = balance_of("T2"), balance_of("T1")
    assert (unmetered.metered, unmetered.consumers, unmetered.intervals) == (False, 1, 0)
    assert unmetered.loss_percent is None
    assert (silent.metered, silent.intervals, silent.loss_percent, silent.known_to_at) == (
        True,
        0,
        None,
        None,
    )


QUARTER = HALF_HOUR / 2


def test_meters_with_unequal_intervals_are_compared_over_the_longest(database, grid):
    """Quarters, half-hours and the transformer's hours: an hour counts once all three have reported all of it."""
    (first, second, _third), post = grid
    store(database, first, *[25] * 7, length=QUARTER)
    store(database, second, 50, 50, 50, 50)
    store(database, post, 210, 220, length=HOUR)
    balance = balance_of("T1")
    assert (balance.intervals, balance.seconds, balance.known_to_at) == (1, 3600, START + HOUR)
    assert (balance.supplied_wh, balance.consumed_wh) == (210, 200)
    store(database, first, *[25] * 8, length=QUARTER)
    balance = balance_of("T1")
    assert (balance.intervals, balance.supplied_wh, balance.consumed_wh) == (2, 430, 400)


def test_a_theft_behind_meters_with_unequal_intervals_is_found(database, grid):
    """The second house takes 1 kW past its meter from the second hour on."""
    from urja.apps.readings.queries.overview import losses

    (first, second, _third), post = grid
    store(database, first, *[250] * 16, length=QUARTER)
    store(database, second, *[500] * 4, length=HOUR)
    store(database, post, *[760] * 2, *[1_260] * 6)
    [losing] = losses(START + 4 * HOUR, Level.TRANSFORMER)
    assert (losing.code, losing.since_at, losing.lost_wh) == ("T1", START + HOUR, 3 * 1_020)
    store(database, first, *[250] * 16, length=QUARTER)
    assert losses(START + HOUR, Level.TRANSFORMER) == []


def test_a_meter_that_is_exchanged_for_one_with_other_intervals_between_two_of_them(database, grid):
    (first, second, _third), post = grid
    town.in_stock(4, interval_s=900)
    store(database, first, 100, 100)
    done = town.exchange(1, 4, START + HOUR, old_wh=10_200, recorded_at=UNTIL)
    new = Post(first.service_point_id, done.outcome["device_id"], first.agreement_id)
    placed = town.blocks(new, *[(START + HOUR + QUARTER * n, 50) for n in range(4)])
    placed["length_s"] = 900
    with database.connect("urja_pipeline") as connection:
        town.store_blocks(connection, placed, now=UNTIL)
    store(database, second, 50, 50, 50, 50)
    store(database, post, 160, 160, 160, 160)
    balance = balance_of("T1")
    assert (balance.intervals, balance.supplied_wh, balance.consumed_wh) == (4, 640, 600)


def test_a_gas_meter_under_a_transformer_is_no_part_of_its_balance(database, grid):
    from tests.usecases.test_tariff_commodity import load_gas

    (first, second, _third), post = grid
    load_gas()
    kitchen = town.adopt(5, device_type="urja-g1", tariff_code="piped", transformer="T1")
    for house, wh in ((first, 100), (second, 50), (kitchen, 700), (post, 160)):
        store(database, house, wh)
    balance = balance_of("T1")
    assert (balance.consumers, balance.consumed_wh) == (2, 150)


@pytest.fixture
def feeder(database, grid):
    """The meter at the head of feeder North, which feeds T1 (metered) and T2 (not), and a factory of its own."""
    from tests.usecases.life import connect

    connect("N-1", purpose="feeder", grid="feeder North")
    town.in_stock(902, device_type="urja-dt", max_power_w=2_000_000)
    install = InstallAt("N-1", 902, "source")
    factory = town.adopt(6)
    move(6, START + HALF_HOUR / 30, "feeder North")
    return install.done(), factory


def feeder_of(code="North", begins=START, ends=UNTIL):
    from urja.apps.readings.queries.overview import feeder_balance

    [balance] = feeder_balance(begins, ends, code)
    return balance


@dataclass(frozen=True)
class InstallAt:
    """A meter that is installed at a service point from START on."""

    consumer_number: str
    number: int
    role: str

    def done(self):
        from urja.usecases.operations import InstallMeter, perform

        installed = perform(
            InstallMeter(
                consumer_number=self.consumer_number,
                serial=f"URJ{self.number:08}",
                installed_at=START,
                register_wh=0,
                role=self.role,
            ),
            recorded_at=START,
            actor="test",
        ).outcome
        return Post(installed["service_point_id"], installed["device_id"])


def test_a_feeder_consumes_what_its_transformers_measure(database, grid, feeder):
    """T1 by its own meter and not by its houses' as well; T2 has none, so that its house stands for it."""
    (first, second, third), post = grid
    head, factory = feeder
    store(database, first, 100, 200)
    store(database, second, 50, 50)
    store(database, third, 70, 70)
    store(database, post, 160, 270)
    store(database, factory, None, 900)
    store(database, head, 1_200, 1_280)
    balance = feeder_of()
    assert (balance.code, balance.metered, balance.consumers) == ("North", True, 3)
    assert (balance.intervals, balance.supplied_wh, balance.consumed_wh) == (1, 1_280, 270 + 70 + 900)
    assert balance.lost_wh == 40
    assert feeder_of(begins=START, ends=START + HALF_HOUR).intervals == 0, "the factory has not reported"


def test_a_feeder_whose_transformers_have_other_intervals(database, grid, feeder):
    (_first, _second, third), post = grid
    head, factory = feeder
    store(database, post, *[100] * 8, length=QUARTER)
    store(database, third, 70, 70, 70, 70)
    store(database, factory, None, None, 500, 500)
    store(database, head, 0, 1_600, length=HOUR)
    balance = feeder_of()
    assert (balance.intervals, balance.supplied_wh, balance.consumed_wh) == (1, 1_600, 400 + 140 + 1_000)


def move(number, at, grid):
    from urja.usecases.operations import MoveServicePoint, perform

    moved = MoveServicePoint(consumer_number=f"URJ{number:08}", moved_at=at, grid=grid)
    perform(moved, recorded_at=max(at, UNTIL), actor="clerk")


def test_a_house_counts_under_its_node_of_that_time(database, grid):
    """Moved to another transformer an hour later: its first hour is the first one's, also when asked today."""
    (first, second, third), post = grid
    store(database, first, 100, 100, 100, 100)
    store(database, second, 50, 50, 50, 50)
    store(database, third, 10, 10, 10, 10)
    store(database, post, 160, 160, 60, 60)
    move(1, START + HOUR, "transformer T2")
    balance = balance_of("T1")
    assert (balance.intervals, balance.supplied_wh, balance.consumed_wh) == (4, 440, 400)
    early = balance_of("T1", START, START + HOUR)
    assert (early.consumers, early.supplied_wh, early.consumed_wh) == (2, 320, 300)
    assert balance_of("T1", START + HOUR, UNTIL).consumers == 1


def test_an_interval_in_whose_course_a_house_was_moved_says_nothing(database, grid):
    (first, second, _third), post = grid
    store(database, first, 100, 100, 100)
    store(database, second, 50, 50, 50)
    store(database, post, 160, 120, 60)
    move(1, START + HALF_HOUR * 3 / 2, "transformer T2")
    balance = balance_of("T1")
    assert (balance.intervals, balance.supplied_wh, balance.consumed_wh) == (2, 220, 200)


def bulk_supply(valid_from, *houses, role="BILLING"):
    """The meter of a society, at the premise that the houses are parts of."""
    from urja.apps.assets.kinds import DeviceRole
    from urja.apps.assets.models import DevicePeriod
    from urja.apps.journal.operation import next_id
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import Node, Placement, Premise, ServicePoint

    stamp = {"recorded_at": START, "actor": "test"}
    with town.by_hand():
        society = Premise.objects.create(id=next_id(7), kind="society", name="Society", **stamp)
        tower = Premise.objects.create(id=next_id(7), kind="tower", name="Tower", parent=society, **stamp)
        point = ServicePoint.objects.create(
            id=next_id(7), premise=society, consumer_number="BULK", purpose="bulk", **stamp
        )
        device = town.in_stock(802, stock="installed")
        DevicePeriod.objects.create(
            id=next_id(7),
            service_point=point,
            device=device,
            role=DeviceRole[role],
            valid_from=valid_from,
            **stamp,
        )
        Placement.objects.create(
            id=next_id(7), service_point=point, tree=Tree.GRID, node=Node.objects.get(code="T1"), valid_from=START,
            **stamp,
        )  # fmt: skip
        points = [house.service_point_id for house in houses]
        Premise.objects.filter(service_points__id__in=points).update(parent=tower)
    return Post(point.id, device.id)


@pytest.mark.parametrize("role", ["BILLING", "SOURCE"])
def test_a_bulk_supply_speaks_for_the_flats_behind_it(database, grid, role):
    """Never both: the first house is a flat of the society, the second one is under the transformer itself."""
    (first, second, _third), post = grid
    bulk = bulk_supply(START, first, role=role)
    store(database, first, 90, 90)
    store(database, bulk, 100, 100)
    store(database, second, 50, 50)
    store(database, post, 160, 160)
    balance = balance_of("T1")
    assert (balance.consumers, balance.intervals) == (2, 2)
    assert (balance.supplied_wh, balance.consumed_wh) == (320, 300)


def test_until_the_bulk_meter_is_installed_the_flats_count_themselves(database, grid):
    (first, second, _third), post = grid
    bulk = bulk_supply(START + HOUR, first)
    store(database, first, 90, 90, 90, 90)
    store(database, bulk, None, None, 100, 100)
    store(database, second, 50, 50, 50, 50)
    store(database, post, 150, 150, 160, 160)
    balance = balance_of("T1")
    assert balance.intervals == 4
    assert (balance.supplied_wh, balance.consumed_wh) == (620, 2 * 140 + 2 * 150)


def test_without_the_bulk_meters_word_nothing_is_said(database, grid):
    (first, second, _third), post = grid
    bulk = bulk_supply(START, first)
    store(database, first, 90, 90)
    store(database, bulk, 100)
    store(database, second, 50, 50)
    store(database, post, 160, 160)
    assert balance_of("T1").intervals == 1


@pytest.mark.parametrize(
    ("supplied_wh", "consumed_wh", "beyond", "too_little"),
    [
        (10_000, 7_999, True, False),
        (10_000, 8_000, False, False),
        (10_000, 9_500, False, False),
        # Most of it is lost, and it is what a transformer takes for itself.
        (40, 10, False, True),
        (0, 0, False, False),
    ],
)
def test_a_loss_is_judged_where_enough_flows(supplied_wh, consumed_wh, beyond, too_little):
    from urja.apps.readings.queries.overview import NodeBalance

    balance = NodeBalance("T1", "F1", True, 2, 2, UNTIL, supplied_wh, consumed_wh, 3600)
    assert (balance.beyond_limits, balance.too_little) == (beyond, too_little)


def test_who_was_heard_from_and_when(database, grid):
    from urja.apps.readings.queries.overview import fleet_by_age

    (first, second, _third), _post = grid
    store(database, first, 100)
    store(database, second, *[50] * 8)
    heard_first, heard_second = START + HALF_HOUR, START + 4 * HOUR
    ages = fleet_by_age(heard_second + HALF_HOUR)
    assert (ages.hour, ages.three_hours, ages.day, ages.older, ages.without_data) == (1, 0, 1, 0, 1)
    assert ages.total == 3
    assert fleet_by_age(heard_first + 2 * HOUR).three_hours == 1
    assert fleet_by_age(heard_second + timedelta(days=2)).older == 2
