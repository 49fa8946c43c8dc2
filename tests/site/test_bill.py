"""`urja bill` reproduces worked bills from CSV, and says what is wrong with usage by row and column."""

import json
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from click.testing import CliRunner
from tests.core.test_quantity_bills import MAHARASHTRA_HT, line, one_price
from tests.core.test_quantity_tariffs import document, head

import urja.core.calendars
from urja.core.calendars import parse_calendar, zone_numbers
from urja.core.desk import Contract, StatedDemand, compare
from urja.core.rating import parse_tariff
from urja.laws.second_rater import charges
from urja.site.cli.main import urja as command
from urja.site.command_errors import CommandError

ONTARIO = Path(urja.core.calendars.__file__).parent / "documents" / "ontario-tou-2025-11.toml"
MAHARASHTRA = """format = 1
code = "maharashtra"
version = "1"
title = "Zones A to D"
valid_from = 2020-01-01
zone = [{number = 1, name = "A", title = "A"}, {number = 2, name = "B", title = "B"},
        {number = 3, name = "C", title = "C"}, {number = 4, name = "D", title = "D"}]
[[day]]
name = "all"
zones = [{from = "00:00", to = "06:00", zone = "A"}, {from = "06:00", to = "09:00", zone = "B"},
         {from = "09:00", to = "12:00", zone = "C"}, {from = "12:00", to = "18:00", zone = "B"},
         {from = "18:00", to = "22:00", zone = "D"}, {from = "22:00", to = "24:00", zone = "A"}]
[[season]]
name = "year"
weekdays = "all"
weekend = "all"
"""


def shared(total, count):
    """A total as integers, the first ones one larger where it does not divide."""
    return [total // count + (n < total % count) for n in range(count)]


def by_zones(calendar, zone, first, end, minutes, wh):
    """Interval starts in UTC and their energies, so that each zone has its total."""
    begin, stop = (
        datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC) for day in (first, end)
    )
    starts = [
        begin + timedelta(minutes=n) for n in range(0, int((stop - begin).total_seconds() / 60), minutes)
    ]
    numbers = zone_numbers([calendar], np.array([int(at.timestamp()) for at in starts]), ZoneInfo(zone))
    pools = {number: iter(shared(total, int((numbers == number).sum()))) for number, total in wh.items()}
    return starts, [next(pools[int(number)]) for number in numbers]


def bill(tmp_path, tariff, usage, *options, as_json=True):
    """The result of the command; each text becomes a file."""
    arguments = ["bill", *options, *(["--json"] if as_json else [])]
    tariffs = [tariff] if isinstance(tariff, str) else tariff
    for option, texts in (("--tariff", tariffs), ("--usage", usage)):
        for n, text in enumerate(texts):
            path = tmp_path / f"{option[2:]}{n}"
            path.write_text(text)
            arguments += [option, str(path)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output) if as_json else result.output


def refused(tmp_path, tariff, usage, *options):
    with pytest.raises(CommandError) as error:
        bill(tmp_path, tariff, usage, *options)
    return str(error.value)


def amounts(each):
    return {line["name"]: f"{line['amount_minor'] / 100:.2f}" for line in each["lines"]}


def test_the_high_tension_bill_from_half_hours(tmp_path):
    """The published bill of `test_quantity_bills`, from 1,440 intervals with kWh and kVAh."""
    wh = {1: 16_035_000, 2: 35_015_000, 3: 14_665_000, 4: 10_180_000}
    starts, energies = by_zones(
        parse_calendar(MAHARASHTRA), "Asia/Kolkata", date(2026, 4, 1), date(2026, 5, 1), 30, wh
    )
    apparent = [110_000, *shared(76_047_000 - 110_000, len(starts) - 1)]
    rows = [
        f"{at.astimezone(ZoneInfo('Asia/Kolkata')):%Y-%m-%dT%H:%M},30,{energy},{va}"
        for at, energy, va in zip(starts, energies, apparent, strict=True)
    ]
    usage = "\n".join(["start,length_min,interval_import_wh,interval_import_vah", *rows])
    calendar = tmp_path / "calendar.toml"
    calendar.write_text(MAHARASHTRA)
    text = document(MAHARASHTRA_HT, 'calendar = "maharashtra"\nzones = {A = 1, B = 2, C = 3, D = 4}\n')
    told = bill(tmp_path, text, [usage], "--calendar", str(calendar))
    (april,) = told["bills"]
    assert amounts(april) == {
        "demand": "64900.00",
        "energy": "638276.95",
        "fac": "21091.22",
        "tod": "22930.00",
        "tod-night": "-24052.50",
        "tax-on-sale": "6860.91",
        "factor": "-50620.20",
    }
    assert (april["total_minor"], april["complete"], april["reserve"]) == (67_938_638, True, [])
    assert april["determinants"]["mean_power_factor_permille"] == 998
    # Ten days earlier nothing that settles at close is charged, and the reserve has it.
    (so_far,) = bill(tmp_path, text, [usage], "--calendar", str(calendar), "--to", "2026-04-21")["bills"]
    assert (so_far["complete"], so_far["through"]) == (False, "2026-04-21")
    assert amounts(so_far)["demand"] == "0.00"
    assert {line["name"] for line in so_far["reserve"]} == {"demand", "factor"}


