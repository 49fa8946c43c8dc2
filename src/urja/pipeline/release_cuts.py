"""The pipeline's stage `releases`: disconnections held by head ends are recorded, and releases are passed to them.

It only carries messages and judges nothing: the head end verifies the passkeys of a release itself.
"""

from datetime import datetime
from typing import Protocol

import structlog

from urja.apps.commands import release_exchange
from urja.pipeline.stage import InThread, Report
from urja.stream.releases import HeldDisconnections, ReleaseRequest

log = structlog.get_logger()


class HeadEnds(Protocol):
    """The messages between the pipeline and the head ends, carried by the broker."""

    async def reported_held(self) -> list[HeldDisconnections]: ...
    async def request_releases(self, asked: list[ReleaseRequest]) -> int: ...


class ReleaseCuts:
    """The stage `releases`. `in_thread` runs a function in the thread with Django's connection."""

    def __init__(self, headends: HeadEnds, in_thread: InThread) -> None:
        self._headends = headends
        self._in_thread = in_thread
        self._reported: list[HeldDisconnections] = []
        self._asked: list[ReleaseRequest] | None = None

    async def run_once(self, now: datetime) -> Report:
        """Record what head ends hold, and pass on requested releases; the lag is the number of held disconnections."""
        reports = await self._headends.reported_held()
        news = [one for one in reports if one not in self._reported]
        moved = await self._in_thread(release_exchange.record_held_cuts, news, now)
        self._reported = reports
        asked = await self._in_thread(release_exchange.pending_releases)
        if asked != self._asked:
            await self._headends.request_releases(asked)
            self._asked = asked
            log.info("releases of held disconnections requested", releases=[one.release.id for one in asked])
        return Report(moved, lag=sum(one.cuts for one in reports), detail=_sentence(reports))


def _sentence(reports: list[HeldDisconnections]) -> str:
    """Return for `urja status` how many disconnections are held, and what is missing to release them."""
    held = sum(one.cuts for one in reports)
    if not held:
        return ""
    if any(one.approvers for one in reports):
        return f"held by the head end's ceilings on cuts: {held}"
    return f"held by the head end's ceilings on cuts: {held}; to release them, install approvers: urja approver install"
