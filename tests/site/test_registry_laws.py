"""The laws of who pays for what, against the meters' own books: they hold, and wrong code breaks each."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, blocks, exchange, in_stock
from tests.usecases.test_exchange import new_meter

from urja.laws import energy_ownership as registry_laws
from urja.laws.truth_comparison import StoredReadings, TrueEnergy, compare, energy_steps_wh
from urja.meter.fleet import FleetFile
from urja.meter.identity import seeded_identity
from urja.meter.truth import TruthRecord

AT = START + 10 * HALF_HOUR
END = START + 20 * HALF_HOUR


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def truth(serial, begins, count, wh, *, before=0):
    """What a meter drew in half-hours one after the other, and that it was in its box before."""
    starts = [int((begins + n * HALF_HOUR).timestamp()) for n in range(count)]
    boxed = [TruthRecord(serial, s - before * 1800, s, s, 0, 0, False, 0) for s in starts[:1] if before]
    drawn = [
        TruthRecord(serial, s, s + 1800, s + 1800, wh * 1000, (n + 1) * wh * 1000, True, 1800)
        for n, s in enumerate(starts)
    ]
    return [*boxed, *drawn]


TRUTH = [*truth("URJ00000001", START, 10, 100), *truth("URJ00000002", AT, 10, 70, before=10)]


def a_day_with_an_exchange(connection):
    home = adopt(1, register_wh=1_000)
    in_stock(2, operation_id=_delivery())
    town.store_blocks(connection, blocks(home, *((START + n * HALF_HOUR, 100) for n in range(10))))
    done = exchange(1, 2, AT, old_wh=2_000, new_wh=5)
    new = new_meter(home, done)
    town.store_blocks(connection, blocks(new, *((AT + n * HALF_HOUR, 70) for n in range(10))))


def _delivery():
    from urja.apps.journal.models import AuditEntry

    return AuditEntry.objects.order_by("id").first().id


def contradictions(connection):
    found = registry_laws.examine_truth(connection, TRUTH, END, ZoneInfo(ZONE))
    return {finding.law: finding.contradictions for finding in found}


def test_a_record_that_a_restarted_fleet_has_written_again_counts_once():
    record = TruthRecord(
        "URJ00000001", 0, 1800, 1800, 100_000, 100_000, True, 1800, more={"import_mvah": 110_000}
    )
    other = TruthRecord("URJ00000001", 1800, 3600, 3600, 50_000, 150_000, True, 1800)
    true = TrueEnergy.of([record, other, record], END)["URJ00000001"]
    assert true.blocks == {0: [100], 1800: [50]}


def test_they_hold_over_an_exchange(connection):
    a_day_with_an_exchange(connection)
    assert not any((found := contradictions(connection)).values()), found


def last_register_is_misread(patch):
    from urja.usecases import last_reads

    real = last_reads.read_register
    patch.setattr(
        last_reads,
        "read_register",
        lambda *given: real(*given[:-1], given[-1] - 5 if given[-1] == 2_000 else given[-1]),
    )


def the_old_meter_stays(patch):
    """Its time at the place does not end in the accruals: what it counted last is not billed."""
    from urja.apps.readings import accrual

    patch.setattr(accrual, "recompute", lambda *_: None)


def rows_bear_no_number(patch):
    from urja.apps.journal.operation import Execution

    patch.setattr(
        Execution,
        "stamp",
        property(
            lambda execution: {
                "recorded_at": execution.recorded_at,
                "actor": execution.actor,
                "operation_id": 999_999,
            }
        ),
    )


@pytest.mark.parametrize(
    ("break_it", "law", "words"),
    [
        (last_register_is_misread, "drawn_is_owed_or_listed", "drew 1700 Wh; agreements owe 1695 Wh"),
        (the_old_meter_stays, "drawn_is_owed_or_listed", "agreements owe"),
        (rows_bear_no_number, "audit_is_complete", "operation 999999, which is not recorded"),
    ],
)
def test_wrong_code_breaks_them(connection, monkeypatch, break_it, law, words):
    break_it(monkeypatch)
    a_day_with_an_exchange(connection)
    assert words in " ".join(contradictions(connection)[law])


@pytest.mark.parametrize(
    ("table", "constraint", "words"),
    [
        ("assets_device_period", "assets_one_device_per_role", "has two meters for one use"),
        ("assets_device_period", "assets_device_in_one_place", "is installed at two service points"),
        ("contracts_agreement", "contracts_one_agreement", "has two agreements"),
    ],
)
def test_a_database_without_its_constraints_breaks_them(connection, table, constraint, words):
    from urja.apps.assets.models import Device, DevicePeriod
    from urja.apps.contracts.models import Agreement

    first, second = adopt(1), adopt(2)
    connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    with town.by_hand():
        if constraint == "contracts_one_agreement":
            Agreement.objects.filter(id=second.agreement_id).update(service_point_id=first.service_point_id)
        elif constraint == "assets_one_device_per_role":
            DevicePeriod.objects.filter(device_id=second.device_id).update(
                service_point_id=first.service_point_id
            )
        else:
            DevicePeriod.objects.filter(device_id=second.device_id).update(device_id=first.device_id)
            Device.objects.filter(id=second.device_id).update(stock="removed")
    assert words in " ".join(contradictions(connection)["one_at_a_time"])


def test_what_was_used_before_the_hour_is_somebodys_or_listed(connection):
    """A home without a consumer for a while: the law counts what is listed as without one."""
    from urja.usecases.operations import MoveOut, perform

    home = adopt(1, register_wh=1_000)
    town.store_blocks(connection, blocks(home, *((START + n * HALF_HOUR, 100) for n in range(10))))
    perform(
        MoveOut(consumer_number="URJ00000001", at=START + 4 * HALF_HOUR, register_wh=1_400),
        recorded_at=AT + timedelta(hours=1),
        actor="test",
    )
    found = registry_laws.examine_truth(connection, TRUTH[:10], AT, ZoneInfo(ZONE))
    assert [finding.contradictions for finding in found if not finding.holds] == []


def test_a_meter_that_counts_in_tens_is_held_to_its_step_and_no_more():
    """Behind current transformers a step is 10 Wh: what is cut off is no fault, a whole step that is missing is."""
    meters = [seeded_identity(f"0000000{n}", name, n) for n, name in enumerate(("urja-d2", "urja-d3"))]
    fleet = FleetFile(head_end_host="h", head_end_port=1, installed_at=START, meters=meters)
    steps_wh = energy_steps_wh(fleet)
    assert steps_wh == {"00000000": 1, "00000001": 10}
    records = [record for meter in meters for record in truth(meter.serial, START, 2, 689)]
    first = int(START.timestamp())

    def faults(small, large):
        books = {
            serial: StoredReadings({first: wh, first + 1800: wh}, set(), {}, installed_s=first)
            for serial, wh in zip(steps_wh, (small, large), strict=True)
        }
        return [
            fault[:8]
            for fault in compare(TrueEnergy.of(records, END, steps_wh), books, ZoneInfo(ZONE)).faults
        ]

    assert faults(689, 680) == []
    assert faults(680, 670) == ["00000000"] * 2 + ["00000001"] * 2
    assert faults(689, 689) == ["00000001"] * 2


def test_litres_and_watt_hours_are_compared_apart_and_a_generator_is_no_part():
    """A gas meter by its litres as they flowed; of a block with a generator only what the grid supplied."""
    first = int(START.timestamp())
    records = [
        TruthRecord("G", first, first + 3600, first + 3600, 0, 0, True, 3600,
            more={"drawn_ml": 70_999, "cumulative_ml": 70_999, "compensated_ul": 1, "leaked_ml": 0}),
        TruthRecord("B", first, first + 3600, first + 3600, 900_500, 900_500, True, 3600,
            more={"dg_drawn_mwh": 400_000, "dg_cumulative_mwh": 400_000}),
    ]  # fmt: skip

    def found(litres, wh):
        books = {
            "G": StoredReadings({first: litres}, set(), {}, installed_s=first, commodity="gas"),
            "B": StoredReadings({first: wh}, set(), {}, installed_s=first),
        }
        return compare(TrueEnergy.of(records, END), books, ZoneInfo(ZONE))

    right = found(70, 500)
    assert right.faults == ()
    assert right.drawn == right.stored == {"electricity": 500, "gas": 70}
    wrong = found(71, 900)
    assert [fault.partition(": ")[2] for fault in wrong.faults] == [
        "drew [70] L, stored 71 L",
        "drew [500] Wh, stored 900 Wh",
    ]
