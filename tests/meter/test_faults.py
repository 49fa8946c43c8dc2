"""Faults of the link: rates, and the same outcome from the same seed."""

import pytest

from urja.meter.engine import PushKind
from urja.meter.faults import FaultPlan, FaultRates
from urja.meter.meter import Push

PUSHES = [Push(PushKind.BLOCK, number, number, b"") for number in range(200)]


def passed(plan):
    deliveries = [delivery for push in PUSHES for delivery in plan.pass_on([push])]
    return [delivery.push.counter for delivery in deliveries + plan.release()]


def test_without_faults_everything_passes_in_order():
    assert passed(FaultPlan("1")) == list(range(200))


def test_same_seed_same_fate():
    rates = FaultRates(lose=0.1, duplicate=0.1, delay=0.2, reorder=0.2)
    assert passed(FaultPlan("7", rates)) == passed(FaultPlan("7", rates))
    assert passed(FaultPlan("7", rates)) != passed(FaultPlan("8", rates))


def test_each_fault_does_what_it_says():
    lost = FaultPlan("1", FaultRates(lose=0.5))
    assert len(passed(lost)) == 200 - lost.lost
    assert 60 < lost.lost < 140
    doubled = passed(FaultPlan("1", FaultRates(duplicate=0.5)))
    assert set(doubled) == set(range(200))
    assert len(doubled) > 250
    swapped = passed(FaultPlan("1", FaultRates(reorder=0.5)))
    assert sorted(swapped) == list(range(200))
    assert swapped != sorted(swapped)
    delays = [d.delay_s for d in FaultPlan("1", FaultRates(delay=1.0, delay_s=3.0)).pass_on(PUSHES)]
    assert all(0 < delay <= 3 for delay in delays)


@pytest.mark.parametrize("wrong", [{"lose": 1.1}, {"reorder": -0.1}, {"delay_s": 1e9}])
def test_impossible_rates_are_refused(wrong):
    with pytest.raises(ValueError, match="must be between"):
        FaultRates(**wrong).check()
