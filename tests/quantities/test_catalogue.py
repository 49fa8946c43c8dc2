"""Every quantity has one number and one name, an OBIS code that the companion standard names, and a CIM type."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from tests.quantities.strategies import channel_sets
from tests.quantities.table import rows

from urja.cosem.companion import UNIT_CODES, load_device_type
from urja.cosem.companion.naming import name_object
from urja.cosem.obis import Obis
from urja.quantities.catalogue import BY_ID, BY_NAME, QUANTITIES, Accumulation, Kind, Source, name_of
from urja.quantities.channel_sets import (
    BILLED,
    D1_BLOCK,
    D1_REGISTERS,
    MOST,
    ChannelSet,
    ChannelSetError,
    channel_set,
    channel_set_of_ids,
)
from urja.quantities.cim import reading_type
from urja.quantities.obis import codes

ROOT = Path(__file__).resolve().parents[2]


def test_numbers_and_names_are_unique():
    assert len(BY_ID) == len(BY_NAME) == len(QUANTITIES)


def test_names_follow_the_rule():
    for one in QUANTITIES:
        match one.kind:
            case Kind.COUNT | Kind.STATUS:
                assert one.unit == "1"
            case Kind.TIME:
                maximum = BY_NAME[one.name.removesuffix("_at")]
                assert (maximum.accumulation, maximum.zone) == (Accumulation.MAXIMUM, one.zone)
            case _:
                name = name_of(one.kind, one.direction, one.phase, one.zone, one.source, one.accumulation)
                assert one.name == name


@pytest.mark.parametrize(
    ("name", "unit", "obis", "cim"),
    [
        ("interval_import_wh", "Wh", "1.0.1.29.0.255", "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.0.72.0"),
        ("import_wh", "Wh", "1.0.1.8.0.255", "0.0.2.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0"),
        ("import_wh_z3", "Wh", "1.0.1.8.3.255", "0.0.2.1.1.1.12.0.0.0.0.3.0.0.0.0.72.0"),
        ("export_vah", "VAh", "1.0.10.8.0.255", "0.0.2.1.19.1.12.0.0.0.0.0.0.0.0.0.71.0"),
        ("lag_varh", "varh", "1.0.5.8.0.255", "0.0.2.1.2.1.12.0.0.0.0.0.0.0.0.0.73.0"),
        ("lead_varh", "varh", "1.0.8.8.0.255", "0.0.2.1.3.1.12.0.0.0.0.0.0.0.0.0.73.0"),
        ("max_import_w", "W", "1.0.1.6.0.255", "8.8.2.6.1.1.8.0.0.0.0.0.0.0.0.0.38.0"),
        ("max_import_va_z2", "VA", "1.0.9.6.2.255", "8.8.2.6.1.1.8.0.0.0.0.2.0.0.0.0.61.0"),
        ("mean_voltage_cv_l1", "cV", "1.0.32.27.0.255", "0.2.2.6.0.1.54.0.0.0.0.0.0.0.128.-2.29.0"),
        ("mean_current_ca_l2", "cA", "1.0.51.27.0.255", "0.2.2.6.0.1.4.0.0.0.0.0.0.0.64.-2.5.0"),
        ("instant_current_ca_neutral", "cA", "1.0.91.7.0.255", "0.0.2.12.0.1.4.0.0.0.0.0.0.0.16.-2.5.0"),
        ("instant_power_factor_permille", "permille", "1.0.13.7.0.255", "0.0.2.12.0.1.38.0.0.0.0.0.0.0.0.-3.65.0"),
        ("dg_import_wh", "Wh", None, "0.0.2.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0"),
        ("volume_l", "L", "7.0.3.0.0.255", "0.0.2.1.0.7.58.0.0.0.0.0.0.0.0.0.134.0"),
        ("interval_volume_l", "L", None, "0.0.2.4.0.7.58.0.0.0.0.0.0.0.0.0.134.0"),
        ("standard_volume_l", "L", None, "8.0.2.4.0.7.58.0.0.0.0.0.0.0.0.-3.166.0"),
        ("gas_energy_wh", "Wh", None, "8.0.2.4.0.7.12.0.0.0.0.0.0.0.0.0.72.0"),
        ("instant_temperature_dc", "dC", "7.0.41.0.0.255", "0.0.2.12.0.7.46.0.0.0.0.0.0.0.0.-1.23.0"),
    ],
)  # fmt: skip
def test_known_quantities(name, unit, obis, cim):
    quantity = BY_NAME[name]
    assert quantity.unit == unit
    assert codes(quantity) == (() if obis is None else (obis,))
    assert reading_type(quantity, 900) == cim


def test_a_reading_type_has_eighteen_numbers_and_is_of_one_quantity_of_the_grid():
    types = {}
    for one in QUANTITIES:
        text = reading_type(one, 1800)
        assert len([int(each) for each in text.split(".")]) == 18
        if one.source is Source.GRID and one.kind not in (Kind.TIME, Kind.COUNT, Kind.STATUS):
            assert types.setdefault(text, one) is one


def test_an_obis_code_is_of_one_quantity_but_for_lag_and_lead_and_instants():
    found = {}
    for one in QUANTITIES:
        if one.kind is not Kind.TIME and one.direction.value not in ("lag", "lead"):
            for code in codes(one):
                assert found.setdefault(code, one) is one


def test_obis_codes_name_what_the_quantity_is():
    """The words come from other data (IEC 62056-6-1 in cosem.companion) than the codes here."""
    words = {
        Kind.ACTIVE_ENERGY: "Active energy", Kind.APPARENT_ENERGY: "Apparent energy", Kind.REACTIVE_ENERGY: "Reactive energy",
        Kind.VOLTAGE: "Voltage", Kind.CURRENT: "urrent", Kind.FREQUENCY: "Frequency", Kind.POWER_FACTOR: "ower factor",
    }  # fmt: skip
    seen = 0
    for one in QUANTITIES:
        for code in codes(one):
            name = name_object(Obis.parse(code))
            if one.kind in words and "1.0.16." not in code:
                assert words[one.kind] in name, (one.name, code, name)
                if one.phase.value.startswith("l"):
                    assert one.phase.value.upper() in name
                seen += 1
    assert seen > 100


def test_d1_sets_are_the_columns_of_the_shipped_type():
    device_type = load_device_type("urja-d1")
    for profile, channels in (("block", D1_BLOCK), ("daily", D1_REGISTERS)):
        sent = {column.obis: column for column in device_type.profiles[profile].columns}
        own = {code: one for one in channels.quantities for code in codes(one)}
        assert set(sent) - set(own) == {"0.0.1.0.0.255"}
        for code in set(sent) & set(own):
            unit = {"cV": "V", "cA": "A", "1": "count"}.get(own[code].unit, own[code].unit)
            assert sent[code].unit == UNIT_CODES[unit]


def test_the_table_of_the_docs_is_the_catalogue():
    text = (ROOT / "docs/quantities.md").read_text()
    assert "\n".join(rows()) in text, "put in what `python -m tests.quantities.table` prints"


@given(channel_sets())
def test_a_set_is_its_quantities(channels):
    again = channel_set_of_ids("again", channels.ids)
    assert again == channels == channel_set("names", channels.names)
    assert channels.hash == hashlib.sha256(",".join(map(str, channels.ids)).encode()).digest()[:8].hex()
    for place, name in enumerate(channels.names):
        assert channels.position(name) == place
    assert channels.position("no_such_quantity") is None


@given(channel_sets(), channel_sets())
def test_other_quantities_or_another_order_are_another_set(one, other):
    assert (one.hash == other.hash) == (one.ids == other.ids)


@given(channel_sets(), st.data())
def test_what_is_billed_comes_first(channels, data):
    first = data.draw(st.sampled_from([one for one in QUANTITIES if one.name not in BILLED]))
    with pytest.raises(ChannelSetError):
        ChannelSet("turned", (first, *channels.quantities))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "0 quantities"),
        (("import_wh", "import_wh"), "twice"),
        (("export_wh", "import_wh"), "put what is billed first"),
        (("import_wh", "watt_hours"), "no quantity is named watt_hours"),
        (("import_wh", "volume_l"), "electricity and gas"),
        (("import_wh", "max_import_w"), "not followed by its instant"),
        (("import_wh", "max_import_w", "export_wh", "max_import_w_at"), "not followed by its instant"),
        (("import_wh", "max_import_w_at"), "does not follow its maximum"),
        (("import_wh", "max_import_w", "max_import_w_at", "max_import_w_at"), "twice"),
        (("import_wh", "max_import_va", "max_import_w_at"), "not followed by its instant"),
    ],
)
def test_impossible_sets_are_refused_with_the_reason(names, message):
    with pytest.raises(ChannelSetError, match=message):
        channel_set("tried", names)


def test_too_many_are_refused():
    with pytest.raises(ChannelSetError, match=f"1 to {MOST}"):
        ChannelSet("wide", QUANTITIES[: MOST + 1])


def test_a_billing_profile_of_three_phases_fits():
    names = ["import_wh", *(f"import_wh_z{zone}" for zone in range(1, 9)), "import_vah"]
    names += [f"import_vah_z{zone}" for zone in range(1, 9)]
    for unit in ("w", "va"):
        for zone in ("", *(f"_z{number}" for number in range(1, 9))):
            names += [f"max_import_{unit}{zone}", f"max_import_{unit}{zone}_at"]
    names += ["mean_power_factor_permille", "export_wh", "export_vah"]
    names += [f"q{quadrant}_varh" for quadrant in (1, 2, 3, 4)]
    assert len(channel_set("billing", names).quantities) == 61