def test_ontario_from_hours_over_the_end_of_summer_time(tmp_path):
    """The bill of `test_quantity_bills` in November 2025: its second day has 25 hours."""
    calendar = parse_calendar(ONTARIO.read_text())
    starts, energies = by_zones(
        calendar,
        "America/Toronto",
        date(2025, 11, 1),
        date(2025, 12, 1),
        60,
        {1: 448_000, 2: 126_000, 3: 126_000},
    )
    assert len(starts) == 721
    local = [
        f"{at.astimezone(ZoneInfo('America/Toronto')).isoformat()},{wh}"
        for at, wh in zip(starts, energies, strict=True)
    ]
    usage = "\n".join(["start,interval_import_wh", *local])
    prices = ", ".join(
        f"{{zone = '{zone}', rate = '{rate}'}}"
        for zone, rate in (("off-peak", "0.076"), ("mid-peak", "0.122"), ("on-peak", "0.158"))
    )
    text = document(
        line(
            "electricity",
            "zones",
            "otherwise = 'off-peak'",
            f"prices = [{prices}]",
            'round = {to = "0.01", each = "part"}',
        )
        + line("rebate", "rebate", 'percent = "13.1"', 'on = ["electricity"]'),
        'calendar = "ontario-tou"\nzones = {off-peak = 1, mid-peak = 2, on-peak = 3}\n',
    ).replace('"INR"', '"CAD"')
    options = ["--calendar", str(ONTARIO), "--timezone", "America/Toronto", "--interval-min", "60"]
    (november,) = bill(tmp_path, text, [usage], *options)["bills"]
    assert amounts(november) == {"electricity": "69.33", "rebate": "-9.08"}
    said = bill(tmp_path, text, [usage], *options, as_json=False)
    assert "off-peak: 448 kWh x 0.076 = 34.05" in said
    assert "60.25" in said
    twice = refused(tmp_path, text, ["start,interval_import_wh\n2025-11-02T01:00,1\n"], *options)
    assert "row 2, column start: 2025-11-02T01:00 occurs twice in America/Toronto" in twice
    assert "2025-11-02T01:00-04:00 or 2025-11-02T01:00-05:00" in twice


ONE_PRICE = document(line("energy", "slabs", one_price("5")))


def test_registers_from_month_to_month_and_a_period_so_far(tmp_path):
    reads = "at,import_wh\n2026-04-01,1000000\n2026-05-01,1200000\n2026-05-11,1260000\n"
    told = bill(tmp_path, ONE_PRICE, [reads])
    assert [(each["from"], each["through"], each["total_minor"]) for each in told["bills"]] == [
        ("2026-04-01", "2026-05-01", 100_000),
        ("2026-05-01", "2026-05-11", 30_000),
    ]
    assert told["total_minor"] == 130_000
    (one,) = bill(tmp_path, ONE_PRICE, [reads], "--as-one")["bills"]
    assert one["total_minor"] == 130_000
    (behind,) = bill(tmp_path, ONE_PRICE, [reads], "--to", "2026-05-01", "--ratio", "40/1")["bills"]
    assert behind["total_minor"] == 4_000_000


def test_rows_that_a_version_of_the_tariff_splits_name_their_days(tmp_path):
    """Two rows read alike but for their price, and nothing said which days had which."""
    fixed = line("fixed", "per-month", "rate = 30")
    old, new = (
        head(version, valid_from) + line("energy", "slabs", one_price(rate)) + fixed
        for version, valid_from, rate in (("1", date(2020, 1, 1), '"5"'), ("2", date(2026, 4, 11), '"6"'))
    )
    reads = "at,import_wh\n2026-04-01,0\n2026-04-11,10000\n2026-05-01,30000\n"
    told = bill(tmp_path, [old, new], [reads], as_json=False)
    rows = [row.strip() for row in told.splitlines() if row.startswith("    ")]
    assert rows[:2] == [
        "all energy, 2026-04-01 to 2026-04-10: 10 kWh x 5 = 50",
        "all energy, 2026-04-11 to 2026-04-30: 20 kWh x 6 = 120",
    ]
    assert rows[2].startswith("2026-04, 30 of 30 days: "), "one price, whatever the version"
    energy = bill(tmp_path, [old, new], [reads])["bills"][0]["lines"][0]["rows"]
    assert [(row["from"], row["to"]) for row in energy] == [
        ("2026-04-01", "2026-04-11"),
        ("2026-04-11", "2026-05-01"),
    ]


def test_a_missing_interval_is_what_the_registers_leave(tmp_path):
    hours = [f"2026-04-01T{hour:02}:00,60,1000" for hour in range(24) if hour != 5]
    intervals = "\n".join(["start,length_min,interval_import_wh", *hours])
    assert "row 7, column start: 60 minutes are missing" in refused(tmp_path, ONE_PRICE, [intervals])
    reads = "at,import_wh\n2026-04-01,0\n2026-04-02,30000\n"
    (day,) = bill(tmp_path, ONE_PRICE, [intervals, reads], "--as-one")["bills"]
    assert day["total_minor"] == 15_000
    assert (
        day["notes"][-1]
        == "import_wh: the registers have 30000 and the intervals 23000: the registers are billed"
    )
    hourly = [intervals, "at,import_wh\n2026-04-01,0\n2026-04-02,23000\n"]
    assert (
        "intervals of 60 minutes do not divide the demand period of 30 minutes: give --demand-min"
        in refused(tmp_path, RATCHET.replace("kVA", "kW"), hourly, "--contracted-w", "1", "--as-one")
    )


