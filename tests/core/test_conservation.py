"""Zones sum to their total and phases bound apparent energy, for meters that truncate; and a fault is seen."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from urja.core.conservation import NULL, phase_excess_vah, zone_residuals
from urja.quantities.channel_sets import D1_BLOCK, D2_BLOCK, channel_set

ZONED = channel_set(
    "zoned",
    (
        "import_wh",
        *(f"import_wh_z{zone}" for zone in (1, 2, 3)),
        "export_wh",
        *(f"export_wh_z{zone}" for zone in (1, 2, 3)),
        "lag_varh",
    ),
)
milliwatt_hours = st.lists(st.integers(0, 10**12), min_size=6, max_size=6)


def registers(exact_mwh, step):
    """What a meter shows whose registers count whole steps, each by itself."""
    shown = []
    for flow in (exact_mwh[:3], exact_mwh[3:]):
        shown += [each // (1000 * step) * step for each in (sum(flow), *flow)]
    return np.array([[*shown, 5]], np.int64)


@given(milliwatt_hours, st.sampled_from([1, 10, 1000]))
def test_zones_of_a_truncating_meter_sum_to_the_total(exact, step):
    values = registers(exact, step)
    residuals = zone_residuals(ZONED, values)
    assert residuals.keys() == {"import_wh", "export_wh"}
    assert all(0 <= residual[0] <= 3 * step for residual in residuals.values())


@given(milliwatt_hours, st.sampled_from([1, 2, 3, 5, 6, 7]), st.booleans())
def test_a_zone_that_is_wrong_is_seen_in_its_flow_alone(exact, place, up):
    values = registers(exact, 1)
    values[0, place] += 5 if up else -5
    wrong = [name for name, residual in zone_residuals(ZONED, values).items() if not 0 <= residual[0] <= 3]
    assert wrong == ["import_wh" if place <= 3 else "export_wh"]


def test_what_was_not_sent_says_nothing():
    values = registers([5000] * 6, 1)
    values[0, 2] = NULL
    assert zone_residuals(ZONED, values)["import_wh"].tolist() == [NULL]


def block(draws_ma, volts_mv, factor=1.0):
    """Half an hour of constant phases, as a D2 meter truncates it, with apparent energy by `factor`."""
    carried_va = sum(v / 1000 * i / 1000 for v, i in zip(volts_mv, draws_ma, strict=True))
    row = dict.fromkeys(D2_BLOCK.names, 0)
    row["interval_import_vah"] = int(carried_va / 2 * factor)
    for phase, (volt, ampere) in enumerate(zip(volts_mv, draws_ma, strict=True), 1):
        row[f"mean_voltage_cv_l{phase}"] = volt // 10
        row[f"mean_current_ca_l{phase}"] = ampere // 10
    return np.array([[row[name] for name in D2_BLOCK.names]], np.int64)


phases = st.tuples(*(st.integers(0, 200_000) for _ in range(3)))
voltages = st.tuples(*(st.integers(180_000, 260_000) for _ in range(3)))


@given(phases, voltages)
def test_phases_bound_apparent_energy(currents, volts):
    assert phase_excess_vah(D2_BLOCK, block(currents, volts), np.array([1800]))[0] <= 0


@given(st.tuples(*(st.integers(1_000, 200_000) for _ in range(3))), voltages)
def test_energy_that_no_phase_carried_is_seen(currents, volts):
    assert phase_excess_vah(D2_BLOCK, block(currents, volts, 1.2), np.array([1800]))[0] > 0


@pytest.mark.parametrize("missing", ["interval_export_vah", "mean_current_ca_l2"])
def test_a_bound_needs_all_of_its_quantities(missing):
    values = block((5000,) * 3, (230_000,) * 3, 2)
    values[0, D2_BLOCK.position(missing)] = NULL
    assert phase_excess_vah(D2_BLOCK, values, np.array([1800])).tolist() == [NULL]
    single = np.zeros((1, len(D1_BLOCK)), np.int64)
    assert phase_excess_vah(D1_BLOCK, single, np.array([1800])).tolist() == [NULL]
