"""The counts of disconnections that the head ends of an installation share, with releases and the nonce for the next
one.
"""

from datetime import datetime

import msgspec

from urja.stream.releases import OpenRelease, ReleaseOutcome

OUTCOMES_KEPT = 20


class CountedDisconnection(msgspec.Struct, frozen=True, array_like=True):
    """One disconnection of the last minute."""

    at: datetime
    transformer: str | None


class Window(msgspec.Struct, frozen=True):
    """Numbers of disconnections by area in slices of time: its size grows with the areas, not with the
    disconnections.

    A slice counts until its end is outside the window, so that a window is never shorter than its name says.
    """

    areas: dict[str, dict[int, int]] = {}
    """Number of disconnections by area and by slice (its number since the Unix epoch)."""

    def since(self, at: datetime, slice_s: int) -> "Window":
        """The window without slices (of `slice_s` seconds) that ended before `at`."""
        first = int(at.timestamp()) // slice_s
        left = {
            area: {start: count for start, count in slices.items() if start >= first}
            for area, slices in self.areas.items()
        }
        return Window({area: slices for area, slices in left.items() if slices})

    def with_one(self, area: str, at: datetime, slice_s: int) -> "Window":
        """The window with one more disconnection in `area` at `at`, counted in slices of `slice_s` seconds."""
        number = int(at.timestamp()) // slice_s
        slices = self.areas.get(area, {})
        return Window({**self.areas, area: {**slices, number: slices.get(number, 0) + 1}})

    def total(self) -> int:
        """The number of disconnections in all areas."""
        return sum(sum(slices.values()) for slices in self.areas.values())

    def within(self, area: str) -> int:
        """The number of disconnections in one area."""
        return sum(self.areas.get(area, {}).values())


class DisconnectionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts, releases and nonce as stored, sealed, in the broker under the name `brake`."""

    minute: list[CountedDisconnection] = []
    """The disconnections of the last minute, oldest first."""
    hour: Window = Window()
    day: Window = Window()
    full_until: datetime | None = None
    """Until then the ceilings count as reached, because earlier counts were lost."""
    nonce: bytes = b""
    """The nonce over which the next release must be signed; replaced with each release that is accepted."""
    releases: list[OpenRelease] = []
    outcomes: list[ReleaseOutcome] = []
    """Outcomes of the last releases, oldest first."""
    sign_counts: dict[str, int] = {}
    """Signature counters of passkeys, by credential id in hex (WebAuthn, to notice a cloned authenticator)."""
    restored: str = ""
    """The id of the restore after which these counts began; empty without one."""

    def release_for(self, area: str, now: datetime) -> OpenRelease | None:
        """A release in force at `now` that covers the area and is not used up, or None."""
        for release in self.releases:
            if release.effective_at <= now and release.cuts_left > 0 and area in release.areas:
                return release
        return None

    def with_one_of(self, used: OpenRelease) -> "DisconnectionCounts":
        """The counts with one disconnection of a release used."""
        left = msgspec.structs.replace(used, cuts_left=used.cuts_left - 1)
        return msgspec.structs.replace(
            self, releases=[left if release is used else release for release in self.releases]
        )

    def with_outcome(self, outcome: ReleaseOutcome) -> "DisconnectionCounts":
        """The counts with a new or changed outcome of a release."""
        others = [known for known in self.outcomes if known.id != outcome.id]
        return msgspec.structs.replace(self, outcomes=[*others, outcome][-OUTCOMES_KEPT:])

    def outcome_of(self, release_id: str) -> ReleaseOutcome | None:
        """The known outcome of a release, or None."""
        return next((known for known in self.outcomes if known.id == release_id), None)
