"""A three-phase list of another maker is served, and read by our head end and by two foreign clients alike."""

import json
from decimal import Decimal

import pytest
from click.testing import CliRunner
from tests.cosem.three_phase_list import BLOCK, write_other_type
from tests.foreign.isolated import GURUX, PYDLMS, python_with
from tests.foreign.test_foreign_clients import GMAC, run, served
from tests.foreign.test_three_phase_meter import UNITS

from urja.site.cli.headend import headend

PROFILE = "1.0.99.1.0.255"
UNMEASURED = "0.1.96.12.5.255"
"""The simulated meter has no radio of its own: it gives null for the signal strength, and so must its readers."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_other_type(tmp_path_factory.mktemp("types") / "found")


@pytest.fixture(scope="module")
def meter(folder):
    with served("--type", str(folder), "--days", "1") as facts:
        yield facts


@pytest.fixture(scope="module")
def ours(meter, folder):
    """The table of the whole profile as `urja headend read` prints it."""
    where = [
        "--host",
        meter["host"],
        "--port",
        str(meter["port"]),
        "--obis",
        PROFILE,
        "--json",
        "--type",
        str(folder),
    ]
    result = CliRunner().invoke(headend, ["read", *where, "--guek", meter["guek"], "--gak", meter["gak"]])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_the_head_end_reads_its_columns_in_its_order_with_its_units(ours):
    assert [column["obis"] for column in ours["columns"]] == [
        "0.0.1.0.0.255",
        *(obis for _, _, obis, *_ in BLOCK),
    ]
    assert [column["unit"] for column in ours["columns"]][1:7] == ["A"] * 3 + ["V"] * 3
    assert all(200 < Decimal(str(row[4])) < 260 for row in ours["rows"])


def test_pydlms_reads_the_same_values(meter, ours):
    settings = {"client_sap": 48, "mechanism": GMAC, "protection": "glo", "profiles": [PROFILE]}
    rows = run(python_with(PYDLMS, "pydlms"), "pydlms_three_phase.py", meter, settings)[PROFILE]
    for theirs, row in zip(rows[:40], ours["rows"][:40], strict=True):
        for (_, number, obis, _, _, unit), own in zip(BLOCK, row[1:], strict=True):
            if number == 3:
                assert theirs[f"{obis} 2"][1] == UNITS[unit]
                assert Decimal(theirs[f"{obis} 2"][0]) == Decimal(str(own))
    assert rows[0][f"{UNMEASURED} 2"] == "None"
    assert ours["rows"][0][-1] is None


def test_gurux_reads_the_same_values(meter, ours):
    read = run(
        python_with(GURUX, "gurux_dlms"),
        "gurux_three_phase.py",
        meter,
        {"profiles": [PROFILE], "whole": False},
    )
    assert read["sweep"]["unparsed"] == []
    for theirs, row in zip(read["profiles"][PROFILE][:40], ours["rows"][:40], strict=True):
        for (_, number, obis, *_), own in zip(BLOCK, row[1:], strict=True):
            if number == 3:
                assert theirs[f"{obis} 2"] == pytest.approx(float(own))
