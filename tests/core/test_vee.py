"""Validation checks on columns: each flags the values it should, and no others."""

import numpy as np
from hypothesis import given, strategies as st

from urja.core import vee
from urja.core.vee import NULL


def column(*values):
    return np.array(values, np.int64)


def test_energy_is_plausible_up_to_what_the_meter_carries():
    # 14.4 kW for half an hour is 7200 Wh; with the overload margin 8640 Wh.
    energy = column(0, 8640, 8641, -1, NULL, 2**62)
    mask = vee.implausible(energy, np.full(6, 1800), np.full(6, 14_400))
    assert mask.tolist() == [False, False, True, True, False, True]


def test_a_stamp_may_be_ahead_by_the_tolerance():
    assert vee.in_future(column(1000, 1300, 1301), 1000, 300).tolist() == [False, False, True]


def test_intervals_are_counted_from_local_midnight():
    # 60 min meters in India start at UTC half hours.
    starts = column(1_772_422_200, 1_772_420_400)
    assert vee.misaligned(starts, np.full(2, 3600), np.full(2, 3600), np.full(2, 19_800)).tolist() == [
        False,
        True,
    ]
    assert vee.misaligned(starts, np.full(2, 900), np.full(2, 1800), np.full(2, 19_800)).all()


def test_clock_status_bits():
    assert vee.clock_flagged(np.array([0, 1, 2, 4, 8, 0x80, 0xFF], np.int16)).tolist() == [
        False,
        True,
        True,
        False,
        True,
        False,
        False,
    ]


def test_a_register_runs_back_against_stored_neighbours_and_within_the_batch():
    device = column(1, 1, 1, 2, 2)
    read = column(100, 90, 120, 50, 60)
    before = column(NULL, NULL, NULL, 55, NULL)
    after = column(NULL, NULL, NULL, NULL, 59)
    assert vee.decreases(device, read, before, after).tolist() == [False, True, False, True, True]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-(2**62), 2**62)), max_size=60))
def test_running_back_agrees_with_the_obvious_loop(rows):
    rows.sort(key=lambda row: row[0])
    device = column(*(row[0] for row in rows))
    read = column(*(row[1] for row in rows))
    none = np.full(len(rows), NULL)
    expected, highest = [], {}
    for meter, value in rows:
        expected.append(value < highest.get(meter, value))
        highest[meter] = max(value, highest.get(meter, value))
    assert vee.decreases(device, read, none, none).tolist() == expected


def test_a_register_that_stands_still_does_not_run_back():
    device, read = column(1, 2), column(100, 50)
    assert vee.decreases(device, read, column(100, NULL), column(100, 50)).tolist() == [False, False]


def test_a_register_advances_too_fast():
    mask = vee.advances_too_fast(
        column(3600, 3600, 3600),
        column(14_400, 50_000, 50_000),
        column(0, 0, NULL),
        column(0, 0, NULL),
        np.full(3, 14_400),
    )
    assert mask.tolist() == [False, True, False]
