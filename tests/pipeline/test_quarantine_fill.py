"""A full quarantine raises an alarm: in the stage's report, in metrics, and for the console."""

import asyncio
from typing import get_args

import pytest
from prometheus_client import REGISTRY
from tests.apps.town import START

from urja.stream.quarantine import Fill, Standing

WELL = Fill("unknown", frames=3, size=900, limit=64 << 20, sources=2, full=())


class Broker:
    def __init__(self) -> None:
        self.fills = [WELL]

    async def quarantine_fills(self) -> list[Fill]:
        return self.fills


@pytest.fixture
def look(database):
    """Looks at what is given once; the report."""
    from urja.pipeline import quarantine_fill
    from urja.pipeline.django_thread import DjangoThread

    broker = Broker()

    async def once(fills):
        broker.fills = fills
        in_thread = DjangoThread()
        try:
            return await quarantine_fill.QuarantineFill(broker, in_thread).run_once(START)
        finally:
            await in_thread.close()

    return lambda *fills: asyncio.run(once(list(fills)))


def raised():
    from urja.apps.readings import queries as readings

    return readings.alarms()


def test_what_is_not_full_is_no_alarm(look):
    report = look(WELL)
    assert (report.ill, report.detail) == (False, "3 frames in quarantine")
    assert raised() == []


def test_a_full_share_is_an_alarm_until_it_is_purged(look):
    full = Fill("unknown", 200, 60_000, 64 << 20, 2, ("10.0.0.0/24", "2001:db8::/48"))
    report = look(full)
    assert report.ill
    assert "share of 10.0.0.0/24, 2001:db8::/48" in report.detail
    assert [str(one) for one in raised()] == [report.detail]
    assert REGISTRY.get_sample_value("urja_quarantine_full_sources", {"standing": "unknown"}) == 2
    look(WELL)
    assert raised() == []
    assert REGISTRY.get_sample_value("urja_quarantine_full_sources", {"standing": "unknown"}) == 0


def test_a_part_that_is_nearly_full_is_an_alarm(look):
    report = look(WELL, Fill("claimed", 5000, 95, 100, 5000, ()))
    assert report.ill
    assert "nearly full with 5000 frames of 5000 sources (claimed)" in report.detail


@pytest.mark.parametrize("standing", get_args(Standing))
def test_each_standing_has_its_own_sentence_and_names_few(look, standing):
    many = tuple(f"s{number}" for number in range(50))
    report = look(Fill(standing, 5000, 95, 1000, 50, many))
    assert "s0, s1, s2 (+47)" in report.detail
