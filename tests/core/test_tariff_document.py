"""Faults of a tariff document: all are reported, each with its place and a sentence."""

import pytest

from urja.core.rating import TariffError, parse_tariff
from urja.core.rating.tariff import calculation_order

GOOD = """
format = 1
code = "t"
version = "1"
title = "Test"
currency = "INR"
valid_from = 2024-01-01
[[line]]
name = "energy"
accrues = "slabs"
slabs = [ {from=0, up_to=100, rate="3.50"}, {from=100, rate="5.25"} ]
[[line]]
name = "fixed"
accrues = "per-day"
rate = 2
[[line]]
name = "duty"
accrues = "percent"
percent = 5
on = ["energy", {line = "fixed"}]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(TariffError) as caught:
        parse_tariff(text)
    return [str(fault) for fault in caught.value.faults]


def test_a_good_document():
    tariff = parse_tariff(GOOD)
    assert (tariff.code, tariff.version, tariff.exponent) == ("t", "1", 2)
    assert calculation_order(tariff.lines)[0] == ["energy", "fixed", "duty"]


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("from=100,", "from=90,", "line energy.slabs[2].from", "overlaps the slab before it: 90 to 100 kWh"),
        ("from=100,", "from=110,", "line energy.slabs[2].from", "gap after the slab before it: 100 to 110 kWh"),
        ("{from=100, ", "{from=100, up_to=200, ", "line energy.slabs[2].up_to", "must be open"),
        ("from=0,", "from=5,", "line energy.slabs[1].from", "must begin at 0"),
        ("up_to=100,", "up_to=0,", "line energy.slabs[1].up_to", "not above its beginning"),
        ("from=0, up_to=100,", "from=0,", "line energy.slabs[2].from", "only the last slab may be open"),
        ('"3.50"', '"-3.50"', "line energy.slabs[1].rate", "must not be negative, and is -3.50: what is given back has credit = true, or is a rebate"),
        ('"3.50"', '"three"', "line energy.slabs[1].rate", "must be a number"),
        ('"3.50"', "nan", "line energy.slabs[1].rate", "must be a number"),
        ('accrues = "per-day"', 'acrues = "per-day"', "line fixed.acrues", "is it accrues?"),
        ('"3.50"', '"3.50/0"', "line energy.slabs[1].rate", "must be a number"),
        ('"3.50"', '"3.50/-1"', "line energy.slabs[1].rate", "must not be negative"),
        ('"3.50"', '"1/2/3"', "line energy.slabs[1].rate", "must be a number"),
        ('"3.50"', "1e9999999", "line energy.slabs[1].rate", 'such as 3 or "4.50", not 1E+9999999'),
        ('"3.50"', '"1e-9999999"', "line energy.slabs[1].rate", "must be a number"),
        ('"3.50"', "9" * 400, "line energy.slabs[1].rate", "must be a number"),
        ('"3.50"', "9" * 6000, "document", "a number has too many digits"),
        ('"3.50"', "[" * 20_000, "document", "nested too deeply"),
        ("rate = 2", "rate = true", "line fixed.rate", "must be a number"),
        ("percent = 5", "percent = -5", "line duty.percent", "must not be negative"),
        ('"fixed"}', '"fxied"}', "line duty.on", "'fxied', which does not exist; there are energy, fixed"),
        ('"fixed"}', '"duty"}', "line duty.on", "duty -> duty"),
        ("2024-01-01", '"2024-13-01"', "valid_from", "must be a day such as"),
        ("2024-01-01", "2024-01-01T00:00:00", "valid_from", "must be a day such as"),
        ('version = "1"', 'version = "1 a"', "version", "must be letters, digits"),
        ('"INR"', '"rupees"', "currency", "three-letter code"),
        ("format = 1", "format = 9", "format", "reads format 1"),
        ("format = 1", "format = 1\nperiod_starts_on = 0", "period_starts_on", "must be the day of the month, 1 to 28, not 0"),
        ("format = 1", "format = 1\nperiod_starts_on = 29", "period_starts_on", "must be the day of the month, 1 to 28, not 29"),
        ("format = 1", "format = 1\nperiod_starts_on = 31", "period_starts_on", "must be the day of the month, 1 to 28, not 31"),
        ("format = 1", 'format = 1\nperiod_starts_on = "1"', "period_starts_on", "must be the day of the month"),
        ("format = 1", 'format = 1\non_change = "by-hand"', "on_change", "allowed are continue, by-days, by-reads"),
        ("format = 1", "format = 1\nround_units = {to = 1}", "round_units", 'is the rounding of on_change = "by-days"'),
        ("format = 1", 'format = 1\non_change = "by-days"\nround_units = {to = 0}', "round_units.to", "a step above zero"),
        ("format = 1", "format = 1\ndecimals = 9", "decimals", "0 to 4, not 9"),
        ("format = 1", "format = 1\nunit = 'SCM'", "unit", "is not known here"),
        ('"per-day"', '"per-week"', "line fixed.accrues", "allowed are slabs, per-day"),
        ("rate = 2", "rate = 2\nprorat = 1", "line fixed.prorat", "is not known here"),
        ("rate = 2", "rate = 2\nround = {to = 0}", "line fixed.round.to", "a step above zero"),
        ("rate = 2", 'rate = 2\nround = {to = "0.001"}', "line fixed.round.to", "multiple of 0.01: money"),
        ('name = "fixed"', 'name = "energy"', "line energy", "is defined twice"),
        ('title = "Test"', "", "title", "is missing"),
        ("rate = 2", 'bands = [{up_to_kw=2, rate=1}]\nper = "kW"', "line fixed.bands", "must be open"),
        ("percent = 5", "rates = [{percent=5}, {percent=6}]", "line duty.rates[2].from", "the day from which"),
        (
            "percent = 5",
            "rates = [{percent=5}, {from=2024-05-02, percent=6}, {from=2024-05-02, percent=7}]",
            "line duty.rates[3].from",
            "later than the rate before",
        ),
    ],
)  # fmt: skip
def test_each_fault_has_a_place_and_a_sentence(old, new, where, words):
    found = faults(GOOD.replace(old, new, 1))
    assert any(fault.startswith(f"{where}: ") and words in fault for fault in found), found


def test_all_faults_come_at_once():
    text = GOOD.replace("from=100,", "from=90,").replace("rate = 2", "rate = -2").replace('"INR"', '"x"')
    assert len(faults(text)) == 3


def test_a_cycle_over_several_lines_is_named():
    text = GOOD + '[[line]]\nname="a"\naccrues="percent"\npercent=1\non=["b"]\n'
    text += '[[line]]\nname="b"\naccrues="percent"\npercent=1\non=["a"]\n'
    assert faults(text) == ["line a.on: depends on itself, by a -> b -> a; remove one of the lines"]


@pytest.mark.parametrize("text", ["", "][", "line = 3", "line = [1]", "format = 1\nline = []", "\x00"])
def test_rubbish_is_faulty_not_fatal(text):
    assert faults(text)


BY_USE = GOOD.replace(
    'slabs = [ {from=0, up_to=100, rate="3.50"}, {from=100, rate="5.25"} ]',
    'by_use = [ {up_to=250, slabs=[{from=0, rate="3.50"}]}, {slabs=[{from=0, rate="5.25"}]} ]',
)
BANDS = GOOD.replace("rate = 2\n", "bands = [{up_to_kwh=100, rate=2}, {rate=4}]\n")
SUBSIDY = """
[[line]]
name = "subsidy"
accrues = "rebate"
by_use = [{up_to=200, percent=100}, {up_to=400, percent=50, at_most=800}, {percent=0}]
on = ["energy"]
"""
STANDING = """
[[line]]
name = "minimum"
accrues = "minimum"
rate = 40
on = ["energy"]
[[line]]
name = "whole"
accrues = "round-off"
round = {to = 1}
on = ["energy", "fixed", "duty", "minimum"]
"""
RICH = BY_USE.replace("rate = 2\n", "bands = [{up_to_kwh=100, rate=2}, {rate=4}]\n") + SUBSIDY + STANDING


def test_a_good_document_of_every_kind_of_line():
    tariff = parse_tariff(RICH)
    assert calculation_order(tariff.lines)[0] == [
        "energy",
        "fixed",
        "duty",
        "subsidy",
        "minimum",
        "whole",
    ]
    assert tariff.line("whole").book == "revenue"


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("{slabs=", "{up_to=300, slabs=", "line energy.by_use", "the last entry must be open"),
        ("up_to=250,", "", "line energy.by_use[2].up_to", "only the last may be open"),
        ("{up_to=250,", "{up_to=0,", "line energy.by_use[1].up_to", "ends at 0 kWh, which is not above"),
        ("{up_to=250,", '{up_to="a",', "line energy.by_use[1].up_to", "must be a number"),
        ("{up_to=250, slabs=[{from=0", "{up_to=250, slabs=[{from=5", "line energy.by_use[1].slabs[1].from", "begin at 0"),
        ('{up_to=250, slabs=[{from=0, rate="3.50"}]}, ', "{up_to=250, slabs=[]}, ", "line energy.by_use[1].slabs", "at least one slab"),
        ("{up_to=250, slabs", "{up_to=250, slobs", "line energy.by_use[1].slobs", "is not known here"),
        ("by_use = [ {up", "slabs = [{from=0, rate=1}]\nby_use = [ {up", "line energy.slabs", "beside by_use; keep one"),
        ("up_to_kwh=100", "up_to_kwh=100, up_to_kw=3", "line fixed.bands[1].up_to_kw", "by load or by use, not by both"),
        ("{rate=4}]", "{up_to_kwh=90, rate=4}, {rate=5}]", "line fixed.bands[2].up_to_kwh", "ends at 90 kWh"),
        ("{rate=4}]", "{up_to_kwh=200, rate=4}]", "line fixed.bands", "a larger use has no price"),
        ("bands = [{up_to_kwh=100, rate=2}, {rate=4}]", "bands = []", "line fixed.bands", "at least one band"),
        ("by_use = [ {up", "by_use = [] # [ {up", "line energy.by_use", "at least one entry"),
        ("percent = 5\n", "rates = []\n", "line duty.rates", "at least one rate"),
        ("percent = 5", "rates = [{from = 2024-05-01, percent = 5}]", "line duty.rates[1].from", "not for the first"),
        ("{percent=0}]", "{up_to=500, percent=0}]", "line subsidy.by_use", "must be open"),
        ("percent=50", "percent=-50", "line subsidy.by_use[2].percent", "must not be negative"),
        ("{percent=0}]", "{percent=0}]\npercent = 3", "line subsidy.percent", "beside by_use; keep one"),
        ("at_most=800", 'at_most="much"', "line subsidy.by_use[2].at_most", "must be a number"),
        ("rate = 40\n", "rate = 40\ncredit = true\n", "line minimum.credit", "is not known here"),
        ('on = ["energy"]\n[[line]]\nname = "whole"', 'on = ["whole"]\n[[line]]\nname = "whole"', "line minimum.on", "minimum -> whole -> minimum"),
        ("round = {to = 1}", "", "line whole.round", "is missing"),
        ("round = {to = 1}", 'round = {to = 1, each = "part"}', "line whole.round.each", "sum of its lines"),
        ('"fixed", "duty", "minimum"', '"fixed", "dooty"', "line whole.on", "'dooty', which does not exist"),
        ('accrues = "per-day"', 'accrues = "per-day"\ncredit = 1', "line fixed.credit", "must be true or false"),
        ('accrues = "per-day"', 'accrues = "per-day"\nper = "kvar"', "line fixed.per", "cannot express yet"),
        ('accrues = "per-day"', 'accrues = "time-of-use"', "line fixed.accrues", "cannot express yet"),
    ],
)  # fmt: skip
def test_each_fault_of_what_depends_on_use_has_a_place_and_a_sentence(old, new, where, words):
    assert old in RICH
    found = faults(RICH.replace(old, new, 1))
    assert any(fault.startswith(f"{where}: ") and words in fault for fault in found), found


def test_a_list_of_something_else_is_one_fault():
    said = "line energy.slabs: must be a list of tables"
    assert faults(GOOD.replace("slabs = [", "slabs = [1] # [", 1)) == [said]


def test_an_entry_of_bases_with_a_fault_is_told_once():
    assert faults(GOOD.replace('{line = "fixed"}', "{percent = 8}")) == ["line duty.on[2].line: is missing"]
    said = faults(GOOD.replace('{line = "fixed"}', '{line = "fixed", percent = "x"}'))
    assert [fault.partition(":")[0] for fault in said] == ["line duty.on[2].percent"]


def test_a_bill_has_up_to_a_hundred_lines():
    def more(count):
        return GOOD + "".join(
            f'[[line]]\nname = "l{n}"\naccrues = "per-day"\nrate = 1\n' for n in range(count)
        )

    assert len(parse_tariff(more(97)).lines) == 100
    assert faults(more(98)) == ["line: a bill has at most 100 lines, not 101"]


def test_a_bill_is_no_book():
    lines = "".join(
        f'[[line]]\nname = "l{n}"\naccrues = "percent"\npercent = 1\non = ["{f"l{n - 1}" if n else "energy"}"]\n'
        for n in range(5000)
    )
    assert "line: a bill has at most 100 lines, not 5003" in faults(GOOD + lines)
