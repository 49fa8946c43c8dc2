"""The JSON Schema of tariff documents is that of the parser; rates of the U.S. Utility Rate Database become documents."""

import json
import tomllib
from datetime import date
from pathlib import Path

import jsonschema_rs
import pytest
from click.testing import CliRunner
from tests.core import test_quantity_bills
from tests.core.test_quantity_tariffs import document
from tests.site.test_bill import EVERY_KIND, ONE_PRICE, ZONED, bill

import urja.apps
import urja.demo
from urja.core.calendars import parse_calendar
from urja.core.desk.openei import convert
from urja.core.desk.schema import KINDS, tariff_schema
from urja.core.rating import TariffError, parse_tariff
from urja.core.rating.document import _KINDS
from urja.core.table_reader import MISSING, TableReader
from urja.site.cli.main import urja as command
from urja.site.command_errors import CommandError

SHIPPED = [
    *sorted(Path(f"{urja.apps.__path__[0]}/rulebook/documents").glob("*.toml")),
    *sorted(Path(f"{urja.demo.__path__[0]}/documents").glob("town-[!t]*.toml")),
]
"""With the demonstration's, without its calendar."""


def as_json(text):
    return json.loads(json.dumps(tomllib.loads(text), default=date.isoformat))


def test_the_schema_is_that_of_the_parser(monkeypatch):
    """Its keys are all that the parser asks for; shipped documents and one with each kind of line are valid."""
    said = CliRunner().invoke(command, ["tariff", "schema"], catch_exceptions=False).output
    validator = jsonschema_rs.validator_for(json.loads(said))
    asked = set()
    take = TableReader.take

    def recorded(self, key, default=MISSING):
        if not self.where.endswith("zones"):
            asked.add(key)
        return take(self, key, default)

    monkeypatch.setattr(TableReader, "take", recorded)
    texts = [path.read_text() for path in SHIPPED] + [document(EVERY_KIND, ZONED), ONE_PRICE]
    more = 'decimals = 2\nperiod = {months = 2, first_month = 2}\non_change = "by-days"\nround_units = {to = "1"}\n'
    texts.append(document(EVERY_KIND.replace("percent = 50, beyond", "rate = 5, beyond"), ZONED + more))
    texts.append(f"period = {{days = 28, from = 2026-01-05}}\n{ONE_PRICE}")
    for text in texts:
        parse_tariff(text)
        assert not list(validator.iter_errors(as_json(text)))
    assert set(KINDS) == set(_KINDS)
    # Bounds in m³ are asked for where the tariff is of gas.
    assert keys_of(tariff_schema()) - {"up_to_m3"} <= asked | {"up_to_kva", "up_to_kw", "up_to_kwh"}
    assert asked <= keys_of(tariff_schema())


def keys_of(schema):
    """All names of properties in a schema."""
    if isinstance(schema, list):
        return set().union(*map(keys_of, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {})) if isinstance(schema.get("properties"), dict) else set()
    return own.union(*(keys_of(value) for value in schema.values()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('accrues = "slabs"', 'accrues = "steps"'),
        ("rate", "price"),
        ('"INR"', '"rupees"'),
        ("from = 0", "start = 0"),
    ],
)
def test_the_schema_refuses_what_the_parser_refuses(old, new):
    text = ONE_PRICE.replace(old, new)
    assert list(jsonschema_rs.validator_for(tariff_schema()).iter_errors(as_json(text)))
    with pytest.raises(TariffError):
        parse_tariff(text)


def hours(default, **spans):
    """24 periods: the default, and others from an hour to one, as h7_11=1."""
    found = [default] * 24
    for span, period in spans.items():
        first, last = (int(part) for part in span[1:].split("_"))
        found[first:last] = [period] * (last - first)
    return found


RESIDENTIAL = {
    "label": "5374EFEA9BEF",
    "utility": "Example Electric Co",
    "name": "Residential",
    "startdate": 1704067200,
    "energyratestructure": [
        [{"max": 500, "rate": 0.08, "adj": 0.005, "unit": "kWh"}, {"rate": 0.11, "unit": "kWh"}]
    ],
    "energyweekdayschedule": [hours(0)] * 12,
    "energyweekendschedule": [hours(0)] * 12,
    "fixedchargefirstmeter": 12.5,
    "fixedchargeunits": "$/month",
    "mincharge": 20,
    "minchargeunits": "$/month",
}
WINTER, SUMMER = hours(0), hours(1, h16_21=2)
TIME_OF_USE = RESIDENTIAL | {
    "label": "tou",
    "energyratestructure": [[{"rate": 0.1}], [{"rate": 0.12}], [{"rate": 0.3}]],
    "energyweekdayschedule": [WINTER] * 5 + [SUMMER] * 4 + [WINTER] * 3,
    "energyweekendschedule": [WINTER] * 5 + [hours(1)] * 4 + [WINTER] * 3,
    "mincharge": None,
    "dgrules": "Net Metering",
    "energyattrs": [{"Fuel": "varies"}],
}
GENERAL = RESIDENTIAL | {
    "label": "general",
    "flatdemandstructure": [[{"rate": 4.5, "adj": 0.5}]],
    "flatdemandmonths": [0] * 12,
    "flatdemandunit": "kW",
    "demandratestructure": [[{"rate": 0}], [{"rate": 9}]],
    "demandweekdayschedule": [hours(0, h12_18=1)] * 12,
    "demandweekendschedule": [hours(0)] * 12,
    "energyratestructure": [[{"rate": 0.08}]],
    "fixedchargeunits": "$/day",
    "mincharge": None,
    "coincidentratestructure": [[{"rate": 3}]],
}