def test_banks_and_demands_are_carried_from_bill_to_bill(tmp_path):
    text = document(
        line("energy", "slabs", 'quantity = "netted_import_wh"', one_price("5"))
        + line(
            "demand", "demand", 'unit = "kVA"', 'billed = "recorded"', "rate = 100", "ratchet = {periods = 1}"
        ),
        'net_metering = {bank = "total"}\n',
    )
    reads = (
        "at,import_wh,export_wh,max_import_va\n2026-04-01,0,0,\n2026-05-01,100000,150000,9000\n"
        "2026-06-01,300000,180000,4000\n"
    )
    april, may = bill(tmp_path, text, [reads], "--bank", "10000")["bills"]
    assert amounts(april) == {"energy": "0.00", "demand": "900.00"}
    assert april["bank"][0]["closing_wh"] == may["bank"][0]["opening_wh"] == 60_000
    # 200 kWh less 30 exported and 60 banked; 4 kVA recorded, 9 of the month before.
    assert amounts(may) == {"energy": "550.00", "demand": "900.00"}


RATCHET = document(
    line("energy", "slabs", one_price("5"))
    + line(
        "demand",
        "demand",
        'unit = "kVA"',
        'billed = "recorded"',
        "rate = 300",
        'at_least = {percent = 75, of = "contracted"}',
        "ratchet = {periods = 3, percent = 85}",
    )
    + line(
        "minimum",
        "minimum-demand",
        'unit = "kVA"',
        'billed = "recorded"',
        "rate = 600",
        "ratchet = {periods = 3}",
        'on = ["energy", "demand"]',
    )
)
DEMANDS = "at,import_wh,max_import_va\n2026-04-01,0,\n2026-05-01,1000,250000\n2026-06-01,2000,180000\n"


def test_a_ratchet_goes_by_the_demand_of_months_before_the_usage(tmp_path):
    """75 % of 300 kVA is 225. April: 85 % of 412.5, of February. May too."""
    options = [
        "--contracted-va",
        "300000",
        "--past-demand",
        "2026-02=412.5kVA",
        "--past-demand",
        "2026-03=210000VA",
    ]
    april, may = bill(tmp_path, RATCHET, [DEMANDS], *options, "--past-demand", "2026-01=200kVA")["bills"]
    assert (amounts(april)["demand"], april["notes"]) == ("105187.50", [])
    # At least 600 for each of the 412.5 kVA, less 5.00 of energy and the demand charge.
    assert amounts(april)["minimum"] == "142307.50"
    assert [past["value"] for past in april["past_demands"]] == [200_000, 412_500, 210_000]
    assert amounts(may)["demand"] == "105187.50"
    assert [past["from"] for past in may["past_demands"]] == ["2026-02-01", "2026-03-01", "2026-04-01"]
    for each, days in (
        (april, (date(2026, 4, 1), date(2026, 5, 1))),
        (may, (date(2026, 5, 1), date(2026, 6, 1))),
    ):
        values = {"max_import_va": each["determinants"]["max_import_va"]}
        second = charges(
            [(days[0], [RATCHET], 0)],
            *days,
            days[1],
            uses=[(*days, 1000)],
            measured=[(*days, values)],
            facts=[(days[0], {"contracted kVA": Fraction(300)})],
            past_demands=[
                (date.fromisoformat(past["to"]), past["determinant"], past["value"])
                for past in each["past_demands"]
            ],
        )
        assert second == {line["name"]: line["amount_minor"] for line in each["lines"]}
    # What is not stated is said, and a demand before the three months is not taken for one of them.
    (alone,) = bill(
        tmp_path, RATCHET, [DEMANDS], *options[:2], "--to", "2026-05-01", "--past-demand", "2025-12=900kVA"
    )["bills"]
    assert amounts(alone)["demand"] == "75000.00"
    assert (
        "the demand of 3 is not known (beginning 2026-01-01 to 2026-03-01): state it with --past-demand"
        in alone["notes"][0]
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("2026-03=412.5", "is no demand of a period: give one such as 2026-03=412.5kVA"),
        ("2026-02-30=4kVA", "is no demand of a period"),
        ("2026-03=0.0005kVA", "is no demand of a period"),
        ("2026-04=412.5kVA", "2026-04=412.5kVA is of 2026-04-01 to 2026-05-01, which is not over on 2026-04-01, the first billed day"),
        ("2026-03=412.5kW", "no ratchet of x 1 goes by 2026-03=412.5kW; its ratchets go by kVA"),
        ("2026-03/peak=4kVA", "no ratchet of x 1 goes by 2026-03/peak=4kVA"),
        ("2026-02-17=4kVA", "2026-02-17=4kVA is of a period whose demand is stated before: keep one"),
    ],
)  # fmt: skip
def test_each_fault_of_a_past_demand(tmp_path, given, words):
    options = ["--past-demand", "2026-02=1kVA", "--past-demand", given, "--contracted-va", "1"]
    assert words in refused(tmp_path, RATCHET, [DEMANDS], *options)


@pytest.mark.parametrize("numbers", [(1, 2), (2, 1)])
def test_a_demand_in_a_zone_that_two_tariffs_number_differently_is_of_the_one_with_a_ratchet(numbers):
    ratchet = line(
        "demand",
        "demand",
        'unit = "kW"',
        'billed = "recorded"',
        'zones = ["peak"]',
        "rate = 1",
        "ratchet = {periods = 1}",
    )
    before, after = (
        parse_tariff(document(body, f'calendar = "industry"\nzones = {{peak = {number}}}\n'))
        for body, number in zip((ratchet, line("energy", "slabs", one_price("5"))), numbers, strict=True)
    )
    stated = StatedDemand("2026-03/peak=1kW", date(2026, 3, 1), True, "peak", False, 1000)
    assert compare(before, after, [], {}, Contract(past_demands=(stated,))) == []


