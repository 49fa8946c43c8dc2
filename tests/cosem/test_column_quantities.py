"""Which quantities the profiles of the shipped types carry."""

import pytest

from urja.cosem.companion import device_types, load_device_type
from urja.cosem.companion.column_quantities import quantity_of
from urja.cosem.companion.units import UNIT_CODES
from urja.quantities.catalogue import Accumulation, Commodity, Kind

_UNIT_OF = {
    "Wh": "Wh", "VAh": "VAh", "varh": "varh", "W": "W", "VA": "VA", "var": "var", "cV": "V", "cA": "A", "mHz": "Hz",
    "permille": "count", "1": "count", "s": "count",
}  # fmt: skip


def names(device_type, profile):
    columns = load_device_type(device_type).profiles[profile].columns
    return [quantity.name for column in columns if (quantity := quantity_of(column)) is not None]


def test_a_three_phase_block_is_its_phases_and_its_four_quadrants():
    assert names("urja-d2", "block") == [
        "mean_current_ca_l1", "mean_current_ca_l2", "mean_current_ca_l3",
        "mean_voltage_cv_l1", "mean_voltage_cv_l2", "mean_voltage_cv_l3",
        "interval_import_wh", "interval_export_wh", "interval_lag_varh", "interval_q2_varh", "interval_q3_varh",
        "interval_lead_varh", "interval_import_vah", "interval_export_vah", "meter_health",
    ]  # fmt: skip
    assert names("urja-d2-dg", "block")[-2:] == ["interval_dg_import_wh", "interval_dg_import_vah"]


def test_a_billing_row_has_zones_and_each_maximum_is_followed_by_its_instant():
    found = names("urja-d2", "billing")
    assert [name for name in found if name.startswith("import_wh")] == [
        "import_wh",
        *(f"import_wh_z{z}" for z in range(1, 9)),
    ]
    maxima = [name for name in found if name.startswith("max_") and not name.endswith("_at")]
    assert len(maxima) == 18
    assert all(found[found.index(name) + 1] == f"{name}_at" for name in maxima)
    assert "max_export_w" in names("urja-d2-net", "billing")
    assert "export_wh_z8" in names("urja-d2-net", "billing")


@pytest.mark.parametrize("name", device_types())
def test_each_column_is_in_its_quantitys_unit_and_a_block_has_increments(name):
    device_type = load_device_type(name)
    for key, profile in device_type.profiles.items():
        for column in profile.columns:
            quantity = quantity_of(column)
            if quantity is None or quantity.commodity is Commodity.GAS or column.attribute != 2:
                continue
            assert UNIT_CODES[_UNIT_OF[quantity.unit]] == column.unit, (key, column.key)
            if quantity.kind is Kind.ACTIVE_ENERGY:
                assert quantity.accumulation is (
                    Accumulation.DELTA if key == "block" else Accumulation.REGISTER
                )
