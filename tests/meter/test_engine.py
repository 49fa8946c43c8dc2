"""The metering engine: intervals, daily rows, outages, clock settings and billing periods."""

import pytest
from hypothesis import given, settings, strategies as st
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, StatusBit, make_engine

from urja.meter.engine import DOUBTFUL, PushKind
from urja.meter.events import Log
from urja.meter.relay import Order

WH = 1  # column of a block row after stamp and status: voltage, then import_wh
REGISTER = 2  # column of a daily row


def wh_of(rows):
    return [int(row[2 + WH]) for row in rows]


def bits(pending):
    word = int.from_bytes(pending.status_word)
    return {bit for bit in range(128) if word >> (127 - bit) & 1}


def test_blocks_truncate_and_the_register_keeps_the_residual():
    engine, truth = make_engine(start_wh=1_000_000)
    engine.run_to(MIDNIGHT_S + DAY)
    rows = engine.blocks.by_entry(1, 0)
    assert wh_of(rows) == [record.drawn_mwh // 1000 for record in truth]
    register = engine.daily.newest()[REGISTER]
    assert register == 1_000_000 + truth[-1].cumulative_mwh // 1000
    residual = register - 1_000_000 - sum(wh_of(rows))
    assert 0 < residual < len(rows)


def test_truth_adds_up():
    engine, truth = make_engine()
    engine.run_to(MIDNIGHT_S + 2 * DAY)
    assert len(truth) == 96
    total = 0
    for record in truth:
        total += record.drawn_mwh
        assert record.cumulative_mwh == total
        assert record.end_s - record.start_s == 1800
        assert record.powered


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=30))
@settings(max_examples=30)
def test_the_step_of_time_does_not_matter(steps):
    whole, _ = make_engine()
    stepped, _ = make_engine()
    at = MIDNIGHT_S
    told = []
    for step in steps:
        at += step
        told += stepped.run_to(at)
    assert told == whole.run_to(at)
    assert stepped.quantities() == whole.quantities()


def test_midnight_closes_the_day_before():
    engine, truth = make_engine()
    engine.run_to(MIDNIGHT_S + DAY)
    assert engine.daily.newest()[0] == MIDNIGHT_S + DAY
    assert engine.daily.newest()[REGISTER] == truth[-1].cumulative_mwh // 1000
    assert engine.blocks.newest()[0] == MIDNIGHT_S + DAY


def test_block_goes_first_and_the_register_stands_at_its_end():
    engine, _ = make_engine()
    block, instantaneous = engine.run_to(MIDNIGHT_S + 1800)
    assert (block.tale, instantaneous.tale) == (PushKind.BLOCK, PushKind.INSTANTANEOUS)
    assert block.stamp_s == instantaneous.stamp_s == MIDNIGHT_S + 1800


def test_listening_type_pushes_no_blocks():
    engine, _ = make_engine("urja-d1-listen")
    assert {pending.tale for pending in engine.run_to(MIDNIGHT_S + DAY)} == {PushKind.INSTANTANEOUS}