def test_days_have_what_no_meter_counts(tmp_path):
    text = document(
        line("energy", "slabs", one_price("5"))
        + line("common", "slabs", 'quantity = "common_import_wh"', 'share = "flat"', one_price("7"))
    )
    reads = "at,import_wh\n2026-04-01,0\n2026-04-03,10000\n"
    days = "day,common_import_wh\n2026-04-01,300000\n2026-04-02,100000\n"
    (told,) = bill(tmp_path, text, [reads, days], "--as-one", "--share", "flat=1/200")["bills"]
    assert amounts(told) == {"energy": "50.00", "common": "14.00"}
    lacking = refused(
        tmp_path, text, [reads, days.rpartition("2026-04-02")[0]], "--as-one", "--share", "flat=1/200"
    )
    assert "common_import_wh of 2026-04-01 to 2026-04-03 is not known" in lacking
    assert "give common_import_wh of 2026-04-02 in a CSV of days (1 of 2 days lack it)" in lacking
    asked = refused(tmp_path, RATCHET, ["at,import_wh\n2026-04-01,0\n2026-05-01,5\n"])
    assert (
        "give max_import_va in register reads at both ends of the period, or interval_import_vah in intervals"
        in asked
    )
    assert "give --contracted-va" in asked
    opening = "at,import_wh,max_import_va\n2026-04-01,0,3000\n2026-05-01,5,\n"
    assert "max_import_va in register reads at both ends" in refused(
        tmp_path, RATCHET, [opening], "--contracted-va", "5000"
    )
    half_hours = "start,length_min,interval_import_wh,interval_import_vah\n" + "".join(
        f"2026-04-01T{n // 2:02}:{n % 2 * 30:02},30,500,600\n" for n in range(48)
    )
    asked = refused(tmp_path, RATCHET, [half_hours], "--as-one")
    assert "give --contracted-va" in asked
    assert "max_import_va" not in asked


HOURS = "start,length_min,interval_import_wh\n2026-04-01T00:00,60,1000\n2026-04-01T01:00,60,1000\n"


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (HOURS.replace("T01:00", "T00:30"), "row 3, column start: the interval from 2026-04-01T00:30+05:30 overlaps the one of"),
        (HOURS.replace("interval_import_wh", "import_kwh"), "row 1, column import_kwh: is not known; is it interval_import_wh? Its values are in Wh: 1000 for 1 kWh"),
        (HOURS.replace("interval_import_wh", "import_wh"), "row 1, column import_wh: is not known; is it interval_import_wh?"),
        (HOURS.replace("1000", 19 * "9"), f"row 2, column interval_import_wh: is {19 * '9'}; a value in Wh is 0 to 1000000000000000"),
        ("sep=,\n" + HOURS, "Remove the rows above the names of the columns"),
        ("PK\x03\x04\x14\x00", "It is a workbook: save its sheet as CSV (UTF-8)"),
        (HOURS.replace("1000", "1.5"), "row 2, column interval_import_wh: is '1.5', which is no integer: write whole Wh, as 1500 for 1.5 kWh"),
        (HOURS.replace("60", "0"), "row 2, column length_min: is '0'"),
        (HOURS.replace(",1000", ","), "row 2, column interval_import_wh: is empty"),
        (HOURS.replace("2026-04-01T00:00", "1/4/2026"), "row 2, column start: is '1/4/2026'"),
        (HOURS.replace("2026-04-01T00:00", "0001-01-01T00:00"), "row 2, column start: is 0001-01-01T00:00, outside the years"),
        (HOURS.replace("length_min,", "").replace(",60", ""), "row 1, column length_min: is missing: add it, or give --interval-min"),
        (HOURS.replace("interval_import_wh", "interval_volume_l"), "is a tariff of electricity: leave these columns out"),
        (HOURS.replace("1000", '"1,000"'), "row 2, column interval_import_wh: is '1,000', which is no integer: write whole Wh, as 1000 for 1,000"),
        (HOURS.replace("2026-04-01T00:00", "46113.04"), "It is a spreadsheet's number of a day: give the column the format"),
        (HOURS.replace(",60,", ",60,,").replace("min,", "min,,"), "row 1, column 3: has no name"),
        (HOURS.replace("60,1000\n", '60,"10\n00"\n'), "is '10\\n00', which is no integer"),
        ("start,length_min,interval_import_wh\n" + 30 * "1,60,5\n", "and 10 faults more"),
        ("when,wh\n", "row 1: the first column is 'when'; it must be start or end (of intervals), at (registers) or day (days)"),
        ("at,import_wh\n2026-04-01,5000\n2026-05-01,4000\n", "row 3, column import_wh: 4000 is below 5000 of the read before it"),
        ("at,import_wh\n2026-04-01,5000\n2026-05-03T10:34,6000\n", "nothing is known of the midnight at which the period ends"),
        ("at,import_wh\n2026-04-01,5000\n", "the usage has one read alone, of 2026-04-01T00:00+05:30: a second read is needed"),
        ("at,export_wh\n2026-04-01,5000\n2026-05-01,6000\n", "the usage has no import_wh of 2026-04-01 to 2026-05-01: add the column"),
        ("day,recharge_minor\n2026-04-01,5\n", "neither intervals nor register reads"),
        (HOURS + "2026-04-01T02:00,60\n", "row 4: has 2 cells, and the first row has 3"),
        (HOURS.replace("start", "end").replace("T01:00", "T00:30"), "row 3, column end: the interval from 2026-03-31T23:30+05:30 overlaps the one of"),
        (HOURS, "the usage has no whole day: it is from 2026-04-01T00:00+05:30 to 2026-04-01T02:00+05:30; add rows"),
        (HOURS.replace("T01", "T24:30"), "row 3, column start: is '2026-04-01T24:30:00'"),
        (HOURS.replace("2026-04-01T00:00", "9999-12-31T24:00"), "row 2, column start: is '9999-12-31T24:00'"),
    ],
)  # fmt: skip
def test_each_fault_of_usage_has_its_place_and_what_to_do(tmp_path, usage, words):
    assert words in refused(tmp_path, ONE_PRICE, [usage])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";").replace("\n", ";;\r\n"),
        lambda text: "\ufeff" + text.replace(",", "\t").replace("start", "Start"),
        lambda text: text.translate({ord(str(n)): chr(0x966 + n) for n in range(10)}),
        lambda text: "\n".join([text.split("\n")[0], *reversed(text.split("\n")[1:-1]), ""]),
    ],
    ids=["semicolons-and-empty-cells", "tabs-and-byte-order-mark", "digits-of-hindi", "backwards"],
)
def test_usage_as_spreadsheets_save_it(tmp_path, change):
    """April by hours of 1 kWh; without its last hour the last day is not billed, and the bill says so."""
    hours = [f"2026-04-{day:02}T{hour:02}:00,60,1000" for day in range(1, 31) for hour in range(24)]
    text = "\n".join(["start,length_min,interval_import_wh", *hours, ""])
    (april,) = bill(tmp_path, ONE_PRICE, [change(text)])["bills"]
    assert (april["total_minor"], april["complete"], april["notes"]) == (360_000, True, [])
    lacking = [change("\n".join(text.split("\n")[:-2]) + "\n"), "day,recharge_minor\n2025-04-30,5\n"]
    (so_far,) = bill(tmp_path, ONE_PRICE, lacking)["bills"]
    assert (so_far["total_minor"], so_far["complete"]) == (348_000, False)
    partly, of_days = so_far["notes"]
    assert (
        "not billed: the usage from 2026-04-30T00:00+05:30 to 2026-04-30T23:00+05:30 is of no whole day"
        in partly
    )
    assert "not billed: values of 1 days outside 2026-04-01 to 2026-04-30, such as 2025-04-30" in of_days


