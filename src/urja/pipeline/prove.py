"""The pipeline's stage `prove`: the ledger's conservation laws are checked each local day and their result is
recorded.

A run continues from the last one in which every law held: entries covered by its head are not checked again. On the
first of a month, and where no run has held yet, everything is checked.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from urja.apps.proofs import law_runs, queries as proofs
from urja.core.calendar import local_day
from urja.pipeline.stage import Report

log = structlog.get_logger()

PROVE_AFTER: Final = timedelta(hours=2)
"""Time after midnight at which the day is closed and sealed."""
REST: Final = 20
"""Where days are short (fast business time), a run is followed by a rest of this many times its duration."""

type Laws = Callable[[int], Mapping[str, Sequence[str]]]
"""Checks each law from a head's position (0: from the beginning) and returns the contradictions by law; uses a
connection of its own."""


@dataclass(slots=True)
class Prover:
    """The stage `prove`: checks the laws of each ended local day. It is synchronous."""

    zone: ZoneInfo
    laws: Laws
    _proven: date | None = field(default=None, init=False)
    _last: Report = field(default_factory=Report, init=False)
    _rest_until_s: float = field(default=0.0, init=False)

    def run_once(self, now: datetime) -> Report:
        """Check the laws where that has not been done on this local day."""
        day = local_day(now - PROVE_AFTER, self.zone)
        if day == self._proven or time.monotonic() < self._rest_until_s:
            return self._last
        last = proofs.last_run()
        if last is None or last.day < day:
            last = self._ask(day, now, last)
        self._proven, self._last = last.day, Report(detail=last.sentence, ill=not last.holds)
        return self._last

    def _ask(self, day: date, now: datetime, last: proofs.LawRun | None) -> proofs.LawRun:
        # Within one month a run continues; the first run of a month checks everything.
        first = 0 if last is None or day.replace(day=1) > last.day else proofs.proven_to()
        reached = proofs.sealed_to()
        began_s = time.monotonic()
        found = self.laws(first)
        took_s = time.monotonic() - began_s
        # With fast business time a day may be shorter than a run: without it one run would follow the other.
        self._rest_until_s = began_s + took_s * (1 + REST)
        run = law_runs.record(day, now, round(took_s * 1000), first, reached, found)
        (log.info if run.holds else log.error)(
            "laws asked", day=str(day), found=run.sentence, took_s=round(took_s, 1)
        )
        return run
