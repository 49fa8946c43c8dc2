"""Determinants by the API: as the pipeline's role stored them, for those who may see the load curve."""

from datetime import UTC, date, datetime

from tests.apps.payments.till import as_role


def test_rows_are_what_the_pipeline_stored(api, society):
    flat = society.flats[0]
    address = f"/agreements/{flat.agreement_id}/determinants?day=2026-03-20"
    told = api("consumer").get(address).json()
    assert (told["period_from"], told["period_to"]) == ("2026-03-01", "2026-04-01")
    first, second = told["items"]
    assert (first["as_of"], second["as_of"], second["version"]) == ("2026-03-02", "2026-03-03", 1)
    assert second["determinants"][0] == {
        "name": "import_wh", "unit": "Wh", "value": 9600, "origin": "register", "estimated": 0, "change": None,
    }  # fmt: skip
    assert second["load_factor_permille"] == 1000
    assert (first["intervals"], second["intervals"]) == (48, 96)
    assert second["reads"][0]["device_id"] == flat.device_id
    # A secretary sees totals and no load curves; another period has none.
    assert api("secretary").get(address).status_code == 403
    empty = api("consumer").get(f"/agreements/{flat.agreement_id}/determinants?day=2026-07-01").json()
    assert (empty["period_from"], empty["items"]) == (None, [])
    assert api("consumer").get(f"/agreements/{flat.agreement_id}/determinants").status_code == 400


def test_the_stage_runs_by_the_pipelines_rights(society):
    """The close has stored the rows; what the stage takes up are changes after it."""
    from django.db import connection

    from urja.pipeline.determine import Determine

    def pending(cursor):
        cursor.execute("SELECT count(*) FROM readings_change")
        return cursor.fetchone()[0]

    with as_role("urja_pipeline"), connection.cursor() as cursor:
        assert pending(cursor) > 0
        report = Determine().run_once(datetime(2026, 3, 4, tzinfo=UTC))
        assert (pending(cursor), report.ill) == (0, False)


def test_gas_has_its_conversion(database):
    from datetime import timedelta

    from tests.apps.determinants.test_gas_rows import gas_of, march
    from tests.apps.determinants.test_rows import run, stored
    from tests.apps.rulebook.test_heat_values import load
    from tests.apps.town import START, adopt
    from tests.usecases.test_tariff_commodity import load_gas

    from urja.apps.determinants.queries import gas_conversion
    from urja.web.api.reading_answers import GasRegister, HeatOfDays
    from urja.web.api.readings import _gas

    load_gas()
    home = adopt(register_wh=5_000, device_type="urja-g1", tariff_code="piped")
    document = load(march())
    gas_of(database, home)
    run(START + timedelta(hours=26))
    (row,) = stored(home)
    found = _gas(gas_conversion(row))
    assert found.registers == [
        GasRegister(device_id=home.device_id, conditions="line", temperature_dc=None, pressure_pa=None)
    ]
    (used,) = found.heat_values
    assert (used.code, used.version, used.sha256) == ("city-gas", "2026-03", document.sha256)
    assert (used.area, used.basis, used.base_temperature_dc, used.base_pressure_pa) == (
        "",
        "gross",
        150,
        101_325,
    )
    assert (used.supply_temperature_dc, used.supply_pressure_pa) == (250, 101_400)
    assert used.values == [HeatOfDays(valid_from=date(2026, 3, 1), joules_per_m3=38_520_000)]