def test_intervals_named_by_their_ends(tmp_path):
    """April by hours of 1 kWh, with 24:00 as the end of a day. Read as starts each hour would count for the next: a note says so."""
    ends = [f"2026-04-{day:02}T{hour:02}:00,60,1000" for day in range(1, 31) for hour in range(1, 25)]
    rows = "\n".join(["end,length_min,interval_import_wh", *ends, ""])
    (april,) = bill(tmp_path, ONE_PRICE, [rows])["bills"]
    assert (april["from"], april["to"]) == ("2026-04-01", "2026-05-01")
    assert (april["total_minor"], april["complete"], april["notes"]) == (360_000, True, [])
    (shifted,) = bill(tmp_path, ONE_PRICE, [rows.replace("end", "start", 1)])["bills"]
    assert shifted["notes"][0] == (
        "the times of the intervals may be their ends: read so, they are the whole days from 2026-04-01 to 2026-05-01. "
        "If they are, name their column end"
    )
    said = refused(tmp_path, ONE_PRICE, [rows.replace("end", "start", 1)], "--from", "2026-04-01")
    assert "does not cover 2026-04-01" in said
    assert said.endswith("name their column end")
    starts = [f"2026-04-{day:02}T{hour:02}:00,60,1000" for day in range(1, 31) for hour in range(24)]
    (other,) = bill(tmp_path, ONE_PRICE, ["\n".join([rows.partition("\n")[0], *starts])])["bills"]
    assert "may be their starts: read so, they are the whole days from 2026-04-01" in other["notes"][0]
    days = "start,length_min,interval_import_wh\n" + "".join(
        f"2026-04-{day:02},1440,1000\n" for day in range(1, 31)
    )
    (whole,) = bill(tmp_path, ONE_PRICE, [days])["bills"]
    assert whole["notes"] == []


def test_registers_of_zones_that_show_whole_kwh(tmp_path):
    """Three zones of 10.9 kWh each show 10, and the total 32: the difference is of rounding, and is shared by use."""
    zones = 'calendar = "maharashtra"\nzones = {A = 1, B = 2, C = 3, D = 4}\n'
    prices = ", ".join(f'{{zone = "{zone}", rate = {n}}}' for n, zone in enumerate("ABCD"))
    text = document(line("energy", "zones", 'otherwise = "A"', f"prices = [{prices}]"), zones)
    (tmp_path / "calendar").write_text(MAHARASHTRA)
    reads = "at,import_wh,import_wh_z1,import_wh_z2,import_wh_z3,import_wh_z4\n2026-04-01,0,0,0,0,0\n"
    (april,) = bill(
        tmp_path,
        text,
        [reads + "2026-05-01,32000,10000,10000,10000,0\n"],
        "--calendar",
        str(tmp_path / "calendar"),
    )["bills"]
    assert (amounts(april)["energy"], april["notes"]) == ("32.00", [])
    (wrong,) = bill(
        tmp_path,
        text,
        [reads + "2026-05-01,42000,10000,10000,10000,0\n"],
        "--calendar",
        str(tmp_path / "calendar"),
    )["bills"]
    assert "its zones differ from the total by 12000" in wrong["notes"][0]


