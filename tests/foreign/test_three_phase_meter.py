"""Other people's clients read a three-phase meter wholly, with its units, and load its activity calendar, reset its demand."""

from decimal import Decimal

import pytest
from tests.foreign.isolated import GURUX, PYDLMS, python_with
from tests.foreign.test_foreign_clients import GMAC, run, served

from urja.cosem.companion import load_device_type
from urja.cosem.companion.units import UNIT_CODES

BLOCK, BILLING = "1.0.99.1.0.255", "1.0.98.1.0.255"
UNITS = {"Wh": "WATT_HOUR", "VAh": "VOLT_AMPERE_HOUR", "varh": "VAR_HOUR", "W": "WATT", "VA": "VOLT_AMPERE", "V": "VOLT",
         "A": "AMPERE", "min": "MINUTE", "count": "COUNT"}  # fmt: skip
NAMES = {code: UNITS[symbol] for symbol, code in UNIT_CODES.items() if symbol in UNITS}


@pytest.fixture(scope="module")
def meter():
    with served("--type", "urja-d2", "--days", "3") as facts:
        yield facts


def registers_of(profile):
    """The measured columns of a profile, by code and attribute."""
    columns = load_device_type("urja-d2").profiles[profile].columns
    return {
        f"{column.obis} {column.attribute}": column
        for column in columns
        if column.class_id in (3, 4) and column.attribute == 2 and column.key != "billing_date"
    }


def test_pydlms_reads_block_and_billing_rows_with_units(meter):
    settings = {"client_sap": 48, "mechanism": GMAC, "protection": "glo", "profiles": [BLOCK, BILLING]}
    read = run(python_with(PYDLMS, "pydlms"), "pydlms_three_phase.py", meter, settings)
    assert len(read[BLOCK]) in (3 * 96, 3 * 96 + 1)
    for name, profile in ((BLOCK, "block"), (BILLING, "billing")):
        for code, column in registers_of(profile).items():
            assert read[name][-1][code][1] == NAMES[column.unit], code
    block, billed = read[BLOCK][-1], read[BILLING][-1]
    volts = [Decimal(block[f"1.0.{c}.27.0.255 2"][0]) for c in (32, 52, 72)]
    assert all(200 < one < 260 for one in volts)
    zones = [Decimal(billed[f"1.0.1.8.{zone}.255 2"][0]) for zone in range(1, 9)]
    assert 0 <= Decimal(billed["1.0.1.8.0.255 2"][0]) - sum(zones) < 8
    assert billed["1.0.1.6.0.255 5"].startswith("20"), "a demand has its instant"


def test_gurux_reads_every_object_with_its_unit_and_loads_a_calendar(meter):
    read = run(
        python_with(GURUX, "gurux_dlms"),
        "gurux_three_phase.py",
        meter,
        {"profiles": [BLOCK, BILLING], "whole": True},
    )
    assert read["sweep"]["unparsed"] == []
    assert read["sweep"]["read"] > 500
    for profile in ("instantaneous", "block", "billing"):
        for code, column in registers_of(profile).items():
            _, scaler, unit = read["registers"][code.split()[0]]
            assert (scaler, unit) == (pytest.approx(10**column.scaler), column.unit), code
    for row in read["profiles"][BLOCK][-96:]:
        by_phase = sum(row[f"1.0.{c + 1}.27.0.255 2"] * row[f"1.0.{c}.27.0.255 2"] for c in (31, 51, 71)) / 4
        # The means do not multiply exactly, and the currents are cut to 0.01 A.
        assert row["1.0.1.29.0.255 2"] <= row["1.0.9.29.0.255 2"] + 1 <= by_phase + 4
    assert read["before"]["days"] == [[1, [1]]]
    assert read["after"] == {"seasons": [["1", "1"]], "weeks": [["1", 1, 1]], "days": [[1, [1, 2]]]}
