"""A close with a tariff of zones, kVAh and export: no day is charged without its determinants, and each posting is proven."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.apps import town as town_rows
from tests.apps.determinants.test_rows import load_tariff as load_calendar
from tests.apps.town import START, adopt, blocks, registers
from tests.pipeline.test_evidence import broken, falsify, why
from tests.pipeline.test_post import HALF_HOUR, Town

from urja.core.rating import Measured
from urja.stream.records import NULL

TARIFF = """
format = 1
code = "roof"
version = "{version}"
title = "Roof with time of day"
currency = "INR"
valid_from = {valid_from}
period_starts_on = 3
calendar = "demo-tod"
zones = {{normal = 1, solar = 2, peak = 3}}
[[line]]
name = "energy"
title = "Energy charge"
accrues = "zones"
zones_and_slabs = "none"
otherwise = "normal"
prices = [{{zone = "normal", rate = 5}}, {{zone = "solar", rate = 3}}, {{zone = "peak", rate = {peak}}}]
[[line]]
name = "apparent"
title = "Apparent energy"
accrues = "slabs"
quantity = "import_vah"
slabs = [{{from = 0, rate = 1}}]
[[line]]
name = "export"
title = "Export"
accrues = "slabs"
quantity = "export_wh"
credit = true
slabs = [{{from = 0, rate = 2}}]
[[line]]
name = "fixed"
title = "Fixed charge"
accrues = "per-day"
rate = 2
"""


def load(version="1", valid_from="2026-01-01", peak=6):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF.format(version=version, valid_from=valid_from, peak=peak), START)


@pytest.fixture
def roof(database):
    """A meter with 10 kWh on its register at midnight of 2 March, the last day of its billing period."""
    load_calendar("demo-tod")
    load()
    adopted = adopt(credit_minor=50_000, tariff_code="roof")
    with database.connect() as connection:
        yield Town(connection, adopted)


MISSING = (*range(6), *range(12, 18))
"""Half hours that come late: six of the normal time and six of the peak."""


def half_hours(roof, day, numbers=range(48), wh=100, vah=125):
    """Store half hours of the n-th day, each with 50 Wh exported."""
    rows = blocks(roof.adopted, *((roof.midnight(day - 1) + n * HALF_HOUR, wh) for n in numbers))
    rows["values"][:, 1], rows["values"][:, 2] = vah, 50
    town_rows.store_blocks(roof.connection, rows, now=roof.midnight(day) + HALF_HOUR)


def read(roof, day, vah=True):
    """Store the registers after `day` days of 48 half hours."""
    rows = registers(roof.adopted, (roof.midnight(day), 10_000 + 4800 * day))
    rows["values"][:, 2] = 2400 * day
    if vah:
        rows["values"][:, 1] = 20_000 + 6000 * day
    town_rows.store_registers(roof.connection, rows)


def test_a_day_in_progress_has_its_zones_and_export_so_far(roof):
    """From midnight to six in the zone `normal`, with 50 Wh exported in each half hour, at the meter's own count."""
    read(roof, 0)
    half_hours(roof, 1, range(12))
    normal, apparent, export = 12 * 100, 12 * 125, 12 * 50
    found = roof.fresh(0, timedelta(hours=6, minutes=5))
    assert found.pending_minor == (normal * 5 + apparent * 1 - export * 2) // 10 + 200
    # A quarter of the day: energy four times as much, and the day's fixed charge once.
    assert found.daily_cost_minor == 4 * (found.pending_minor - 200) + 200


def rows_of(roof, line, day):
    return [(row.label, str(row.quantity), row.unit, row.amount_minor) for row in why(roof, line, day).rows]


def test_a_day_waits_for_its_determinants_and_a_late_version_posts_the_difference(roof):
    from urja.pipeline.determine import Determine

    read(roof, 0)
    half_hours(roof, 1, [n for n in range(48) if n not in MISSING])
    begun = roof.run(1)
    assert (begun.closed.days, begun.closed.waiting, roof.charged()) == (0, 1, {})
    read(roof, 1)
    # Before the day is closed the fresh balance has what its readings say: zones, kVAh and export.
    assert roof.fresh(1, timedelta(minutes=5)).pending_minor == 900 + 480 + 840 + 600 - 480 + 200
    roof.run(1, timedelta(minutes=10))
    # What the register has more than the intervals is spread evenly over the missing time.
    assert roof.charged() == {"energy": 900 + 480 + 840, "apparent": 600, "export": -480, "fixed": 200}
    assert rows_of(roof, "energy", 2) == [
        ("normal", "9/5", "kWh", -900), ("solar", "8/5", "kWh", -480), ("peak", "7/5", "kWh", -840)
    ]  # fmt: skip
    assert rows_of(roof, "apparent", 2) == [("all energy", "6", "kVAh", -600)]
    assert (why(roof, "energy", 2).faults, broken(roof)) == ((), set())

    half_hours(roof, 1, MISSING[6:], wh=150)
    assert Determine().run_once(roof.midnight(1) + timedelta(hours=2)).done == 1
    half_hours(roof, 2)
    read(roof, 2)
    roof.run(2)
    assert roof.charged_in("energy") == {date(2026, 2, 3): 2250, date(2026, 3, 3): 2220}
    late = next(one for one in roof.whys() if one.entry.amount_minor == -30)
    assert [(row.label, str(row.quantity), row.amount_minor) for row in late.rows] == [
        ("normal", "-3/10", 150),
        ("peak", "3/10", -180),
    ]
    assert (late.faults, late.cause, broken(roof)) == ((), "late-reading", set())
    assert roof.run(2).entries == 0