def test_a_maximum_below_what_intervals_prove_is_not_billed_where_registers_show_whole_kwh(tmp_path):
    """The step of the energies is not that of the maxima: 400 W would be billed instead of 1000."""
    rows = [f"2026-04-01T{n // 2:02}:{n % 2 * 30:02},30,500" for n in range(48)]
    intervals = "\n".join(["start,length_min,interval_import_wh", *rows])
    text = document(line("demand", "demand", 'unit = "kW"', 'billed = "recorded"', "rate = 100"))
    reads = "at,import_wh,max_import_w\n2026-04-01,0,\n2026-04-02,24000,400\n"
    (day,) = bill(tmp_path, text, [intervals, reads], "--as-one")["bills"]
    assert day["determinants"]["max_import_w"] == 1000
    assert "its register has 400, and its intervals prove 1000" in day["notes"][0]


def test_files_of_one_quantity_each(tmp_path):
    """Import and export of an hour, and registers of an instant, come together; what one file lacks is not zero."""
    text = document(
        line("energy", "slabs", one_price("5"))
        + line("sun", "slabs", 'quantity = "export_wh"', "credit = true", one_price("2"))
    )
    hours = [f"2026-04-01T{hour:02}:00,60,1000" for hour in range(24)]
    imported = "\n".join(["start,length_min,interval_import_wh", *hours])
    exported = imported.replace("import", "export").replace(",1000", ",500")
    (day,) = bill(tmp_path, text, [imported, exported], "--as-one")["bills"]
    assert amounts(day) == {"energy": "120.00", "sun": "-24.00"}
    reads = "at,import_wh\n2026-04-01,0\n2026-04-02,24000\n"
    (read,) = bill(
        tmp_path, text, [reads, reads.replace("import", "export").replace("24", "12")], "--as-one"
    )["bills"]
    assert amounts(read) == amounts(day)
    lacking = refused(tmp_path, text, [imported, exported.rpartition("\n")[0]], "--as-one")
    assert (
        "row 25, column interval_export_wh: is not given for 1 intervals, the first from 2026-04-01T23:00"
        in lacking
    )


def test_options_that_contradict_the_documents(tmp_path):
    reads = "at,import_wh\n2026-04-01,0\n2026-05-01,5000\n"
    assert "does not cover 2026-03-01" in refused(tmp_path, ONE_PRICE, [reads], "--from", "2026-03-01")
    assert "does not name the calendar ontario-tou" in refused(
        tmp_path, ONE_PRICE, [reads], "--calendar", str(ONTARIO)
    )
    assert "no zone of the IANA" in refused(tmp_path, ONE_PRICE, [reads], "--timezone", "Delhi")
    assert "x 1 has no bank of all times; it has no net_metering: leave --bank out" in refused(
        tmp_path, ONE_PRICE, [reads], "--bank", "5000"
    )
    for option, first, second, words in (
        ("--bank", "5000", "6000", "--bank 6000 is of a bank that is stated before"),
        ("--share", "flat=1/5", "flat=1/6", "--share flat=1/6 is of a kind that is stated before"),
    ):
        assert words in refused(tmp_path, ONE_PRICE, [reads], option, first, option, second)
    assert "--share flat=x" in refused(tmp_path, ONE_PRICE, [reads], "--share", "flat=x")
    by_load = document(line("fixed", "per-month", 'per = "kW"\nrate = "145"'))
    assert "x 1 goes by the sanctioned load in kW: give --load-w" in refused(tmp_path, by_load, [reads])
    (none,) = bill(tmp_path, by_load, [reads], "--load-w", "0")["bills"]
    assert none["total_minor"] == 0
    zoned = document(line("energy", "slabs", one_price("5")), 'calendar = "industry"\nzones = {A = 2}\n')
    assert "give its document with --calendar" in refused(tmp_path, zoned, [reads])
    (tmp_path / "calendar").write_text(MAHARASHTRA.replace('"maharashtra"', '"industry"'))
    options = ("--calendar", str(tmp_path / "calendar"))
    assert "x 1: zone 'A' is 2 in it and 1 in calendar industry 1" in refused(
        tmp_path, zoned, [reads], *options
    )
    (tmp_path / "calendar").write_text(
        MAHARASHTRA.replace('"maharashtra"', '"industry"').replace("2020-01-01", "2026-04-02")
    )
    assert "is in force on 2026-04-01: give the version that was in force then with --calendar" in refused(
        tmp_path, zoned.replace("A = 2", "A = 1"), [reads], *options
    )


# Two tariffs over samples, and a document in sentences


