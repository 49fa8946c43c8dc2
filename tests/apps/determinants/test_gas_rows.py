"""Determinant rows of gas: volume as metered, standard litres and Wh, with the heat values that decided; never a guess."""

from datetime import date, timedelta

import pytest
from tests.apps.determinants.test_rows import law, run, stored
from tests.apps.rulebook.areas import section
from tests.apps.rulebook.test_heat_values import load
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, by_hand
from tests.conftest import begun_with
from tests.core.test_heat_values import changed
from tests.pipeline.test_channel_sets import AnySet, batch
from tests.usecases.test_tariff_commodity import load_gas

from urja.core.determinants import Origin
from urja.core.gas import STANDARD, HeatValue, RegisterConditions, SupplyConditions, conversion_factor

DAY = timedelta(days=1)
SECOND = date(2026, 3, 2)
MARCH = changed(("2026-04", "2026-03"), ("2026-03-30", "2026-03-31"))
"""1 to 15 March at 38.52 MJ/m³, then 38.71."""
LINE = RegisterConditions("line")
FACTOR = conversion_factor(LINE, STANDARD, SupplyConditions(250, 101_400))
LITRES = (965, 1_041)
"""The register's advance of 2 and 3 March."""


def march(version="2026-03", *pairs):
    return changed(('version = "2026-03"', f'version = "{version}"'), *pairs, text=MARCH)


def wh(standard, mj="38.52"):
    return standard * HeatValue(round(float(mj) * 1e6), "gross").joules_per_m3 / 3_600_000


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def adopted_gas(database):
    load_gas()
    return adopt(register_wh=5_000, device_type="urja-g1", tariff_code="piped")


database, home = begun_with(adopted_gas)


def gas_of(database, home, days=1, intervals=48):
    """Store two days of a gas meter from batches of the stream: hours, and the register at each midnight."""
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection
    from urja.quantities.channel_sets import GAS_BLOCK, GAS_REGISTERS
    from urja.stream.subjects import Kind

    session = StageConnection(database.conninfo("urja_pipeline"))
    registers = [5_000 + sum(LITRES[:n]) for n in range(days + 1)]
    batches = [
        batch(Kind.BLOCK, GAS_BLOCK, home.device_id, START + n * DAY, *[(20, 250, 101_325)] * intervals)
        for n in range(days)
    ]
    batches += [
        batch(Kind.REGISTER, GAS_REGISTERS, home.device_id, START + n * DAY, (register, None, 0))
        for n, register in enumerate(registers)
    ]
    Ingester(session, ZONE, lambda _: AnySet()).apply(batches, START + days * DAY + HALF_HOUR)
    session.close()


def values(row):
    return {one.name: one.value for one in row.determinants}


def test_a_row_has_standard_litres_and_energy_by_day_and_period(database, connection, home):
    document = load(march())
    gas_of(database, home, days=2)
    run(START + DAY + timedelta(hours=2))
    run(START + 2 * DAY + timedelta(hours=2))
    first, second = stored(home)
    for row, litres in ((first, LITRES[0]), (second, sum(LITRES))):
        standard = litres * FACTOR
        assert values(row) == {
            "volume_l": litres, "standard_volume_l": int(standard), "gas_energy_wh": int(wh(standard)),
        }  # fmt: skip
    by_name = {one.name: (one.unit, one.origin) for one in second.determinants}
    assert by_name["standard_volume_l"] == ("L", Origin.DERIVED)
    assert by_name["gas_energy_wh"] == ("Wh", Origin.DERIVED)
    named = f"heat 2026-03-01 city-gas 2026-03:{document.sha256[:16]} everywhere"
    assert second.rules.endswith(f"; {named}; register {home.device_id} line")
    assert law(connection) == []
    assert run(START + 2 * DAY + timedelta(hours=4)).done == 0


def test_a_missing_heat_value_is_said_and_a_late_one_makes_the_next_version(database, connection, home):
    gas_of(database, home)
    run(START + DAY + timedelta(hours=2))
    (first,) = stored(home)
    assert values(first) == {"volume_l": 965}
    assert first.notes == [
        "no document of heat values covers the gas of 2026-03-02, which a line register needs"
    ]
    assert "; heat 2026-03-01 none; register" in first.rules
    load(march())
    assert run(START + DAY + timedelta(hours=3)).done == 1
    assert run(START + DAY + timedelta(hours=5)).done == 0
    load(march("corrected", ("38.52", "36.1")))
    assert run(START + DAY + timedelta(hours=7)).done == 1
    _, late, corrected = stored(home)
    assert (late.version, corrected.version, corrected.notes) == (2, 3, [])
    assert values(corrected)["standard_volume_l"] == values(late)["standard_volume_l"]
    changes = {one.name: one.change for one in corrected.determinants}
    standard = 965 * FACTOR
    assert changes == {
        "volume_l": 0, "standard_volume_l": 0, "gas_energy_wh": int(wh(standard, "36.1")) - int(wh(standard)),
    }  # fmt: skip
    assert "city-gas corrected:" in corrected.rules
    assert law(connection) == []


