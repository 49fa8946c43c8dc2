"""A document with faults: all of them are reported, each with its place and a sentence."""

import pytest

from urja.core.rating import TariffError, parse_tariff

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
    assert [line.name for line in tariff.in_order()] == ["energy", "fixed", "duty"]


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("from=100,", "from=90,", "line energy.slabs[2].from", "overlaps the slab before it: 90 to 100 kWh"),
        ("from=100,", "from=110,", "line energy.slabs[2].from", "gap after the slab before it: 100 to 110 kWh"),
        ("{from=100, ", "{from=100, up_to=200, ", "line energy.slabs[2].up_to", "must be open"),
        ("from=0,", "from=5,", "line energy.slabs[1].from", "must begin at 0"),
        ("up_to=100,", "up_to=0,", "line energy.slabs[1].up_to", "not above its beginning"),
        ("from=0, up_to=100,", "from=0,", "line energy.slabs[2].from", "only the last slab may be open"),
        ('"3.50"', '"-3.50"', "line energy.slabs[1].rate", "must not be negative"),
        ('"3.50"', '"three"', "line energy.slabs[1].rate", "must be a number"),
        ('"3.50"', "nan", "line energy.slabs[1].rate", "must be a number"),
        ("rate = 2", "rate = true", "line fixed.rate", "must be a number"),
        ("percent = 5", "percent = -5", "line duty.percent", "must not be negative"),
        ('"fixed"}', '"fxied"}', "line duty.on", "'fxied', which does not exist; there are energy, fixed"),
        ('"fixed"}', '"duty"}', "line duty.on", "duty -> duty"),
        ("2024-01-01", '"2024-13-01"', "valid_from", "must be a day such as"),
        ("2024-01-01", "2024-01-01T00:00:00", "valid_from", "must be a day such as"),
        ('version = "1"', 'version = "1 a"', "version", "must be letters, digits"),
        ('"INR"', '"rupees"', "currency", "three-letter code"),
        ("format = 1", "format = 9", "format", "reads format 1"),
        ('"per-day"', '"per-week"', "line fixed.accrues", "allowed are slabs, per-day"),
        ("rate = 2", "rate = 2\nprorat = 1", "line fixed.prorat", "is not known here"),
        ("rate = 2", "rate = 2\nround = {to = 0}", "line fixed.round.to", "a step above zero"),
        ("rate = 2", 'rate = 2\nround = {to = "0.001"}', "line fixed.round.to", "multiple of 1/100"),
        ('name = "fixed"', 'name = "energy"', "line energy", "is defined twice"),
        ('title = "Test"', "", "title", "is missing"),
        ("rate = 2", 'bands = [{up_to_kw=2, rate=1}]\nper = "kW"', "line fixed.bands", "must be open"),
        ("percent = 5", "rates = [{percent=5}, {percent=6}]", "line duty.rates[2].from", "the day from which"),
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
    assert faults(text) == ["line a.on: is a percentage of itself, by a -> b -> a; take one of the lines out"]


@pytest.mark.parametrize("text", ["", "][", "line = 3", "line = [1]", "format = 1\nline = []", "\x00"])
def test_rubbish_is_faulty_not_fatal(text):
    assert faults(text)
