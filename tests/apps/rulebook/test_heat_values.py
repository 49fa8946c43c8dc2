"""Heat values are stored as versions that never change, of one code, for areas that the network has."""

import psycopg
import pytest
from tests.apps.town import START
from tests.core.test_heat_values import APRIL, changed


def load(text=APRIL):
    from urja.usecases.heat_values import load_heat_values

    return load_heat_values(text, recorded_at=START, actor="test")


def test_versions_are_stored_in_the_order_of_loading_and_never_changed(database):
    from urja.apps.rulebook.errors import HeatValuesConflictError
    from urja.apps.rulebook.queries.heat_values import all_versions

    load(changed(('"2026-04"', '"2026-05"'), ("2026-04-", "2026-05-")))
    load()
    load()
    assert [one.version for one in all_versions()] == ["2026-05", "2026-04"]
    with pytest.raises(
        HeatValuesConflictError, match="'2026-04' of heat values 'city-gas' is stored with another text"
    ):
        load(changed(("38.52", "38.53")))
    with pytest.raises(HeatValuesConflictError, match="have the code 'city-gas', not 'other-gas'"):
        load(changed(('"city-gas"', '"other-gas"')))
    for statement in (
        "UPDATE rulebook_heat_values_version SET text = ''",
        "DELETE FROM rulebook_heat_values_version",
        "TRUNCATE rulebook_heat_values_version",
    ):
        with (
            database.connect() as owner,
            pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never changed or deleted"),
        ):
            owner.execute(statement)


def test_a_zone_is_of_an_area_that_the_network_has(database):
    from tests.apps.rulebook.areas import section

    from urja.usecases.heat_values import UnknownAreaError

    north = changed(("[[zone]]", '[[zone]]\narea = "section North"'))
    with pytest.raises(
        UnknownAreaError, match="no node of the administration is 'section North': load the network"
    ):
        load(north)
    section("North")
    assert load(north).zones[0].area == "section North"


def test_doctor_says_where_gas_has_no_heat_values(database):
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from tests.apps.town import adopt
    from tests.usecases.test_tariff_commodity import load_gas

    from urja.site import registry_readiness

    def said(*day):
        now = datetime(2026, *day, 12, tzinfo=UTC)
        found = registry_readiness.findings(now, ZoneInfo("Asia/Kolkata"), "INR", [], has_gateway=True)
        return [one.sentence for one in found if one.topic == "heat values"]

    assert said(4, 10) == []
    load_gas()
    adopt(device_type="urja-g1", tariff_code="piped")
    nothing = "none are loaded: standard volume and energy of gas are not calculated"
    assert said(4, 10) == [nothing]
    load()
    assert said(4, 10) == ["up to 2026-04-10"]
    assert said(6, 9) == ["up to 2026-04-30"]
    assert said(6, 10) == [nothing.replace("loaded", "loaded of days after 2026-04-30")]
