from datetime import UTC, datetime, timedelta

import pytest

from urja.base.clock import REAL_TIME, Anchor, AnchoredClock, SteppedClock, read_anchor, write_anchor

START = datetime(2026, 4, 1, 3, 30, tzinfo=UTC)


def test_business_time_is_a_line_through_its_anchor(tmp_path):
    wall = [1000.0]
    path = tmp_path / "clock.json"
    write_anchor(path, Anchor(1000.0, START.timestamp(), 60.0))
    clock = AnchoredClock(path, wall=lambda: wall[0])
    assert clock.now() == START
    wall[0] += 30
    assert clock.now() == START + timedelta(minutes=30)


def test_a_new_anchor_is_seen_by_a_running_process(tmp_path):
    path = tmp_path / "clock.json"
    write_anchor(path, Anchor(0.0, 0.0, 1.0))
    clock = AnchoredClock(path, wall=lambda: 50.0)
    assert clock.now().timestamp() == 50.0
    write_anchor(path, read_anchor(path).moved_to(50.0, speed=0.0))
    assert clock.speed == 0.0
    assert clock.now().timestamp() == 50.0


def test_real_time_is_the_line_of_slope_one():
    assert REAL_TIME.business_at(123.5) == 123.5


@pytest.mark.parametrize("text", ["", "{}", '{"wall_s": 1}', '{"wall_s": "x", "business_s": 0, "speed": 1}'])
def test_a_damaged_anchor_names_its_file(tmp_path, text):
    path = tmp_path / "clock.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"clock\.json is damaged"):
        AnchoredClock(path)


def test_stepped_time_stands_still_and_never_runs_back():
    clock = SteppedClock(START)
    assert clock.advance(timedelta(days=1)) == clock.now() == START + timedelta(days=1)
    with pytest.raises(ValueError, match="before it"):
        clock.set(START)
    with pytest.raises(ValueError, match="aware"):
        SteppedClock(datetime(2026, 1, 1))  # noqa: DTZ001
