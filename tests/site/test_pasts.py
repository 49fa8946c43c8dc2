"""What the laws take from the fleet's journal: when a meter was away, and what hands were laid on it."""

from datetime import UTC, datetime

import msgspec
import pytest

from urja.laws.meter_histories import FOR_EVER_S, meter_histories
from urja.meter.fleet import FleetFile
from urja.meter.identity import seeded_identity
from urja.meter.inputs import Entry, MoveTamper, PowerBack, PowerCut, Silence, Weld
from urja.meter.surroundings import LinkOptions

HORIZON = datetime.fromtimestamp(10_000, UTC)


def past(*done, unreachable="never"):
    """Of one meter to which these things were done: (instant, input)."""
    meter = msgspec.structs.replace(
        seeded_identity("00000001", "urja-d1", 1), link=LinkOptions(unreachable=unreachable)
    )
    fleet = FleetFile(head_end_host="h", head_end_port=1, installed_at=HORIZON, meters=[meter])
    return meter_histories(fleet, [Entry(at, "00000001", what) for at, what in done], HORIZON)["00000001"]


@pytest.mark.parametrize(
    ("done", "away"),
    [
        ([], []),
        ([(100, Silence(300))], [(100, 300)]),
        ([(100, Silence(900)), (200, Silence(0))], [(100, 200)]),
        ([(100, Silence(300)), (200, Silence(900))], [(100, 900)]),
        (
            [(100, PowerCut("feeder F1")), (150, PowerCut()), (200, PowerBack("feeder F1"))],
            [(100, FOR_EVER_S)],
        ),
        ([(100, PowerCut("feeder F1")), (150, PowerCut()), (200, PowerBack())], [(100, 200)]),
        ([(100, PowerCut()), (150, Silence(400)), (200, PowerBack())], [(100, 400)]),
        ([(20_000, Silence(30_000))], []),
    ],
)
def test_when_a_meter_was_away(done, away):
    assert past(*done).away == away


def test_away_and_there_are_about_all_of_a_time():
    gone = past((100, Silence(300)))
    assert gone.is_away(100, 300)
    assert not gone.is_away(100, 301)
    assert gone.is_there(0, 100)
    assert gone.is_there(300, 400)
    assert not gone.is_there(0, 101)


def test_a_link_that_goes_by_the_hour_says_nothing_and_one_that_never_was_is_away():
    assert not past(unreachable="nights").is_there(0, 1)
    assert past(unreachable="always").is_away(0, 10_000)


def test_a_tamper_begins_once_until_it_has_ended():
    told = past(
        (10, MoveTamper("magnet", True)),
        (20, MoveTamper("magnet", True)),
        (30, MoveTamper("magnet", False)),
        (40, MoveTamper("magnet", True)),
        (50, MoveTamper("cover", False)),
        (60, Weld(True)),
        (70, Weld(False)),
    )
    assert told.tampered == {"magnet": [10, 40]}
    assert told.welded, "a weld that was repaired may have been seen"