def lines_of(found):
    return {line.name: line for line in parse_tariff(found.tariff).lines}


def test_tiers_a_fixed_charge_and_a_minimum(tmp_path):
    """600 kWh: 500 × 0.085 + 100 × 0.11 + 12.50 = 66.00; 10 kWh are 0.85 + 12.50, and 6.65 more to the minimum."""
    path = tmp_path / "rate.json"
    path.write_text(json.dumps({"items": [RESIDENTIAL]}))
    result = CliRunner().invoke(
        command, ["tariff", "from-openei", str(path), "--out", str(tmp_path), "--json"]
    )
    told = json.loads(result.output)
    (written,) = told["written"]
    assert told["not_expressed"] == []
    text = Path(written).read_text()
    assert not list(jsonschema_rs.validator_for(tariff_schema()).iter_errors(as_json(text)))
    reads = "at,import_wh\n2026-04-01,0\n2026-05-01,600000\n2026-06-01,610000\n"
    april, may = bill(tmp_path, text, [reads])["bills"]
    assert (april["total_minor"], may["total_minor"]) == (6600, 2000)
    with pytest.raises(CommandError, match="exists already"):
        CliRunner().invoke(
            command, ["tariff", "from-openei", str(path), "--out", str(tmp_path)], catch_exceptions=False
        )


def test_time_of_use_has_a_calendar_and_lists_what_is_not_expressed(tmp_path):
    found = convert(json.dumps(TIME_OF_USE))
    calendar = parse_calendar(found.calendar)
    assert [zone.name for zone in calendar.zones] == ["energy-1", "energy-2", "energy-3"]
    assert len(calendar.seasons) == 2
    assert [sentence.partition(":")[0] for sentence in found.not_expressed] == [
        "dgrules",
        "energyattrs",
        "holidays",
    ]
    file = tmp_path / "calendar.toml"
    file.write_text(found.calendar)
    days = [f"2026-07-{day:02}T{hour:02}:00,60,1000" for day in range(1, 32) for hour in range(24)]
    usage = "\n".join(["start,length_min,interval_import_wh", *days])
    (july,) = bill(tmp_path, found.tariff, [usage], "--calendar", str(file), "--timezone", "America/Chicago")[
        "bills"
    ]
    # 23 working days with 5 hours at 0.30, 629 hours at 0.12, and the fixed charge.
    assert {line["name"]: line["amount_minor"] for line in july["lines"]} == {
        "energy": 3450 + 7548,
        "fixed": 1250,
    }


def test_demand_by_time_and_a_price_by_the_day():
    found = convert(json.dumps(GENERAL))
    lines = lines_of(found)
    assert set(lines) == {"energy", "demand-2", "flat-demand", "fixed"}
    assert lines["flat-demand"].accrual.bands[0].rate == 500
    assert lines["demand-2"].accrual.zones == (2,)
    assert not lines["fixed"].accrual.monthly
    assert found.not_expressed[0].startswith("coincidentratestructure: demand at the instant")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"flatdemandmonths": [0] * 6 + [1] * 6, "flatdemandstructure": [[{"rate": 4}], [{"rate": 6}]]}, "flatdemandstructure: prices that differ by month"),
        ({"flatdemandstructure": [[{"max": 50, "rate": -4}, {"rate": 6}]]}, "flatdemandstructure: a price below zero"),
        ({"energyratestructure": [[{"max": 50, "rate": 4}, {"max": 90, "rate": 6}]]}, "period 1 ends at 90; its last price is taken for all above that too"),
        ({"energyratestructure": [[{"rate": 4}, {"max": 90, "rate": 6}]]}, "period 1: tiers after one without max; they are left out"),
        ({"energyratestructure": [[{"rate": 1}], []], "energyweekdayschedule": [hours(1)] * 12}, "period 2 has no price, and the schedule names it"),
        ({"energyratestructure": [[{"rate": 0.1, "adj": "varies"}]]}, "adj is 'varies', which is no number; it is left out"),
        ({"demandwindow": 15}, "give it to urja bill as --demand-min"),
        ({"demandweekdayschedule": [hours(0)] * 6 + [hours(0, h12_18=1)] * 6}, "demandratestructure: period 2 is in some months alone"),
        ({"flatdemandunit": "hp"}, "demand in 'hp'"),
        ({"energyratestructure": [[{"max": 100, "rate": 1, "unit": "kWh/kW"}, {"max": 500, "rate": 2, "unit": "kWh"}, {"rate": 3}]]}, "bounds of tiers in kWh, kWh/kW"),
        ({"energyratestructure": [[{"max": 100, "rate": 1, "unit": "kWh/kW"}, {"rate": 2}]] * 2, "energyweekdayschedule": [hours(0, h12_18=1)] * 12, "energyweekendschedule": [hours(0)] * 12}, "tiers in hours of the demand by time"),
        ({"energyratestructure": [[{"rate": 1, "sell": 0.5}]]}, "a price for what is sold"),
        ({"energyratestructure": [[{"rate": -1}]]}, "a price below zero"),
        ({"fixedchargeunits": "$/week"}, "12.5 $/week"),
        ({"mincharge": 100, "minchargeunits": "$/year"}, "mincharge: 100 $/year"),
        ({"somethingnew": 1}, "somethingnew: is not read"),
        ({"startdate": None}, "startdate: is missing"),
        ({"energyweekdayschedule": [[0]]}, "is no table of 12 months by 24 hours"),
    ],
)  # fmt: skip
def test_what_cannot_be_expressed_is_said(changed, words):
    found = convert(json.dumps(GENERAL | changed))
    assert any(words in sentence for sentence in found.not_expressed), found.not_expressed
    parse_tariff(found.tariff)