def test_a_new_version_inside_the_period_has_the_quantities_since(roof):
    load("2", "2026-03-04", peak=10)
    for day in range(4):
        read(roof, day)
        if day:
            half_hours(roof, day)
        roof.run(day)
    peak = 6 * 140 + 10 * 140
    assert roof.charged_in("energy")[date(2026, 3, 3)] == 2 * 1380 + peak
    assert roof.charged_in("apparent") == {date(2026, 2, 3): 600, date(2026, 3, 3): 1200}
    assert (why(roof, "energy", 4).faults, broken(roof)) == ((), set())


def test_an_account_whose_meter_does_not_count_a_quantity_is_held_back_and_told_why(roof):
    read(roof, 0, vah=False)
    half_hours(roof, 1, vah=NULL)
    read(roof, 1, vah=False)
    held = roof.run(1).closed
    assert (held.days, held.waiting, roof.charged()) == (0, 1, {})
    (problem,) = held.problems
    assert problem.startswith(
        f"account {roof.adopted.account_id} is held back: tariff roof needs import_vah, which"
    )
    assert "install one that does, or correct the terms" in problem
    assert roof.fresh(1, timedelta(minutes=5)).pending_minor == 480 * 5 + 200


def test_an_account_that_cannot_be_rated_holds_back_no_other_account(roof):
    """A quantity that the meter counts only since a price on it began: the days before the change do not know it."""
    from urja.apps.rulebook.operations import load_tariff

    apparent = TARIFF.partition('[[line]]\nname = "apparent"')[2].partition("[[line]]")[0]
    plain = TARIFF.replace('[[line]]\nname = "apparent"' + apparent, "").replace('"roof"', '"lane"')
    load_tariff(plain.format(version="1", valid_from="2026-01-01", peak=6), START)
    neighbour = adopt(2, tariff_code="lane")
    with_apparent = TARIFF.replace('"roof"', '"lane"').format(version="2", valid_from="2026-03-04", peak=6)
    lagging = Town(roof.connection, adopt(3, tariff_code="lane"))
    for day in range(4):
        vah = NULL if day < 3 else 125
        for town in (lagging, Town(roof.connection, neighbour)):
            read(town, day, vah=False)
            if day:
                half_hours(town, day, vah=vah if town is lagging else 125)
        if day == 3:
            load_tariff(with_apparent, START)
        done = roof.run(day).closed
    account = f"account {lagging.adopted.account_id}"
    (problem,) = (one for one in done.problems if one.startswith(account))
    assert problem.startswith(f"{account} is held back: import_vah of 2026-03-03")
    closed = dict(
        roof.connection.execute(
            "SELECT agreement_id, closed_through FROM billing_close WHERE agreement_id <> %s",
            [roof.adopted.agreement_id],
        ).fetchall()
    )
    assert closed == {
        neighbour.agreement_id: date(2026, 3, 4),
        lagging.adopted.agreement_id: date(2026, 3, 3),
    }


def zones_swapped(patch):
    """The close hands over other zones than the row has."""
    from urja.pipeline import determined_rows

    real = determined_rows.measured_of

    def swapped(*given):
        (use,) = real(*given).uses
        solar, peak = use.values["import_wh_z2"], use.values["import_wh_z3"]
        return Measured((replace(use, values={**use.values, "import_wh_z2": peak, "import_wh_z3": solar}),))

    patch.setattr(determined_rows, "measured_of", swapped)


def apparent_as_export(patch):
    """The engine prices one quantity as another."""
    from urja.core.rating import bills

    real = bills.MeasuredPiece.value

    def value(piece, name):
        return real(piece, "export_wh" if name == "import_vah" else name)

    patch.setattr(bills.MeasuredPiece, "value", value)


@pytest.mark.parametrize(
    ("mutation", "law"),
    [(zones_swapped, "evidence"), (apparent_as_export, "second_rater")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_broken_handover_breaks_its_law(roof, monkeypatch, mutation, law):
    with monkeypatch.context() as patch:
        mutation(patch)
        for day in range(2):
            read(roof, day)
            if day:
                half_hours(roof, day)
            roof.run(day)
    assert law in broken(roof)


def test_a_falsehood_about_quantities_is_a_fault(roof):
    read(roof, 0)
    half_hours(roof, 1)
    read(roof, 1)
    roof.run(1)
    falsify(roof, "jsonb_set(inputs, '{calculation,measured,0,1,export_wh}', '2401')", day=2)
    assert any(
        "2400 of export_wh; the entry was calculated from 2401" in fault
        for fault in why(roof, "energy", 2).faults
    )
    assert "evidence" in broken(roof)
    roof.connection.execute(
        """UPDATE billing_rated SET measured = jsonb_set(measured, '{0,2,import_vah}', '9000')"""
    )
    roof.connection.commit()
    assert "second_rater" in broken(roof)
