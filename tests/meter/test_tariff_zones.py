"""The activity calendar, special days, the billing profile and the demand reset, as the utility's client finds them."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, moment
from tests.meter.test_three_phase import rows_of

from urja.cosem import axdr
from urja.cosem.axdr import Data
from urja.cosem.obis import Obis
from urja.meter.activity_calendar import CalendarError, CalendarState
from urja.meter.events import EventCode, Log
from urja.meter.identity import seeded_identity
from urja.meter.inputs import Entry, RunGenerator
from urja.meter.meter import Meter
from urja.meter.object_model import RefusedError, Role
from urja.meter.object_values import NEVER, clock_data

CALENDAR = (20, Obis.parse("0.0.13.0.0.255"))
SPECIAL = (11, Obis.parse("0.0.11.0.0.255"))
RESET = (9, Obis.parse("0.0.10.0.1.255"))
SCRIPTS = bytes(Obis.parse("0.0.10.0.100.255"))
ZONES = range(1, 9)


def day_table(days):
    """A day profile table: by day id, the zones by the hour at which they begin."""
    return axdr.array(
        *(
            axdr.structure(
                axdr.uint8(day_id),
                axdr.array(
                    *(
                        axdr.structure(
                            axdr.octets(bytes((hour, 0, 0, 0))), axdr.octets(SCRIPTS), axdr.uint16(zone)
                        )
                        for hour, zone in actions
                    )
                ),
            )
            for day_id, actions in days.items()
        )
    )


def week_table(weeks):
    return axdr.array(
        *(axdr.structure(axdr.octets(name), *map(axdr.uint8, days)) for name, days in weeks.items())
    )


def season_table(seasons):
    """A season profile: name, month and day of its start, week."""
    return axdr.array(
        *(
            axdr.structure(
                axdr.octets(name),
                axdr.octets(bytes((0xFF, 0xFF, month, day, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0, 0xFF))),
                axdr.octets(week),
            )
            for name, month, day, week in seasons
        )
    )


# Working days: night 1, day 2, peak 3. Sundays: 4 at all hours. From 1 October: 5 from noon.
DAYS = day_table({1: [(0, 1), (6, 2), (18, 3), (22, 1)], 2: [(0, 4)], 3: [(0, 1), (12, 5)]})
WEEKS = week_table({b"S": (1, 1, 1, 1, 1, 1, 2), b"W": (3,) * 7})
SEASONS = season_table([(b"summer", 3, 1, b"S"), (b"winter", 10, 1, b"W")])


def make(device_type="urja-d2", life="workshop", note=None):
    truth = []
    identity = msgspec.structs.replace(seeded_identity("00000001", device_type, 7, start_wh=5000), life=life)
    notes = [] if note is None else note
    return Meter(identity, moment(MIDNIGHT_S), truth.append, note=notes.append), truth


def write(meter, target, attribute, data, role=Role.UTILITY):
    meter.catalogue.write(meter, role, (*target, attribute), data)


def read(meter, target, attribute):
    return meter.catalogue.read(meter, Role.READER, (*target, attribute))


def invoke(meter, target, method, parameter, role=Role.UTILITY):
    return meter.catalogue.invoke(meter, role, (*target, method), parameter)


def load(meter, at=None):
    """Write the passive calendar, and its activation time; without one it becomes active at once."""
    write(meter, CALENDAR, 6, axdr.octets(b"ToD"))
    for attribute, table in ((7, SEASONS), (8, WEEKS), (9, DAYS)):
        write(meter, CALENDAR, attribute, table)
    if at is None:
        invoke(meter, CALENDAR, 1, axdr.int8(0))
    else:
        write(meter, CALENDAR, 10, clock_data(meter.identity.type, at, 0))


def zone_of(local):
    """The zone of DAYS, WEEKS and SEASONS by hand."""
    if local.month >= 10:
        return 5 if local.hour >= 12 else 1
    if local.isoweekday() == 7:
        return 4
    return 3 if 18 <= local.hour < 22 else 2 if 6 <= local.hour < 18 else 1


def test_zone_registers_follow_the_calendar_and_sum_to_the_total():
    meter, truth = make()
    load(meter)
    meter.run_without_pushing(moment(MIDNIGHT_S + 30 * DAY))
    wanted = dict.fromkeys(ZONES, 0)
    wanted_vah = dict.fromkeys(ZONES, 0)
    peaks = dict.fromkeys(ZONES, 0)
    for first, second in zip(truth[::2], truth[1::2], strict=True):
        local = datetime.fromtimestamp(first.start_s + 19_800, UTC)
        zone = zone_of(local)
        wanted[zone] += first.drawn_mwh + second.drawn_mwh
        wanted_vah[zone] += first.more["import_mvah"] + second.more["import_mvah"]
        peaks[zone] = max(peaks[zone], (first.drawn_mwh + second.drawn_mwh) * 2)
    [row] = rows_of(meter, "billing")
    # What was counted before the meter was installed is in zone 1.
    assert [row[f"import_wh_z{zone}"] for zone in ZONES] == [
        (wanted[zone] + (5_000_000 if zone == 1 else 0)) // 1000 for zone in ZONES
    ]
    assert row["import_vah_z4"] == wanted_vah[4] // 1000 > 0
    assert [row[f"max_import_w_z{zone}"] for zone in ZONES] == [peaks[zone] // 1000 for zone in ZONES]
    assert row["max_import_w"] == max(peaks.values()) // 1000
    residual = row["import_wh"] - sum(row[f"import_wh_z{zone}"] for zone in ZONES)
    assert 0 <= residual < len(ZONES), "each zone is cut downwards by less than one Wh"


def test_a_single_phase_meter_counts_zones_too_and_no_quadrants():
    meter, truth = make("urja-d1-tod", "shop")
    load(meter)
    meter.run_without_pushing(moment(MIDNIGHT_S + 30 * DAY))
    wanted = dict.fromkeys(ZONES, 0)
    for one in truth:
        wanted[zone_of(datetime.fromtimestamp(one.start_s + 19_800, UTC))] += one.drawn_mwh
    [row] = rows_of(meter, "billing")
    assert [row[f"import_wh_z{zone}"] for zone in ZONES] == [
        (wanted[zone] + (5_000_000 if zone == 1 else 0)) // 1000 for zone in ZONES
    ]
    assert 0 <= row["import_wh"] - sum(row[f"import_wh_z{zone}"] for zone in ZONES) < len(ZONES)
    assert row["max_demand_w"] == max(one.drawn_mwh for one in truth) * 2 // 1000
    assert "1.0.5.8.0.255" not in meter.engine.quantities()
    assert [block["import_wh"] for block in rows_of(meter, "block")] == [
        one.drawn_mwh // 1000 for one in truth
    ]


def test_a_broken_zone_account_breaks_the_sum():
    """The law has teeth: energy that counts in no zone shows."""
    meter, _ = make()
    load(meter)
    meter.run_without_pushing(moment(MIDNIGHT_S + 29 * DAY))
    meter.engine.metrology.split._closed.pop(2)
    meter.run_without_pushing(moment(MIDNIGHT_S + 30 * DAY))
    [row] = rows_of(meter, "billing")
    assert row["import_wh"] - sum(row[f"import_wh_z{zone}"] for zone in ZONES) > 1000


def test_the_passive_calendar_becomes_active_at_its_instant_inside_an_interval():
    meter, _ = make()
    at = MIDNIGHT_S + 7 * HOUR + 300
    load(meter, at)
    assert read(meter, CALENDAR, 10) == clock_data(meter.identity.type, at, 0)
    meter.run_without_pushing(moment(at - 1))
    assert read(meter, CALENDAR, 2) == axdr.octets(b"")
    meter.run_without_pushing(moment(at + 1))
    assert read(meter, CALENDAR, 2) == axdr.octets(b"ToD")
    assert [read(meter, CALENDAR, number) for number in (3, 4, 5)] == [SEASONS, WEEKS, DAYS]
    assert read(meter, CALENDAR, 10) == NEVER
    meter.run_without_pushing(moment(MIDNIGHT_S + 8 * HOUR))
    registers = meter.engine.metrology.registers()
    total = meter.engine.supply.total.energy_mwh
    before = meter.engine.supply.source.between(MIDNIGHT_S, at).energy_mwh
    assert registers["1.0.1.8.1.255"] == 5_000_000 + before
    assert registers["1.0.1.8.2.255"] == total - before


def test_special_days_go_before_the_week():
    meter, _ = make()
    load(meter)
    # 2 April 2026, a Thursday; and each 15 August, whatever the year.
    holiday = axdr.structure(axdr.uint16(2), axdr.octets(bytes((7, 234, 4, 2, 0xFF))), axdr.uint8(2))
    each_year = axdr.structure(axdr.uint16(1), axdr.octets(bytes((0xFF, 0xFF, 8, 15, 0xFF))), axdr.uint8(2))
    write(meter, SPECIAL, 2, axdr.array(holiday))
    invoke(meter, SPECIAL, 1, each_year)
    assert read(meter, SPECIAL, 2) == axdr.array(each_year, holiday)
    calendar = meter.engine.calendar
    local = MIDNIGHT_S + 19_800
    assert [calendar.zone_at(local + day * DAY + 19 * HOUR) for day in range(3)] == [3, 4, 3]
    august = int((datetime(2031, 8, 15, 12, tzinfo=UTC)).timestamp())
    assert calendar.zone_at(august) == 4
    invoke(meter, SPECIAL, 2, axdr.uint16(2))
    assert read(meter, SPECIAL, 2) == axdr.array(each_year)
    assert calendar.zone_at(local + DAY + 19 * HOUR) == 3


@pytest.mark.parametrize(
    ("when", "zone"),
    [
        ("2026-02-28T12:00", 5),  # winter goes on over the turn of the year
        ("2026-03-01T12:00", 4),  # a Sunday
        ("2026-03-02T05:59", 1),
        ("2026-03-02T06:00", 2),
        ("2026-09-30T23:59", 1),
        ("2026-10-01T12:00", 5),
    ],
)
def test_season_and_hour_decide(when, zone):
    meter, _ = make()
    load(meter)
    local_s = int(datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp())
    assert meter.engine.calendar.zone_at(local_s) == zone


def test_the_zone_in_force_can_be_read():
    meter, _ = make()
    load(meter)
    meter.run_without_pushing(moment(MIDNIGHT_S + 19 * HOUR))
    assert read(meter, (1, Obis.parse("0.0.96.14.0.255")), 2) == axdr.octets(b"\x03")


def test_only_the_utility_writes_and_what_cannot_be_followed_is_refused_and_not_in_the_journal():
    notes: list[Entry] = []
    meter, _ = make(note=notes)
    with pytest.raises(RefusedError, match="READ_WRITE_DENIED"):
        write(meter, CALENDAR, 9, DAYS, role=Role.READER)
    with pytest.raises(RefusedError, match="READ_WRITE_DENIED"):
        write(meter, CALENDAR, 5, DAYS)  # no client writes the active tables
    with pytest.raises(RefusedError):
        write(meter, CALENDAR, 9, day_table({1: [(0, 9)]}))  # there are eight zones
    with pytest.raises(RefusedError):
        write(meter, CALENDAR, 7, axdr.uint8(1))
    with pytest.raises(RefusedError):
        write(meter, SPECIAL, 2, axdr.array(axdr.uint8(1)))
    assert notes == []
    write(meter, CALENDAR, 8, week_table({b"S": (7,) * 7}))  # by itself a table; day 7 may follow
    with pytest.raises(RefusedError):
        invoke(meter, CALENDAR, 1, axdr.int8(0))
    with pytest.raises(RefusedError):
        write(meter, CALENDAR, 10, clock_data(meter.identity.type, MIDNIGHT_S + DAY, 0))
    assert len(notes) == 1


@pytest.mark.parametrize(
    "tables",
    [
        {3: season_table([])},
        {3: season_table([(b"x", 1, 1, b"none")])},
        {5: day_table({1: []})},
    ],
)
def test_a_calendar_that_leads_nowhere_is_none(tables):
    state = CalendarState(8)
    for attribute, data in tables.items():
        state.write(attribute, data)
    with pytest.raises(CalendarError):
        state.activate()


def test_the_billing_date_and_an_order_close_periods_with_demands_and_their_instants():
    meter, truth = make()
    meter.run_without_pushing(moment(MIDNIGHT_S + 10 * DAY + 5 * HOUR))
    invoke(meter, RESET, 1, axdr.uint16(1))
    meter.run_without_pushing(moment(MIDNIGHT_S + 30 * DAY))
    ordered, monthly = rows_of(meter, "billing")
    device_type = meter.identity.type
    assert ordered["billing_date"] == clock_data(device_type, MIDNIGHT_S + 10 * DAY + 5 * HOUR, 0).value
    assert monthly["billing_date"] == clock_data(device_type, MIDNIGHT_S + 30 * DAY, 0).value
    for row, since, until in ((ordered, 0, 10 * DAY + 5 * HOUR), (monthly, 10 * DAY + 5 * HOUR, 30 * DAY)):
        halves = [
            (
                first.drawn_mwh + second.drawn_mwh,
                first.more["import_mvah"] + second.more["import_mvah"],
                second.end_s,
            )
            for first, second in zip(truth[::2], truth[1::2], strict=True)
            if since < second.end_s - MIDNIGHT_S <= until
        ]
        most = max(halves, key=lambda half: (half[0], -half[2]))
        assert row["max_import_w"] == most[0] * 2 // 1000
        assert row["max_import_w_at"] == clock_data(device_type, most[2], 0).value
        assert row["max_import_va"] == max(half[1] for half in halves) * 2 // 1000
    assert int(meter.engine.logs[Log.TRANSACTION].newest()[2]) == EventCode.DEMAND_RESET
    assert rows_of(meter, "instantaneous")[0]["billing_count"] == 2
    with pytest.raises(RefusedError):
        invoke(meter, RESET, 1, axdr.uint16(2))
    with pytest.raises(RefusedError):
        invoke(meter, RESET, 1, axdr.uint16(1), role=Role.READER)


def test_a_meter_that_replays_its_journal_has_the_same_calendar_and_registers():
    notes: list[Entry] = []
    meter, _ = make("urja-d2-dg", note=notes)
    load(meter, MIDNIGHT_S + 3 * HOUR)
    write(
        meter,
        SPECIAL,
        2,
        axdr.array(axdr.structure(axdr.uint16(2), axdr.octets(bytes((7, 234, 4, 2, 0xFF))), axdr.uint8(2))),
    )
    meter.run_without_pushing(moment(MIDNIGHT_S + 10 * HOUR))
    meter.apply_input(RunGenerator(True))
    meter.run_without_pushing(moment(MIDNIGHT_S + 11 * HOUR))
    meter.apply_input(RunGenerator(False))
    invoke(meter, RESET, 1, axdr.uint16(1))
    stored = [msgspec.json.decode(msgspec.json.encode(note), type=Entry) for note in notes]
    restarted, _ = make("urja-d2-dg")
    for entry in stored:
        restarted.replay(entry)
    end = moment(MIDNIGHT_S + 2 * DAY)
    for one in (meter, restarted):
        one.run_without_pushing(end)
    assert restarted.engine.quantities() == meter.engine.quantities()
    for profile in ("block", "daily", "billing"):
        assert rows_of(restarted, profile) == rows_of(meter, profile)
    assert read(restarted, CALENDAR, 5) == DAYS


# --- two sources ------------------------------------------------------------------------------------------


def test_a_generators_energy_is_in_its_own_registers_and_in_none_of_the_grids():
    meter, truth = make("urja-d2-dg")
    load(meter)
    meter.run_without_pushing(moment(MIDNIGHT_S + 10 * HOUR))
    meter.cut_power(moment(MIDNIGHT_S + 10 * HOUR))
    meter.run_without_pushing(moment(MIDNIGHT_S + 10 * HOUR + 120))
    meter.apply_input(RunGenerator(True))
    assert meter.powered, "the meter runs on the generator too"
    meter.run_without_pushing(moment(MIDNIGHT_S + 12 * HOUR))
    meter.restore_power(moment(MIDNIGHT_S + 12 * HOUR))
    assert meter.engine.generator_on, "the load goes back when the generator stops"
    meter.run_without_pushing(moment(MIDNIGHT_S + 12 * HOUR + 60))
    meter.apply_input(RunGenerator(False))
    assert meter.powered
    meter.run_without_pushing(moment(MIDNIGHT_S + DAY))
    source = meter.engine.supply.source
    generated = source.between(MIDNIGHT_S + 10 * HOUR + 120, MIDNIGHT_S + 12 * HOUR + 60)
    total = sum(one.drawn_mwh for one in truth)
    last = rows_of(meter, "daily")[-1]
    assert last["dg_import_wh"] == generated.energy_mwh // 1000 > 0
    assert last["dg_import_vah"] == generated.apparent_mvah // 1000
    assert last["import_wh"] == 5000 + (total - generated.energy_mwh) // 1000
    assert rows_of(meter, "instantaneous")[0]["dg_run_min"] == (2 * HOUR - 60) // 60
    blocks = rows_of(meter, "block")
    for row, one in zip(blocks, truth, strict=True):
        assert abs(row["import_wh"] + row["dg_import_wh"] - one.drawn_mwh // 1000) <= 1
    of_generator = [row["dg_import_wh"] > 0 for row in blocks]
    assert of_generator[40:49] == [True] * 9
    assert not any(of_generator[:40] + of_generator[49:])
    zones = meter.engine.metrology.registers()
    assert sum(zones[f"1.0.1.8.{zone}.255"] for zone in ZONES) == zones["1.0.1.8.0.255"]


def test_the_highest_demand_is_the_grids_alone():
    meter, truth = make("urja-d2-dg")
    meter.run_without_pushing(moment(MIDNIGHT_S + 9 * HOUR))
    before = meter.engine.metrology.demands()["1.0.1.6.0.255"].milli
    meter.apply_input(RunGenerator(True))
    meter.run_without_pushing(moment(MIDNIGHT_S + 20 * HOUR))
    assert max(one.drawn_mwh for one in truth) * 4 > before
    assert meter.engine.metrology.demands()["1.0.1.6.0.255"].milli == before


def test_a_meter_without_a_generators_registers_ignores_its_signal():
    meter, _ = make("urja-d2")
    meter.apply_input(RunGenerator(True))
    assert not meter.engine.generator_on


def test_a_clock_that_is_set_changes_the_zone_with_it():
    meter, _ = make()
    load(meter)
    meter.run_without_pushing(moment(MIDNIGHT_S + 8 * HOUR))
    meter.set_clock(moment(MIDNIGHT_S + 18 * HOUR) + timedelta(seconds=5))
    before = meter.engine.metrology.registers()
    meter.run_without_pushing(moment(MIDNIGHT_S + 9 * HOUR))
    after = meter.engine.metrology.registers()
    assert after["1.0.1.8.3.255"] > before["1.0.1.8.3.255"]
    assert after["1.0.1.8.2.255"] == before["1.0.1.8.2.255"]


def test_the_tables_are_data_of_their_class():
    meter, _ = make()
    table = read(meter, (9, Obis.parse("0.0.10.0.100.255")), 2)
    assert [script.value[0].value for script in table.value] == list(ZONES)
    assert isinstance(read(meter, CALENDAR, 3), Data)
