from datetime import UTC, datetime

from urja.cosem.companion import load_device_type
from urja.meter.engine import Engine
from urja.meter.truth import TruthRecord

# 2026-04-01 00:00 IST, a Wednesday in the hot season's shoulder.
MIDNIGHT_S = int(datetime(2026, 3, 31, 18, 30, tzinfo=UTC).timestamp())
HOUR = 3600
DAY = 86_400


def make_engine(device_type: str = "urja-d1", *, seed: int = 7, start_s: int = MIDNIGHT_S, start_wh: int = 0):
    """An engine and the list its truth goes to."""
    truth: list[TruthRecord] = []
    engine = Engine(
        "URJ00001",
        load_device_type(device_type),
        seed=seed,
        start_wh=start_wh,
        start_s=start_s,
        sink=truth.append,
    )
    return engine, truth
