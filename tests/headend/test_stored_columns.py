"""Each shipped meter type says by its columns which quantities of it are stored, and in which units."""

import numpy as np
import pytest

from urja.cosem.companion import load_device_type
from urja.cosem.companion.stored_columns import stored_columns
from urja.headend.record_conversion import energy_pairs, rescale
from urja.quantities.channel_sets import (
    D1_BLOCK,
    D1_REGISTERS,
    D2_BLOCK,
    D2_REGISTERS,
    GAS_BLOCK,
    GAS_REGISTERS,
)
from urja.stream.records import NULL


@pytest.mark.parametrize(
    ("name", "block", "registers"),
    [
        ("urja-d1", D1_BLOCK, D1_REGISTERS),
        ("urja-dt", D1_BLOCK, D1_REGISTERS),
        ("urja-d2", D2_BLOCK, D2_REGISTERS),
        ("urja-d3", D2_BLOCK, D2_REGISTERS),
        ("urja-g1", GAS_BLOCK, GAS_REGISTERS),
    ],
)
def test_a_category_has_one_set_whatever_a_profile_lacks(name, block, registers):
    profiles = load_device_type(name).profiles
    assert stored_columns(profiles["block"].columns, of_intervals=True).channels == block
    for profile in ("daily", "instantaneous"):
        assert stored_columns(profiles[profile].columns, of_intervals=False).channels == registers


def test_zones_and_generators_have_sets_by_their_content():
    dual = load_device_type("urja-d2-dg").profiles
    stored = stored_columns(dual["block"].columns, of_intervals=True)
    assert {"interval_dg_import_wh", "interval_dg_import_vah"} <= set(stored.channels.names)
    # The order in which a maker captures its columns makes no other set.
    turned = stored_columns(dual["block"].columns[::-1], of_intervals=True)
    assert turned.channels == stored.channels
    billing = stored_columns(dual["billing"].columns, of_intervals=False).channels
    assert {"import_wh_z1", "import_vah_z8", "lag_varh"} <= set(billing.names)


def test_values_are_in_base_units():
    stored = stored_columns(load_device_type("urja-g1").profiles["block"].columns, of_intervals=True)
    sent = {"interval_volume_l": 1234, "mean_temperature_dc": 251}
    for place, column in stored.places:
        name = stored.channels.names[place]
        value = rescale(np.array([sent[name]]), True, column.scaler, stored.exponent(place))
        assert value.tolist() == [sent[name]]  # thousandths of m3 are litres, tenths of a degree are dC


def test_a_scaler_that_no_meter_has_gives_no_value():
    sent = np.array([0, 1, 2**62, -1])
    for scaler in (127, 19, -19, -128):
        assert rescale(sent, True, scaler, 0).tolist() == [0, NULL, NULL, NULL]
    assert rescale(sent, True, 18, 0).tolist() == [0, 10**18, NULL, -(10**18)]
    assert rescale(sent, True, -18, 0).tolist() == [0, 0, 4, -1]


def test_apparent_energy_is_compared_with_active_energy_of_the_same_flow_and_source():
    dual = stored_columns(load_device_type("urja-d2-dg").profiles["block"].columns, of_intervals=True)
    names = dual.channels.names
    assert [(names[active], names[apparent]) for active, apparent in energy_pairs(dual.channels)] == [
        ("interval_import_wh", "interval_import_vah"),
        ("interval_export_wh", "interval_export_vah"),
        ("interval_dg_import_wh", "interval_dg_import_vah"),
    ]
