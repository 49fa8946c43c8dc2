"""The pipeline's stage `quarantine`: watches how full the quarantine is, and raises an alarm where an operator must
act.
"""

from datetime import datetime
from typing import Protocol

from prometheus_client import Gauge

from urja.apps.readings import alarms
from urja.base.sentences import in_english
from urja.pipeline.stage import InThread, Report
from urja.stream.quarantine import Fill

_FRAMES = Gauge("urja_quarantine_frames", "Frames in quarantine, by standing.", ["standing"])
_FULL = Gauge(
    "urja_quarantine_full_sources",
    "Sources that have had their share of the quarantine, by standing.",
    ["standing"],
)
_FILLED = Gauge("urja_quarantine_filled_ratio", "Size of what is in quarantine over its limit.", ["standing"])


class Broker(Protocol):
    """The broker, as far as the stage needs it."""

    async def quarantine_fills(self) -> list[Fill]:
        """Frames, sizes in bytes and limits by standing. Raises StreamError."""
        ...


class QuarantineFill:
    """The stage `quarantine`. `in_thread` runs a function in the thread with Django's connection."""

    def __init__(self, broker: Broker, in_thread: InThread) -> None:
        self._broker = broker
        self._in_thread = in_thread

    async def run_once(self, now: datetime) -> Report:
        """Set the metrics and raise or clear the alarm."""
        fills = await self._broker.quarantine_fills()
        for fill in fills:
            _FRAMES.labels(fill.standing).set(fill.frames)
            _FULL.labels(fill.standing).set(len(fill.full))
            _FILLED.labels(fill.standing).set(fill.size / fill.limit if fill.limit > 0 else 0)
        said = alarms.of_quarantine(fills)
        await self._in_thread(alarms.store_alarm, "quarantine", said, now)
        frames = sum(fill.frames for fill in fills)
        held = f"{frames} frame{'' if frames == 1 else 's'} in quarantine" if frames else ""
        return Report(detail=" ".join(in_english(said)) or held, ill=bool(said))
