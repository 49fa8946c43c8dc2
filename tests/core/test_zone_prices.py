"""What a unit costs in each time zone, and the one price of a quantity, as pages say it."""

from fractions import Fraction

from tests.demo_documents import town_document

from urja.core.rating import parse_tariff
from urja.core.rating.zone_prices import flat_rate, zone_rates


def rates(code, *changes):
    text = town_document(code)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return {rate.name: (rate.price, rate.percent) for rate in zone_rates(parse_tariff(text))}


def test_each_zone_has_its_price_or_its_percentage():
    assert rates("town-shop") == {
        "normal": (Fraction(800), 0),
        "solar": (Fraction(640), 0),
        "peak": (Fraction(960), 0),
    }
    # On slabs the price depends on the use: only the percentage is known.
    assert rates("town-workshop") == {
        "normal": (None, 0),
        "solar": (None, Fraction(-15, 100)),
        "peak": (None, Fraction(20, 100)),
    }
    one_slab = (
        'slabs = [\n    { from = 0, up_to = 500, rate = "6.50" },\n    { from = 500, rate = "7.20" },\n]',
        'slabs = [{ from = 0, rate = "6.50" }]',
    )
    assert rates("town-workshop", one_slab)["peak"] == (Fraction(780), Fraction(20, 100))
    assert rates("town-flats") == {}


def test_a_line_of_zones_beside_slabs_adds_to_their_price():
    beside = """
[[line]]
name = "base"
title = "Base"
accrues = "slabs"
slabs = [{ from = 0, rate = "1.00" }]
"""
    assert rates("town-shop", ('\n[[line]]\nname = "fixed"', f'{beside}\n[[line]]\nname = "fixed"'))[
        "solar"
    ] == (Fraction(740), 0)


def test_the_one_price_of_a_quantity():
    flats = parse_tariff(town_document("town-flats"))
    assert flat_rate(flats, "import_wh") == 600
    assert flat_rate(flats, "dg_import_wh") == 1950
    assert flat_rate(flats, "export_wh") is None
    assert flat_rate(parse_tariff(town_document("town-roof")), "netted_import_wh") is None
