"""Where business time stands while the installation is down."""

from datetime import UTC, datetime

import pytest

from urja.base.clock import REAL_TIME, Anchor, AnchoredClock, read_anchor, write_anchor
from urja.base.settings import ClockSettings
from urja.site.supervisor import business_time

MORNING = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
DEMO = ClockSettings(speed=60.0, start=MORNING)
REAL = ClockSettings()


@pytest.fixture
def files(tmp_path):
    return tmp_path / "clock.json", tmp_path / "heartbeat"


def business(files, wall_s):
    return AnchoredClock(files[0], wall=lambda: wall_s).now()


def test_a_new_demo_begins_on_its_morning(files):
    business_time.resume(*files, DEMO, wall_s=1000.0)
    assert business(files, 1000.0) == MORNING
    assert (business(files, 1010.0) - MORNING).total_seconds() == 600


def test_a_demo_stands_still_while_it_is_stopped(files):
    business_time.resume(*files, DEMO, wall_s=1000.0)
    business_time.write_heartbeat(files[1], 1010.0, clean=True)
    business_time.resume(*files, DEMO, wall_s=90_000.0)
    assert (business(files, 90_000.0) - MORNING).total_seconds() == 600


def test_after_a_crash_business_time_does_not_run_back(files):
    business_time.resume(*files, DEMO, wall_s=1000.0)
    business_time.write_heartbeat(files[1], 1010.0)
    # Died between two heartbeats: some process may have seen this instant.
    seen = business(files, 1010.0 + business_time.HEARTBEAT_S)
    business_time.resume(*files, DEMO, wall_s=90_000.0)
    resumed = business(files, 90_000.0)
    assert seen < resumed
    assert (resumed - seen).total_seconds() <= 2 * 60


def test_a_restart_at_once_is_no_jump_into_the_future(files):
    business_time.resume(*files, DEMO, wall_s=1000.0)
    business_time.write_heartbeat(files[1], 1010.0)
    business_time.resume(*files, DEMO, wall_s=1010.5)
    assert (business(files, 1010.5) - MORNING).total_seconds() == 630


def test_a_crash_before_the_first_heartbeat(files):
    business_time.resume(*files, DEMO, wall_s=1000.0)
    business_time.resume(*files, DEMO, wall_s=5000.0)
    assert business(files, 5000.0) >= MORNING


def test_real_time_goes_on_while_the_installation_is_down(files):
    assert business_time.resume(*files, REAL, wall_s=1000.0) == REAL_TIME
    business_time.write_heartbeat(files[1], 1010.0, clean=True)
    business_time.resume(*files, REAL, wall_s=90_000.0)
    assert business(files, 90_000.0).timestamp() == 90_000.0


def test_the_file_is_the_truth_once_it_is_there(files):
    write_anchor(files[0], Anchor(1000.0, 5000.0, 60.0))
    business_time.write_heartbeat(files[1], 1000.0, clean=True)
    business_time.resume(*files, REAL, wall_s=2000.0)
    assert read_anchor(files[0]) == Anchor(2000.0, 5000.0, 60.0)


def test_a_damaged_heartbeat_is_named(files):
    files[1].write_text("yesterday\n")
    with pytest.raises(ValueError, match="heartbeat is damaged"):
        business_time.read_heartbeat(files[1])
