"""Releases of held disconnections: received, verified by the passkeys in them, and put into force.

    held disconnections ──▶ summary and nonce ──▶ console ──▶ answers of authenticators ──▶ verified here ──▶ counts

The head end trusts nothing in a release: it verifies each answer over the release's own content and its own nonce,
with passkeys that were installed on the host. A release raises the ceilings in its areas by a number of
disconnections; the held ones end with it, and the pipeline decides each of them again.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, assert_never

import msgspec
import structlog

from urja.base.approvers import Approver, ApproversError, read_approvers
from urja.base.clock import Clock
from urja.base.passkey import NONCE_BYTES, PasskeyError, verify_assertion
from urja.base.settings import HeadendSettings
from urja.headend.disconnection_counts import DisconnectionCounts
from urja.headend.disconnection_limits import DisconnectionLimiter
from urja.headend.metrics import Metrics
from urja.stream.broker import Broker
from urja.stream.errors import StreamError
from urja.stream.releases import HeldDisconnections, OpenRelease, ReleaseOutcome, ReleaseRequest

log = structlog.get_logger()

CHECK_EVERY_S: Final = 1.0
REPORT_EVERY_S: Final = 10.0
"""Seconds after which the summary is reported again; it is also reported whenever it changes."""
MAX_RELEASE_DURATION: Final = timedelta(days=2)
"""The longest time a release may be in force (business time)."""
REQUIRED_APPROVERS: Final = 2
MAX_REPORTED_AREAS: Final = 1000


@dataclass(frozen=True, slots=True)
class HeldSummary:
    """The disconnections that one head end holds at this moment."""

    cuts: int
    areas: dict[str, int]
    """Numbers of held disconnections by area, the largest first; bounded, because the writer of the projection could
    make up any number of areas."""
    kinds: dict[str, int]
    oldest_at: datetime | None
    last_end_at: datetime | None


@dataclass(frozen=True, slots=True)
class Approved:
    """The persons who approved, and the new signature counters of their passkeys."""

    persons: list[str]
    sign_counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """More answers are needed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The release is refused, and why."""

    why: str


def judge(
    asked: ReleaseRequest,
    state: DisconnectionCounts,
    approvers: Sequence[Approver],
    now: datetime,
    *,
    delay_alone: timedelta,
) -> Approved | Incomplete | Refused:
    """Decide at `now` (business time, UTC) whether a release is approved by enough persons: two, or one where only
    one is installed.
    """
    release = asked.release
    try:
        until = datetime.fromisoformat(release.until)
    except ValueError:
        return Refused(f"{release.until} is no ISO 8601 date and time")
    if asked.nonce != state.nonce:
        return Refused("its nonce is an old one: request the release again")
    needed = min(REQUIRED_APPROVERS, len({approver.person for approver in approvers}))
    # The release of a single approver comes into force later, so that it can be cancelled in the meantime (ADR 17).
    counts_from = now + delay_alone if needed == 1 else now
    if not counts_from < until <= counts_from + MAX_RELEASE_DURATION:
        return Refused(
            f"it ends before it comes into force, or more than {MAX_RELEASE_DURATION.days} days later"
        )
    if not needed or len(asked.answers) < needed:
        return Incomplete()
    by_id = {approver.credential_id: approver for approver in approvers}
    # Over the release's own content: an answer to one release approves no other.
    challenge = release.challenge(state.nonce)
    counts: dict[str, int] = {}
    approved: set[str] = set()
    for answer in asked.answers:
        approver = by_id.get(answer.credential_id)
        if approver is None:
            return Refused("a passkey in it is not installed at the head end")
        key = answer.credential_id.hex()
        try:
            counts[key] = verify_assertion(
                answer,
                approver.credential(counts.get(key, state.sign_counts.get(key, 0))),
                challenge=challenge,
                rp_id=approver.rp_id,
                origins=(approver.origin,),
            )
        except PasskeyError as error:
            return Refused(f"{approver.person}: {error}")
        approved.add(approver.person)
    if len(approved) < needed:
        return Refused("both passkeys are of one person")
    return Approved(sorted(approved), counts)


class ReleaseProcessor:
    """The task that verifies releases and reports held disconnections. `held` returns those in the queues of this
    head end.
    """

    def __init__(
        self,
        broker: Broker,
        brake: DisconnectionLimiter,
        held: Callable[[], HeldSummary],
        approvers_file: Path | None,
        *,
        settings: HeadendSettings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._broker = broker
        self._brake = brake
        self._held = held
        self._file = approvers_file
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._reported: HeldDisconnections | None = None
        self._reported_s = 0.0
        self.trouble = ""
        """Why releases cannot be processed; empty where they can."""
        self.approvers: list[Approver] = []

    async def run(self) -> None:
        """Process releases and report held disconnections for as long as the process runs."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                await self.process()
            except (StreamError, ApproversError) as error:
                self._warn(str(error))
            else:
                self.trouble = ""

    def _warn(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("releases of held disconnections cannot be processed", why=trouble)
        self.trouble = trouble

    async def process(self) -> None:
        """Decide on requested releases and report the present state. Raises StreamError, ApproversError."""
        # Read each time, so that an approver who is installed or removed on the host counts at once.
        if self._file is not None:
            # Cleared first: where the file cannot be read there is no approver, not those who were in it before.
            self.approvers = []
            self.approvers = await asyncio.to_thread(read_approvers, self._file)
        state = await self._brake.refresh()
        for asked in await self._broker.requested_releases():
            state = await self._settle(asked, state)
        await self._report(state)

    async def _settle(self, asked: ReleaseRequest, state: DisconnectionCounts) -> DisconnectionCounts:
        known = state.outcome_of(asked.release.id)
        # Old outcomes are dropped when many others come; a release that is or will be in force is not.
        counts = any(release.id == asked.release.id for release in state.releases)
        if asked.cancelled:
            ended = not counts and known is not None and known.state in ("refused", "cancelled")
            return state if ended else await self._brake.update(lambda s, now: _cancelled(s, asked, now))
        if counts or known is not None:
            return state
        delay = timedelta(seconds=self._settings.release_delay_s)
        match judged := judge(asked, state, self.approvers, self._clock.now(), delay_alone=delay):
            case Incomplete():
                return state
            case Refused():
                why = judged.why
                self._metrics.releases.labels("refused").inc()
                log.error("release of held disconnections refused", release=asked.release.id, why=why)
                return await self._brake.update(lambda s, now: _refused(s, asked, why, now))
            case Approved():
                return await self._accept(asked, judged, delay)
            case _:
                assert_never(judged)

    async def _accept(
        self, asked: ReleaseRequest, approved: Approved, delay_alone: timedelta
    ) -> DisconnectionCounts:
        delay = delay_alone if len(approved.persons) < REQUIRED_APPROVERS else timedelta(0)

        def change(state: DisconnectionCounts, now: datetime) -> DisconnectionCounts:
            # Checked again: another head end may have accepted it, or another release over the same nonce.
            if asked.nonce != state.nonce:
                return state
            return _accepted(state, asked, approved, now + delay, now)

        state = await self._brake.update(change)
        outcome = state.outcome_of(asked.release.id)
        if outcome is not None:
            self._metrics.releases.labels(outcome.state).inc()
            log.warning(
                "release of held disconnections accepted",
                release=asked.release.id,
                cuts=asked.release.cuts,
                areas=list(asked.release.areas),
                until=asked.release.until,
                approved_by=approved.persons,
                effective_at=outcome.effective_at,
            )
        return state

    async def _report(self, state: DisconnectionCounts) -> None:
        held, now_s = self._held(), asyncio.get_running_loop().time()
        told = HeldDisconnections(
            headend=self._settings.name,
            at=self._clock.now(),
            nonce=state.nonce,
            cuts=held.cuts,
            areas=held.areas,
            kinds=held.kinds,
            oldest_at=held.oldest_at,
            last_end_at=held.last_end_at,
            cuts_in_hour=state.hour.total(),
            cuts_per_hour=self._settings.cuts_per_hour,
            cuts_in_day=state.day.total(),
            cuts_per_day=self._settings.cuts_per_day,
            full_until=state.full_until,
            approvers=sorted({approver.person for approver in self.approvers}),
            delay_s=self._settings.release_delay_s,
            releases=state.releases,
            outcomes=state.outcomes,
        )
        self._metrics.cuts_held.set(told.cuts)
        before = self._reported
        unchanged = before is not None and msgspec.structs.replace(told, at=before.at) == before
        if unchanged and now_s - self._reported_s < REPORT_EVERY_S:
            return
        await self._broker.report_held(told)
        self._reported, self._reported_s = told, now_s


def _accepted(
    state: DisconnectionCounts,
    asked: ReleaseRequest,
    approved: Approved,
    effective_at: datetime,
    now: datetime,
) -> DisconnectionCounts:
    release = asked.release
    open_release = OpenRelease(
        id=release.id,
        cuts_left=release.cuts,
        areas=list(release.areas),
        until=datetime.fromisoformat(release.until),
        effective_at=effective_at,
    )
    outcome = ReleaseOutcome(
        id=release.id,
        state="delayed" if effective_at > now else "released",
        at=now,
        detail=f"approved by {' and '.join(approved.persons)}",
        effective_at=effective_at,
    )
    return msgspec.structs.replace(
        state.with_outcome(outcome),
        # The nonce is used: no answer over it counts twice.
        nonce=secrets.token_bytes(NONCE_BYTES),
        releases=[*state.releases, open_release],
        sign_counts={**state.sign_counts, **approved.sign_counts},
    )


def _refused(
    state: DisconnectionCounts, asked: ReleaseRequest, why: str, now: datetime
) -> DisconnectionCounts:
    return state.with_outcome(ReleaseOutcome(id=asked.release.id, state="refused", at=now, detail=why))


def _cancelled(state: DisconnectionCounts, asked: ReleaseRequest, now: datetime) -> DisconnectionCounts:
    left = [release for release in state.releases if release.id != asked.release.id]
    outcome = ReleaseOutcome(id=asked.release.id, state="cancelled", at=now)
    return msgspec.structs.replace(state.with_outcome(outcome), releases=left)
