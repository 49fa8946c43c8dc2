"""Builders of identities and meters for the tests of the simulated meter."""

from datetime import UTC, datetime
from enum import IntEnum

from urja.cosem.companion import load_device_type
from urja.meter.engine import Engine
from urja.meter.identity import seeded_identity
from urja.meter.load import Household
from urja.meter.meter import Meter
from urja.meter.surroundings import RelayOptions
from urja.meter.truth import TruthRecord

# 2026-04-01 00:00 IST, a Wednesday in the hot season's shoulder.
MIDNIGHT_S = int(datetime(2026, 3, 31, 18, 30, tzinfo=UTC).timestamp())
HOUR = 3600
DAY = 86_400


class StatusBit(IntEnum):
    """Bits of the event status word of the shipped types; 0 is the first, leftmost in print."""

    MAGNET = 81
    NEUTRAL = 82
    COVER = 83
    LOAD_SWITCH = 84
    LAST_GASP = 85
    FIRST_BREATH = 86


def make_engine(
    device_type: str = "urja-d1",
    *,
    seed: int = 7,
    start_s: int = MIDNIGHT_S,
    start_wh: int = 0,
    source=None,
    relay=RelayOptions(),  # noqa: B008 - frozen
):
    """An engine and the list its truth goes to."""
    truth: list[TruthRecord] = []
    engine = Engine(
        "URJ00001",
        load_device_type(device_type),
        source=source or Household(seed),
        start_wh=start_wh,
        start_s=start_s,
        sink=truth.append,
        relay=relay,
    )
    return engine, truth


def make_meter(
    device_type: str = "urja-d1", *, seed: int = 7, start_s: int = MIDNIGHT_S, start_wh: int = 5000
):
    """A meter installed at a local midnight, and the list its truth goes to."""
    truth: list[TruthRecord] = []
    listen = "127.0.0.1:0" if device_type.endswith("listen") else None
    identity = seeded_identity("00000001", device_type, seed, start_wh=start_wh, listen=listen)
    return Meter(identity, moment(start_s), truth.append), truth


def moment(unix_s: int) -> datetime:
    """An aware UTC datetime."""
    return datetime.fromtimestamp(unix_s, UTC)
