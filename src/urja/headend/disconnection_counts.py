"""What the head ends of an installation know of their cuts together: counts, releases, and the question for the next."""

from datetime import datetime

import msgspec

from urja.stream.releases import OpenRelease, ReleaseOutcome

OUTCOMES_KEPT = 20


class CountedDisconnection(msgspec.Struct, frozen=True, array_like=True):
    """One of the last minute's."""

    at: datetime
    transformer: str | None


class Window(msgspec.Struct, frozen=True):
    """Cuts by area in slices of time: the size depends on the number of areas, not of cuts.

    A slice counts until its end is outside the window, so that a window is never shorter than it is called.
    """

    areas: dict[str, dict[int, int]] = {}
    """By area, how many in each slice: an area's name stands once."""

    def since(self, at: datetime, slice_s: int) -> "Window":
        """Without what is older."""
        first = int(at.timestamp()) // slice_s
        left = {
            area: {start: count for start, count in slices.items() if start >= first}
            for area, slices in self.areas.items()
        }
        return Window({area: slices for area, slices in left.items() if slices})

    def with_one(self, area: str, at: datetime, slice_s: int) -> "Window":
        """With one more cut."""
        number = int(at.timestamp()) // slice_s
        slices = self.areas.get(area, {})
        return Window({**self.areas, area: {**slices, number: slices.get(number, 0) + 1}})

    def total(self) -> int:
        """All cuts."""
        return sum(sum(slices.values()) for slices in self.areas.values())

    def within(self, area: str) -> int:
        """Those in an area."""
        return sum(self.areas.get(area, {}).values())


class DisconnectionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Kept sealed in the broker's store."""

    minute: list[CountedDisconnection] = []
    """The last minute's cuts, oldest first."""
    hour: Window = Window()
    day: Window = Window()
    full_until: datetime | None = None
    """Until then the ceilings count as reached: what had been counted was lost."""
    nonce: bytes = b""
    """What the next release must be signed over; drawn anew with each that is accepted."""
    releases: list[OpenRelease] = []
    outcomes: list[ReleaseOutcome] = []
    """Of the last releases, oldest first."""
    sign_counts: dict[str, int] = {}
    """Of passkeys, by credential id in hex."""
    restored: str = ""
    """The restore since which it counts."""

    def release_for(self, area: str, now: datetime) -> OpenRelease | None:
        """One that counts now and has a cut left in an area."""
        for release in self.releases:
            if release.effective_at <= now and release.cuts_left > 0 and area in release.areas:
                return release
        return None

    def with_one_of(self, used: OpenRelease) -> "DisconnectionCounts":
        """With one cut less left of a release."""
        left = msgspec.structs.replace(used, cuts_left=used.cuts_left - 1)
        return msgspec.structs.replace(
            self, releases=[left if release is used else release for release in self.releases]
        )

    def with_outcome(self, outcome: ReleaseOutcome) -> "DisconnectionCounts":
        """With how a release ended, or goes on."""
        others = [known for known in self.outcomes if known.id != outcome.id]
        return msgspec.structs.replace(self, outcomes=[*others, outcome][-OUTCOMES_KEPT:])

    def outcome_of(self, release_id: str) -> ReleaseOutcome | None:
        """What is known of a release."""
        return next((known for known in self.outcomes if known.id == release_id), None)