def test_the_smallest_area_of_the_service_point_on_the_day_decides(database, connection, home):
    from urja.apps.journal.operation import next_id
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import NodePeriod, Placement

    south, north, city = section("South"), section("North"), section("City", level="zone")
    stamp = {"recorded_at": START, "actor": "test"}
    with by_hand():
        NodePeriod.objects.create(
            id=next_id(0), node_id=north, parent_id=city, valid_from=START - DAY, **stamp
        )
        for node, begins, ends in ((south, START, START + DAY), (north, START + DAY, None)):
            Placement.objects.create(
                id=next_id(0), service_point_id=home.service_point_id, tree=Tree.ADMINISTRATION, node_id=node,
                valid_from=begins, valid_to=ends, **stamp,
            )  # fmt: skip
    load(march())
    load(march("city", ("[[zone]]", '[[zone]]\narea = "zone City"'), ("38.52", "36.1")))
    gas_of(database, home, days=2)
    run(START + 2 * DAY + timedelta(hours=2))
    (row,) = stored(home)[-1:]
    expected = wh(LITRES[0] * FACTOR) + wh(LITRES[1] * FACTOR, "36.1")
    assert values(row)["gas_energy_wh"] == int(expected)
    assert "everywhere, 2026-03-03 city-gas city:" in row.rules
    assert "zone City; register" in row.rules
    assert law(connection) == []


def twice_applied(patch):
    """A converter's volume, converted once more as if it flowed."""
    from urja.core.determinants import gas

    real = gas.conversion_factor
    patch.setattr(gas, "conversion_factor", lambda *given: real(*given) ** 2)


def energy_of_the_metered_volume(patch):
    from urja.core.determinants import gas

    real = gas.energy_wh
    patch.setattr(gas, "energy_wh", lambda volume, heat: real(volume, heat) / FACTOR)


def first_value_for_all_days(patch):
    from urja.core.heat_values import HeatZone

    patch.setattr(HeatZone, "on", lambda self, day: self.values[-1][1])


def another_register(patch):
    from urja.apps.determinants import evaluation

    converted = RegisterConditions("converted", 150, 101_325)
    patch.setattr(evaluation, "registers_of", lambda cursor, ids: dict.fromkeys(ids, converted))


GAS_FAULTS = (twice_applied, energy_of_the_metered_volume, first_value_for_all_days, another_register)


@pytest.mark.parametrize("fault", GAS_FAULTS)
def test_the_law_sees_each_fault_of_the_conversion(database, connection, home, fault):
    load(march())
    gas_of(database, home)
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        run(START + DAY + timedelta(hours=2))
    assert any(f"agreement {home.agreement_id} " in one for one in law(connection))


def test_the_command_shows_cubic_metres_and_kilowatt_hours_with_their_factors(database, home, monkeypatch):
    import json
    from types import SimpleNamespace

    from click.testing import CliRunner

    from urja.site.admin import Administration
    from urja.site.cli.determinants import determinants

    settings = SimpleNamespace(utility=SimpleNamespace(timezone=ZONE))
    box = SimpleNamespace(settings=settings, setup_django=lambda: None)
    monkeypatch.setattr(Administration, "of", lambda _: box)
    gas_of(database, home)
    run(START + DAY + timedelta(hours=2))
    ask = [str(home.agreement_id), "2026-03-20"]
    shown = CliRunner().invoke(determinants, ask).output
    assert "not known: no document of heat values covers the gas of 2026-03-02" in shown
    load(march())
    run(START + DAY + timedelta(hours=4))
    shown = CliRunner().invoke(determinants, ask).output
    assert "  gas: 0.965 m³ as metered, 0.933 standard m³ (× 0.96718), 9.986 kWh (× 10.7000 kWh/m³)" in shown
    assert (
        "heat values city-gas 2026-03, everywhere else: gas at 25 °C and 101.4 kPa to 15 °C and 101.325 kPa; gross, MJ/m³: "
        "2026-03-01 38.52" in shown
    )
    (told,) = json.loads(CliRunner().invoke(determinants, [*ask, "--json"]).output)
    assert (told["version"], told["notes"]) == (2, [])


def test_the_law_compares_litres_with_the_accruals(database, connection, home):
    """Both calculations of the row lose a litre, so that only the accruals' statement tells."""
    from urja.core.determinants.calculation import _Calculation

    real = _Calculation._sum
    gas_of(database, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Calculation, "_sum", lambda *inputs: real(*inputs) - 1)
        run(START + DAY + timedelta(hours=2))
        found = law(connection)
    assert [one for one in found if "have volume_l 964, and the accrual of that time is 965" in one]