@pytest.mark.parametrize(("device_type", "rows_in_the_dark"), [("urja-d1", 3), ("urja-d1-listen", 0)])
def test_outage_rows_follow_the_vendors_habit(device_type, rows_in_the_dark):
    engine, truth = make_engine(device_type)
    cut_s, back_s = MIDNIGHT_S + 10 * HOUR + 600, MIDNIGHT_S + 12 * HOUR + 300
    engine.run_to(cut_s)
    [gasp] = engine.cut_power()
    assert engine.run_to(back_s) == []
    [breath] = engine.restore_power()
    engine.run_to(MIDNIGHT_S + 13 * HOUR)
    assert bits(gasp) == {StatusBit.LAST_GASP}
    assert bits(breath) == {StatusBit.FIRST_BREATH}

    first, last = MIDNIGHT_S + 10 * HOUR + 1800, MIDNIGHT_S + 12 * HOUR + 1800
    rows = engine.blocks.by_range(first, last)
    assert len(rows) == 2 + rows_in_the_dark  # the part intervals at both ends are always written
    dark = [record for record in truth if not record.powered]
    assert [record.drawn_mwh for record in dark] == [0, 0, 0]
    assert sum(wh_of(engine.blocks.by_entry(1, 0))) == sum(record.drawn_mwh // 1000 for record in truth)
    part = next(record for record in truth if record.end_s == first)
    assert part.powered_s == 600

    log = engine.logs[Log.POWER].by_entry(1, 0)
    assert [(row[0], row[2]) for row in log] == [(cut_s, 101), (back_s, 102)]


@pytest.mark.parametrize(("device_type", "daily_rows"), [("urja-d1", 1), ("urja-d1-listen", 0)])
def test_an_outage_over_midnight(device_type, daily_rows):
    engine, _ = make_engine(device_type)
    engine.run_to(MIDNIGHT_S + 23 * HOUR)
    engine.cut_power()
    engine.run_to(MIDNIGHT_S + 25 * HOUR)
    assert len(engine.daily) == 0
    engine.restore_power()
    assert len(engine.daily) == daily_rows


def test_power_orders_are_idempotent():
    engine, _ = make_engine()
    assert engine.restore_power() == []
    assert len(engine.cut_power()) == 1
    assert engine.cut_power() == []
    assert engine.power_failures == 1


def test_drift_moves_the_meters_intervals_against_true_time():
    engine, truth = make_engine()
    engine.clock.drift(MIDNIGHT_S, 500)  # fast by 43 s a day
    engine.run_to(MIDNIGHT_S + DAY)
    assert engine.shown_s == MIDNIGHT_S + DAY + 43
    assert truth[-1].end_s == MIDNIGHT_S + DAY
    assert truth[-1].closed_at_s == MIDNIGHT_S + DAY - 43


def test_small_correction_over_midnight_closes_the_day_once():
    engine, _ = make_engine()
    engine.run_to(MIDNIGHT_S + DAY - 2)
    pending_pushes = engine.set_clock(MIDNIGHT_S + DAY + 3)
    assert [pending.status for pending in pending_pushes] == [DOUBTFUL, DOUBTFUL]
    engine.run_to(MIDNIGHT_S + DAY + 60)
    assert len(engine.daily) == 1


def test_clock_set_back_makes_two_blocks_with_one_stamp():
    engine, truth = make_engine()
    engine.run_to(MIDNIGHT_S + 1810)
    engine.set_clock(MIDNIGHT_S + 1500)
    engine.run_to(MIDNIGHT_S + 1810 + 300)
    rows = engine.blocks.by_entry(1, 0)
    assert [row[0] for row in rows] == [MIDNIGHT_S + 1800, MIDNIGHT_S + 1800]
    assert rows[1][1] == DOUBTFUL
    assert sum(record.drawn_mwh for record in truth) == engine.supply.total.energy_mwh
    assert engine.logs[Log.TRANSACTION].newest()[2] == 151


def test_clock_jump_forward_leaves_a_hole():
    engine, _ = make_engine()
    engine.run_to(MIDNIGHT_S + 1000)
    engine.set_clock(MIDNIGHT_S + 3 * HOUR + 100)
    engine.run_to(MIDNIGHT_S + 1000 + 1700)
    stamps = [int(row[0]) - MIDNIGHT_S for row in engine.blocks.by_entry(1, 0)]
    assert stamps == [1800, 3 * HOUR + 1800]


def test_a_billing_day_of_the_month_resets_demand_instead_of_the_first():
    engine, _ = make_engine()
    engine.set_billing_day(15)
    assert engine.logs[Log.TRANSACTION].newest()[2] == 154
    engine.run_to(MIDNIGHT_S + 14 * DAY - 1)
    assert engine.billing_count == 0
    engine.run_to(MIDNIGHT_S + 14 * DAY)
    assert (engine.billing_count, engine.metrology.demand.milli) == (1, 0)
    engine.run_to(MIDNIGHT_S + 30 * DAY)
    assert engine.billing_count == 1


def test_month_start_resets_demand():
    engine, _ = make_engine()
    engine.run_to(MIDNIGHT_S + 29 * DAY)
    assert engine.metrology.demand.milli > 0
    engine.run_to(MIDNIGHT_S + 30 * DAY)
    assert engine.metrology.demand.milli == 0
    assert engine.billing_count == 1


def test_open_switch_stops_the_load_and_is_told():
    engine, truth = make_engine()
    engine.run_to(MIDNIGHT_S + HOUR)
    [alert] = engine.operate_switch(Order.REMOTE_DISCONNECT)
    assert bits(alert) == {StatusBit.LOAD_SWITCH}
    engine.run_to(MIDNIGHT_S + 2 * HOUR)
    assert [record.drawn_mwh for record in truth[-2:]] == [0, 0]
    assert truth[-1].powered
    assert engine.operate_switch(Order.REMOTE_DISCONNECT) == []
    assert len(engine.operate_switch(Order.REMOTE_RECONNECT)) == 1
    assert [row[2] for row in engine.logs[Log.CONTROL].by_entry(1, 0)] == [301, 302]


def closed_periods(engine):
    """The rows of the billing profile: stamp, and value by key."""
    keys = [column.key for column in engine.billing_columns]
    return [
        (stamp_s, dict(zip(keys, values, strict=True)))
        for stamp_s, _status, *values in engine.billing.by_entry(1, 0).tolist()
    ]


def test_a_months_end_closes_its_period_with_the_register_and_the_greatest_demand():
    """Truth is what the supply says of each interval, not what the meter counts by."""
    engine, truth = make_engine(start_wh=1_000_000)
    engine.run_to(MIDNIGHT_S + 30 * DAY + 5 * HOUR)
    [(closed_s, row)] = closed_periods(engine)
    april = [record for record in truth if record.end_s <= MIDNIGHT_S + 30 * DAY]
    most = max(april, key=lambda record: record.drawn_mwh)
    assert closed_s == MIDNIGHT_S + 30 * DAY == engine.billed_at()
    assert row["import_wh"] == 1_000_000 + april[-1].cumulative_mwh // 1000
    assert row["import_wh"] < engine.quantities()["1.0.1.8.0.255"] // 1000
    assert (row["max_demand_w"], row["max_demand_w_at"]) == (most.drawn_mwh * 2 // 1000, most.end_s)
    assert row["max_demand_va"] >= row["max_demand_w"]
    assert row["power_on_min"] == 30 * 24 * 60
    drawn_vah = row["import_vah"] - 1_000_000 * 108 // 100
    assert row["average_power_factor"] == pytest.approx(
        1000 * april[-1].cumulative_mwh / 1000 / drawn_vah, abs=1
    )
    # The next period counts again.
    engine.run_to(MIDNIGHT_S + 61 * DAY)
    [_, (_, may)] = closed_periods(engine)
    later = [record for record in truth if record.start_s >= MIDNIGHT_S + 30 * DAY]
    assert may["max_demand_w"] == max(record.drawn_mwh for record in later) * 2 // 1000
    assert may["power_on_min"] == 31 * 24 * 60


def test_periods_end_on_the_billing_day_and_the_last_twelve_are_kept():
    engine, _ = make_engine()
    engine.set_billing_day(15)
    engine.run_to(MIDNIGHT_S + 30 * DAY)
    assert [stamp_s for stamp_s, _ in closed_periods(engine)] == [MIDNIGHT_S + 14 * DAY]
    engine.run_to(MIDNIGHT_S + 430 * DAY)
    stamps = [stamp_s for stamp_s, _ in closed_periods(engine)]
    assert len(stamps) == 12
    assert stamps[0] == MIDNIGHT_S + (14 + 61) * DAY  # 15 June: those of April and May made room


@pytest.mark.parametrize("device_type", ["urja-d1", "urja-d1-listen"])
def test_a_period_that_ends_without_power_is_closed_when_power_is_back(device_type):
    """Also by a meter that leaves no rows of intervals for an outage."""
    engine, truth = make_engine(device_type)
    engine.run_to(MIDNIGHT_S + 29 * DAY + 20 * HOUR)
    engine.cut_power()
    engine.run_to(MIDNIGHT_S + 30 * DAY + 20 * HOUR)
    assert closed_periods(engine) == []
    engine.restore_power()
    [(closed_s, row)] = closed_periods(engine)
    assert closed_s == MIDNIGHT_S + 30 * DAY
    assert row["import_wh"] == truth[-1].cumulative_mwh // 1000
    assert row["power_on_min"] == (29 * 24 + 20) * 60
