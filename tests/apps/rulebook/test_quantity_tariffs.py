"""What the rulebook refuses of documents that price by quantities and time zones."""

from importlib import resources

import pytest
from tests.apps.town import START

TOD = resources.files("urja.core.calendars").joinpath("documents", "demo-tod-2026-04.toml").read_text()
TARIFF = """
format = 1
code = "shop"
version = "1"
title = "Shop"
currency = "INR"
valid_from = 2026-05-01
calendar = "demo-tod"
zones = {solar = 2}
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from = 0, rate = 6}]
"""


def test_zones_are_the_calendars_and_shares_of_common_areas_are_loaded(database):
    from urja.apps.rulebook.errors import UnlikeVersionError
    from urja.apps.rulebook.operations import load_calendar, load_tariff

    load_calendar(TOD, recorded_at=START, actor="test")
    with pytest.raises(UnlikeVersionError, match="has no zone sun; its zones are"):
        load_tariff(TARIFF.replace("solar", "sun"), START)
    with pytest.raises(UnlikeVersionError, match="zone 'solar' is 3 in it and 2"):
        load_tariff(TARIFF.replace("solar = 2", "solar = 3"), START)
    common = '"slabs"\nquantity = "common_import_wh"\nshare = "flat"'
    shared = TARIFF.replace('"slabs"', common).replace('code = "shop"', 'code = "flat"')
    assert load_tariff(shared, START).code == "flat"
    priced = TARIFF.replace('"slabs"', '"slabs"\nquantity = "import_vah"')
    assert load_tariff(priced, START).code == "shop"


def test_what_settles_at_close_is_loaded(database):
    from urja.apps.rulebook.operations import load_calendar, load_tariff

    load_calendar(TOD, recorded_at=START, actor="test")
    text = TARIFF + DEMAND.replace("rate = 9", 'rate = 9\nzones = ["solar"]\nratchet = {periods = 3}')
    assert load_tariff(text.replace('"slabs"', '"slabs"\nsettles = "at-close"'), START).code == "shop"


DEMAND = """
[[line]]
name = "demand"
accrues = "demand"
billed = "recorded"
unit = "kVA"
rate = 9
"""