def tariff_command(*arguments):
    result = CliRunner().invoke(command, ["tariff", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_who_pays_how_much_more(tmp_path):
    """A dearer price above 100 kWh and no fixed charge: 50 kWh pay less, 300 kWh more, and none the same."""
    fixed = line("fixed", "per-month", "rate = 40")
    before, after = tmp_path / "a.toml", tmp_path / "b.toml"
    before.write_text(document(line("energy", "slabs", one_price("5")) + fixed))
    slabs = "slabs = [{from = 0, up_to = 100, rate = 5}, {from = 100, rate = 7}]"
    # It is in force later than the samples: the comparison asks what they would pay.
    after.write_text(document(line("energy", "slabs", slabs)).replace("2020-01-01", "2027-01-01"))
    folder = tmp_path / "samples"
    folder.mkdir()
    for name, kwh in (("small", 50), ("large", 300), ("middle", 120)):
        (folder / f"{name}.registers.csv").write_text(
            f"at,import_wh\n2026-04-01,0\n2026-05-01,{kwh * 1000}\n"
        )
    told = json.loads(tariff_command("diff", before, after, "--sample", folder, "--json"))
    assert [(Path(each["sample"]).name, each["more_minor"]) for each in told["samples"]] == [
        ("large", 36_000),
        ("middle", 0),
        ("small", -4_000),
    ]
    assert told["samples"][0]["more_by_line_minor"] == {"energy": 40_000, "fixed": -4_000}
    assert (told["pay_more"], told["pay_less"], told["pay_the_same"]) == (1, 1, 1)
    assert told["more_by_line_minor"] == {"energy": 44_000, "fixed": -12_000}
    assert told["more_minor"] == 32_000
    said = tariff_command("diff", before, after, "--sample", folder)
    assert "1 pay more, 1 less, 1 the same; in total 320.00 INR" in said
    for problem, arguments in (
        ("has no file that ends in .csv", ["--sample", tmp_path]),
        ("sample", ["--sample", before]),
    ):
        with pytest.raises(CommandError, match=problem if problem != "sample" else "the first column"):
            tariff_command("diff", before, after, *arguments)
    late = tmp_path / "late.csv"
    hours = "".join(f"2026-04-01T{hour:02}:00,60,1000\n" for hour in range(1, 25))
    late.write_text("start,length_min,interval_import_wh\n" + hours + hours.replace("04-01", "04-02"))
    said = tariff_command("diff", before, after, "--sample", late)
    assert "    - the times of the intervals may be their ends" in said
    assert "    - not billed: the usage from 2026-04-03T00:00+05:30 to 2026-04-03T01:00+05:30" in said
    after.write_text(after.read_text().replace('"INR"', '"BDT"'))
    with pytest.raises(CommandError, match="amounts of one currency can be compared"):
        tariff_command("diff", before, after, "--sample", folder)


def test_a_document_in_sentences(tmp_path):
    path = tmp_path / "ht.toml"
    path.write_text(
        document(MAHARASHTRA_HT, 'calendar = "maharashtra"\nzones = {A = 1, B = 2, C = 3, D = 4}\n')
    )
    said = tariff_command("explain", path)
    for sentence in (
        "Its time zones are those of the calendar maharashtra: A (1), B (2), C (3), D (4).",
        "It is a price for each month and each kVA of the maximum demand (each day counts as one part of its calendar month): 295 INR.",
        "It is charged once the period is over; until then it is in the reserve.",
        "It prices import_wh, by the kWh: each kWh costs 8.41 INR.",
        "in C, each kWh costs 0.8 INR",
        "Energy that is in no zone is calculated as B.",
        "in A, each kWh gives back 1.5 INR",
        "Up to 0.994 nothing; above that an incentive of 7 %.",
        "Of money, the amount is rounded half-up to 0.01 INR.",
    ):
        assert sentence in said
    told = json.loads(tariff_command("explain", path, "--json"))
    assert told["lines"][0]["name"] == "demand"
    assert told["lines"][0]["settles"] == "at-close"


EVERY_KIND = (
    line("energy", "slabs", "by_use = [{up_to = 50, slabs = [{from = 0, rate = 1}]}, {slabs = [{from = 0, up_to = 75, rate = 2}, {from = 75, rate = 3}]}]", 'round_energy = {to = "1"}')
    + line("zoned", "zones", 'zones_and_slabs = "within-zones"', 'otherwise = "night"', "prices = [{zone = 'peak', slabs = [{from = 0, up_to = 10, rate = 4}, {from = 10, rate = 5}]}, {zone = 'night', rate = 2}]")
    + line("tod", "zone-percent", 'zones_and_slabs = "average"', "percents = [{zone = 'peak', surcharge = 20}, {zone = 'night', rebate = 10}]", 'on = ["energy"]')
    + line("export", "slabs", 'quantity = "netted_import_wh"', one_price("3"), "credit = true", 'claim_on = "the state"')
    + line("day", "per-day", "rate = 2")
    + line("month", "per-month", 'per = "kVA"', 'load = "contracted"', "bands = [{up_to_kva = 5, rate = 20}, {rate = 30}]", "telescopic = true")
    + line("duty", "percent", "rates = [{percent = 5}, {from = 2026-06-01, percent = 6}]", 'on = [{line = "energy", percent = 50}]')
    + line("rebate", "rebate", "by_use = [{up_to = 100, percent = 50, at_most = 80}, {percent = 0}]", 'on = ["energy"]')
    + line("least", "minimum", "rate = 100", 'on = ["energy"]')
    + line("demand", "demand", 'unit = "kW"', 'billed = "recorded"', 'zones = ["peak"]', "rate = 10", "kva_percent = 90", "at_least = {percent = 85, of = 'contracted'}", "at_most = {percent = 100, of = 'contracted'}", "floor = 5", "ratchet = {periods = 3, percent = 75}", "round_demand = {to = 1, mode = 'up'}", "excess = {above = 'sanctioned', percent = 50, beyond_percent = 105}")
    + line("beyond", "demand", 'unit = "kW"', 'billed = "excess"', "rate = 10", "excess = {above = 'sanctioned', percent = 50}")
    + line("bill", "minimum-demand", 'unit = "kVA"', 'billed = "recorded"', "rate = 7", "ratchet = {periods = 6, percent = 80}", 'on = ["energy", "beyond"]')
    + line("apparent", "slabs", one_price("3"), "priced_by = {quantity = 'import_vah'}")
    + line("factor", "power-factor", 'factor_by = "kvarh-lag"', 'table = [{up_to = "0.90", penalty = 1, per = "0.01", from = "0.90"}, {up_to = "0.95"}, {incentive = 2}]', 'on = ["energy"]')
    + line("hours", "slabs", 'demand = {unit = "kW", billed = "recorded", floor = 5, ratchet = {periods = 3}}', "slabs = [{from = 0, up_to = 200, rate = 3}, {from = 200, rate = 2}]")
    + line("blocks", "slabs", 'quantity = "import_vah"', 'demand = {unit = "kVA", billed = "contracted", bounds = "load-factor"}', "by_use = [{up_to = 50, slabs = [{from = 0, rate = 3}]}, {slabs = [{from = 0, up_to = 30, rate = 3}, {from = 30, rate = 2}]}]")
    + line("of-load", "load-factor", 'demand = {unit = "kVA", billed = "contracted", at_least = {percent = 60, of = "sanctioned"}}', "table = [{up_to = 75}, {incentive = 1, per = 1, from = 75}]", 'on = ["energy"]')
    + line("settled", "settlement", "rate = 2")
    + line("topped", "recharge-rebate", "percent = 2", "at_most = 10")
    + line("held", "balance-rebate", "percent = 1")
    + line("whole", "round-off", "round = {to = 1}", 'on = ["energy"]')
)  # fmt: skip
ZONED = (
    'calendar = "c"\nzones = {peak = 1, night = 2}\nnet_metering = {bank = "zones", settlement_month = 3}\n'
)


def test_each_kind_of_line_in_sentences(tmp_path):
    path = tmp_path / "all.toml"
    path.write_text(document(EVERY_KIND, ZONED))
    said = tariff_command("explain", path)
    for sentence in (
        "for a use of at most 50 kWh a month, each kWh costs 1 INR; for a larger use, of a month, from 0 to 75 kWh 2 INR, above 75 kWh 3 INR.",
        "in peak, of a month, from 0 to 10 kWh 4 INR, above 10 kWh 5 INR; in night, each kWh costs 2 INR.",
        "in peak a surcharge of 20 %, in night a rebate of 10 %, of the period's average price, on the energy of the zone.",
        "each kWh gives back 3 INR.",
        "It is posted to the contra account of receivable; the state owes it.",
        "each kVA of contracted load (each day counts as one part of its calendar month): 20 INR up to 5 kVA, above that 30 INR, each for the part in its band.",
        "It adds 5 %, 6 % from 2026-06-01 of 50 % of energy.",
        "It gives back, of energy: 50 % (at most 80 INR a month) for a use of at most 100 kWh a month, 0 % for a larger use.",
        "It is the amount by which the sum of energy is below a minimum for each month (each day counts as one part of its calendar month): 100 INR.",
        "Each kW recorded above 105 % of the sanctioned load costs 50 % of the price besides.",
        "It is at least 75 % of the highest demand of the last 3 periods.",
        "It prices import_wh, by the kWh: of a month, from 0 to 200 hours 3 INR, above 200 hours 2 INR.",
        "Bounds are hours at a demand in kW: the maximum demand.",
        "The demand is at least 5 kW.",
        "The demand is at least 60 % of the sanctioned load.",
        "by the kVAh: for a use of at most 50 % of load factor, each kVAh costs 3 INR; for a larger use, from 0 to 30 % of load factor 3 INR, above 30 % of load factor 2 INR.",
        "Bounds are in percent of all hours of the days at a demand in kVA: the contracted load.",
        "It goes by the load factor, kVAh in percent of all hours of the days at a demand in kVA, the contracted load, on energy.",
        "It is at least 5 kW.",
        "It is the amount by which the sum of energy, beyond is below a minimum by demand. Of the minimum:",
        "It is at least 80 % of the highest demand of the last 6 periods.",
        "It is nothing but the excess.",
        "Each kW recorded above the sanctioned load costs 50 % of the price.",
        "Its rates are for each kVAh of import_vah, of which each kWh has the period's mean.",
        "It is at most 100 % of the contracted load.",
        "Up to 0.9 a penalty of 1 % for each 0.01 from 0.9; up to 0.95 nothing; above that an incentive of 2 %.",
        "It pays 2 INR for each kWh that a bank of units settles.",
        "It gives back 2 % of recharges, at most 10 INR a month.",
        "The sum of energy is rounded half-up to 1 INR.",
        "each zone has a bank of units; it is settled in month 3.",
    ):
        assert sentence in said, said


def test_what_is_of_a_period_however_long_is_not_said_to_be_of_a_month(tmp_path):
    path = tmp_path / "two-months.toml"
    whole = 'prorate = "none"'
    lines = (
        line("energy", "slabs", whole, "by_use = [{up_to = 500, slabs = [{from = 0, up_to = 100, rate = 0}, {from = 100, rate = 4}]}, {slabs = [{from = 0, rate = 5}]}]")
        + line("service", "per-month", whole, "rate = 70")
        + line("rebate", "rebate", whole, "percent = 10", "at_most = 50", 'on = ["energy"]')
    )  # fmt: skip
    path.write_text(document(lines, "period = {months = 2, first_month = 1}\n"))
    said = tariff_command("explain", path)
    for sentence in (
        "for a use of at most 500 kWh a period, of a period, from 0 to 100 kWh 0 INR, above 100 kWh 4 INR; for a larger use, each kWh costs 5 INR.",
        "Bounds are those of a period, however long.",
        "It is a price for each period (however long it is): 70 INR.",
        "It gives back 10 % of energy. It is at most 50 INR a period.",
        "A billing period is 2 months from day 1 of month 1.",
    ):
        assert sentence in said, said
