"""A close with slabs by volume and prices by energy, as in Pakistan: by hand, with its evidence, also of a late reading."""

from datetime import timedelta
from fractions import Fraction

import pytest
from tests.apps.determinants.test_gas_rows import march
from tests.apps.rulebook.test_heat_values import load as load_heat_values
from tests.apps.town import START, ZONE, adopt
from tests.pipeline.test_channel_sets import AnySet, batch
from tests.pipeline.test_evidence import broken, falsify, why
from tests.pipeline.test_post import CUT, HALF_HOUR, Town

TARIFF = """
format = 1
code = "heat"
version = "1"
title = "Gas by volume and energy"
currency = "INR"
commodity = "gas"
valid_from = 2026-01-01
[[line]]
name = "gas"
title = "Gas charge"
accrues = "slabs"
quantity = "standard_volume_l"
priced_by = {quantity = "gas_energy_wh", unit = "kWh"}
prorate = "none"
slabs = [{from = 0, up_to = 15, rate = 2}, {from = 15, rate = 3}]
"""


@pytest.fixture
def home(database):
    from urja.apps.rulebook.operations import load_tariff

    load_heat_values(march())
    load_tariff(TARIFF, START)
    adopted = adopt(register_wh=5_000, device_type="urja-g1", tariff_code="heat", credit_minor=50_000)
    with database.connect() as connection:
        yield Town(connection, adopted)


def flowed(database, home, day, *, register=None, half_hours=0):
    """Store half hours of the n-th day of 200 litres each, and the register at its end."""
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection
    from urja.quantities.channel_sets import GAS_BLOCK, GAS_REGISTERS
    from urja.stream.subjects import Kind

    device, batches = home.adopted.device_id, []
    if half_hours:
        rows = [(200, 250, 101_325)] * half_hours
        batches.append(batch(Kind.BLOCK, GAS_BLOCK, device, home.midnight(day - 1), *rows))
    if register is not None:
        batches.append(batch(Kind.REGISTER, GAS_REGISTERS, device, home.midnight(day), (register, None, 0)))
    session = StageConnection(database.conninfo("urja_pipeline"))
    Ingester(session, ZONE, lambda _: AnySet()).apply(batches, home.midnight(day) + HALF_HOUR)
    session.close()


def rows_of(found):
    return [(row.label, row.quantity, row.unit, row.amount_minor) for row in found.rows]


def priced(scm, kwh):
    """The kWh of the first 15 SCM, at 2, of the others, at 3, and what they cost in paise; each SCM has as many kWh."""
    scm, kwh = Fraction(scm), Fraction(kwh)
    low, high = kwh * 15 / scm, kwh * (scm - 15) / scm
    return low, high, round((2 * low + 3 * high) * 100)


def lived(database, home):
    """Two closes: the first by half hours alone; the register that it lacked comes before the second."""
    flowed(database, home, 0, register=5_000)
    flowed(database, home, 1, half_hours=48)
    home.run(1, CUT)
    flowed(database, home, 1, register=5_000 + 9_700)
    flowed(database, home, 2, half_hours=48, register=5_000 + 9_700 + 9_600)
    home.run(2)


def test_slabs_by_volume_with_prices_by_energy_over_two_closes_and_a_late_reading(database, home):
    flowed(database, home, 0, register=5_000)
    flowed(database, home, 1, half_hours=48)
    # 9,600 litres are 9.284 SCM and 99.348 kWh: all of it in the first slab, at 2.
    assert home.fresh(0, timedelta(hours=12)).pending_minor == 19_870
    home.run(1, CUT)
    assert home.charged() == {"gas": 19_870}
    first = why(home, "gas", 2)
    assert rows_of(first) == [("slab 1: 0 to 15 SCM", Fraction("99.348"), "kWh", -19_870)]
    assert (first.provisional, first.faults, broken(home)) == (True, (), set())

    flowed(database, home, 1, register=5_000 + 9_700)
    flowed(database, home, 2, half_hours=48, register=5_000 + 9_700 + 9_600)
    # A charged day counts in the fresh balance as it was charged: two days of 9.284 SCM and 99.348 kWh.
    assert home.fresh(2, timedelta(minutes=1)).pending_minor == priced("18.568", "198.696")[2] - 19_870
    # The close has what came late, 19,300 litres: 18.666 SCM and 199.731 kWh.
    low, high, total = priced("18.666", "199.731")
    home.run(2)
    assert home.charged() == {"gas": total} == {"gas": 43_869}
    late = why(home, "gas", 3)
    assert rows_of(late) == [
        ("slab 1: 0 to 15 SCM", low - Fraction("99.348"), "kWh", -12_231),
        ("slab 2: above 15 SCM", high, "kWh", -11_768),
    ]
    assert (late.faults, late.cause, broken(home)) == ((), "late-reading", set())
    assert home.run(2).entries == 0


def test_a_falsehood_about_what_is_priced_is_a_fault(database, home):
    lived(database, home)
    falsify(home, "jsonb_set(inputs, '{calculation,measured,0,1,gas_energy_wh}', '99349')", "gas", day=2)
    assert any("of gas_energy_wh" in fault for fault in why(home, "gas", 2).faults)
    assert "evidence" in broken(home)


def test_a_content_of_another_day_breaks_the_law(database, home, monkeypatch):
    """The engine prices each unit as if it had twice the energy."""
    from urja.core.rating import parts

    real = parts._content

    def twice(span, accrual):
        content, unit = real(span, accrual)
        return content * 2, unit

    with monkeypatch.context() as patch:
        patch.setattr(parts, "_content", twice)
        flowed(database, home, 0, register=5_000)
        flowed(database, home, 1, half_hours=48)
        home.run(1, CUT)
    assert {"evidence", "second_rater"} <= broken(home)