def test_a_charge_by_the_year_is_a_twelfth_by_the_month():
    found = convert(json.dumps(GENERAL | {"fixedchargefirstmeter": 100, "fixedchargeunits": "$/year"}))
    assert 'rate = "25/3"' in found.tariff
    parse_tariff(found.tariff)


def test_tiers_of_demand_price_the_demand_within_them(tmp_path):
    """120 kW: 50 at 4 and 70 at 6; of them 120 in the afternoon: 100 at 9 and 20 at 8. A tier may lack its unit."""
    tiers = {
        "flatdemandstructure": [[{"max": 50, "rate": 4}, {"rate": 6}]],
        "demandratestructure": [[{"rate": 0}], [{"max": 100, "rate": 9}, {"rate": 8}]],
        "energyratestructure": [[{"max": 500, "rate": 0.1, "unit": "kWh"}, {"max": 900, "rate": 0.2}, {"rate": 0.3}]],
        "coincidentratestructure": None,
    }  # fmt: skip
    found = convert(json.dumps([GENERAL | tiers]))
    assert found.not_expressed == ("holidays: the record has none; add them to the calendar",)
    calendar = tmp_path / "calendar.toml"
    calendar.write_text(found.calendar)
    usage = ["start,length_min,interval_import_wh"] + [
        f"2026-07-{day:02}T{hour:02}:00,60,{120_000 if (day, hour) == (1, 13) else 0}"
        for day in range(1, 32)
        for hour in range(24)
    ]
    options = ("--calendar", str(calendar), "--timezone", "America/Chicago", "--demand-min", "60")
    (july,) = bill(tmp_path, found.tariff, ["\n".join(usage)], *options)["bills"]
    told = {line["name"]: line["amount_minor"] for line in july["lines"]}
    assert (told["flat-demand"], told["demand-2"], told["energy"]) == (62_000, 106_000, 1_200)


def test_tiers_for_each_kw_are_hours_of_the_demand(tmp_path):
    """120 kW for 240 hours: 200 hours at 0.10 and 40 at 0.08."""
    tiers = [{"max": 200, "rate": 0.1, "unit": "kWh/kW"}, {"max": 400, "rate": 0.08, "unit": "kWh/kW"}, {"rate": 0.06}]  # fmt: skip
    found = convert(json.dumps({"label": "use", "energyratestructure": [tiers], "startdate": 1_600_000_000}))
    assert found.not_expressed == ()
    usage = ["start,length_min,interval_import_wh"] + [
        f"2026-07-{day:02}T{hour:02}:00,60,{120_000 if day <= 10 else 0}"
        for day in range(1, 32)
        for hour in range(24)
    ]
    options = ("--timezone", "America/Chicago", "--demand-min", "60")
    (july,) = bill(tmp_path, found.tariff, ["\n".join(usage)], *options)["bills"]
    assert july["lines"][0]["amount_minor"] == 240_000 + 38_400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "has 0 rates"),
        ('{"items": []}', "has 0 rates"),
        ('{"name": "x"}', "is no rate"),
        ('{"mincharge": 5}', "has no charge"),
    ],
)
def test_a_file_that_is_no_rate(tmp_path, text, words):
    path = tmp_path / "rate.json"
    path.write_text(text)
    with pytest.raises(CommandError, match=words):
        CliRunner().invoke(command, ["tariff", "from-openei", str(path)], catch_exceptions=False)


def test_worked_bills_are_valid_by_the_schema():
    validator = jsonschema_rs.validator_for(tariff_schema())
    bodies = (test_quantity_bills.DHAKA, test_quantity_bills.MAHARASHTRA_HT)
    zones = 'calendar = "maharashtra"\nzones = {A = 1, B = 2, C = 3, D = 4}\n'
    for body, extra in zip(bodies, ("", zones), strict=True):
        assert not list(validator.iter_errors(as_json(document(body, extra))))
