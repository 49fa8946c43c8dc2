"""A full disk raises an alarm: in the stage's report, in metrics, and for the console."""

import pytest
from prometheus_client import REGISTRY
from tests.apps.town import START

from urja.base.disk_space import DiskSpace, Level
from urja.base.settings import DiskSettings


def room(free_mb: int, level: Level) -> DiskSpace:
    return DiskSpace("/data", free_mb << 20, level, 512 if level is Level.CRITICAL else 2048)


@pytest.fixture
def look(database, monkeypatch):
    """Looks once at a disk with the room given; the report."""
    from urja.pipeline import disk_room

    def once(found):
        monkeypatch.setattr(disk_room, "disk_spaces", lambda _places, _settings: [found])
        return disk_room.DiskRoom([], DiskSettings()).run_once(START)

    return once


def raised():
    from urja.apps.readings import queries as readings

    return [str(one) for one in readings.alarms()]


def test_a_disk_that_fills_is_an_alarm_and_one_that_is_full_is_ill(look):
    report = look(room(2000, Level.WARNING))
    assert not report.ill
    assert raised() == [report.detail]
    assert "holds /data has less than 2048 MB free" in report.detail
    report = look(room(10, Level.CRITICAL))
    assert report.ill
    assert raised() == [report.detail]
    assert "less than 512 MB free: free some space now" in report.detail
    assert REGISTRY.get_sample_value("urja_disk_free_bytes", {"directory": "/data"}) == 10 << 20


def test_a_disk_with_room_again_ends_the_alarm(look):
    look(room(10, Level.CRITICAL))
    report = look(room(100_000, Level.OK))
    assert (report.ill, report.detail, raised()) == (False, "", [])
