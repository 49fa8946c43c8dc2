"""Frames that others captured from three-phase and gas meters: names and units as the frame and its list say them.

`tests/vectors/dlms.json` has each frame's source. No program of others runs here.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from urja.cosem.apdu import DataNotification, decode_apdu
from urja.cosem.capture import CaptureReader, Keys
from urja.cosem.companion import unit_symbol
from urja.cosem.readings import find_readings
from urja.quantities.catalogue import QUANTITIES
from urja.quantities.obis import codes

VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent.parent / "vectors" / "dlms.json").read_text())["vectors"]
}
QUANTITY = {code: quantity.name for quantity in QUANTITIES for code in codes(quantity)}


def push_of(name):
    vector = VECTORS[name]
    given = {key: bytes.fromhex(vector[key]) for key in ("guek", "gak", "system_title") if key in vector}
    (found,) = CaptureReader(Keys(**given)).open(bytes.fromhex(vector["hex"]))
    assert found.error is None
    push = decode_apdu(found.plain)
    assert isinstance(push, DataNotification)
    return push


def measured(name):
    """Each value with a unit: its code, its name in words, the value in its unit, and the unit."""
    return [
        (str(one.obis), one.name, one.scaled, unit_symbol(one.unit))
        for one in find_readings(push_of(name).body)
        if one.scaled is not None and one.unit is not None
    ]


PHASES = ("L1", "L2", "L3")
REACTIVE_POWERS = {str(of_phase + c) for of_phase in (0, 20, 40, 60) for c in (3, 4)}
"""Value group C of powers that no meter type here stores."""


@pytest.mark.parametrize(
    ("name", "volts", "amperes", "import_w", "import_wh"),
    [
        # Aidon, Norway: [OBIS, value, [scaler, unit]] with the powers of each phase.
        ("espdlms/hdlc_norway_han_3phase", ("230.7", "249.9", "230.8"), ("0.0", "7.5", "0.0"), 1122, 10049926),
        # Kaifa MA304H4, Norway: a list that names itself, in mA.
        ("gurux-forum/kaifa_ma304h4pse", ("229.8", "230.2", "231.9"), ("0.097", "0.428", "1.476"), 425, 478133),
        # Kaifa MA309, Salzburg.
        ("espdlms/raw_salzburg_netz", ("229.2", "231.6", "231.4"), ("1.65", "1.73", "0.37"), 714, 1327456),
        # Iskraemeco AM550, Slovenia: with two zones.
        ("espdlms/hdlc_iskra550", ("236.4", "234.4", "237.0"), ("0.63", "0.89", "0.68"), 182, 261927),
    ],
)  # fmt: skip
def test_a_three_phase_frame_has_names_and_units(name, volts, amperes, import_w, import_wh):
    found = measured(name)
    by_name = {words: (str(value), unit) for _, words, value, unit in found}
    for phase, volt, ampere in zip(PHASES, volts, amperes, strict=True):
        assert by_name[f"Voltage {phase}"] == (volt, "V")
        assert by_name[f"Current {phase}"] == (ampere, "A")
    assert by_name["Active power import (+P)"] == (str(import_w), "W")
    assert by_name["Active energy import (+A) total"] == (str(import_wh), "Wh")
    unnamed = {code for code, *_ in found if code not in QUANTITY}
    assert {code.split(".")[2] for code in unnamed} <= REACTIVE_POWERS, (
        "others are quantities of the catalogue"
    )
    named = {QUANTITY[code] for code, *_ in found if code in QUANTITY}
    assert named >= {"import_wh", "export_wh", "instant_import_w", "instant_voltage_cv_l2"}


def test_powers_and_zones_of_a_frame_add_up():
    powers = {code: value for code, _, value, _ in measured("espdlms/hdlc_norway_han_3phase")}
    assert sum(powers[f"1.0.{c}.7.0.255"] for c in (21, 41, 61)) == powers["1.0.1.7.0.255"]
    # Truncated apart from each other.
    assert 0 <= powers["1.0.3.7.0.255"] - sum(powers[f"1.0.{c}.7.0.255"] for c in (23, 43, 63)) < 3
    zones = {code: value for code, _, value, _ in measured("espdlms/hdlc_iskra550")}
    assert zones["1.0.1.8.1.255"] + zones["1.0.1.8.2.255"] == zones["1.0.1.8.0.255"] == Decimal(261_927)
    assert zones["1.0.2.8.1.255"] + zones["1.0.2.8.2.255"] == zones["1.0.2.8.0.255"] == Decimal(63_832)


def test_the_gas_frame_is_deciphered_and_names_nothing():
    """A compact frame of Italian gas meters: an octet string by a layout of UNI/TS 11291, which is not public."""
    push = push_of("dlms-cosem/udp-gas-push")
    assert push.body.value.hex() == VECTORS["dlms-cosem/udp-gas-push"]["expected"]["body"].removeprefix("h:")
    assert (len(push.body.value), push.body.value[0]) == (34, 18)
    assert find_readings(push.body) == []
