"""A release of cuts that the head ends hold: what approvers sign with their passkeys.

The console asks with it, the pipeline carries it, and the head end verifies it; so the challenge is made in one place.
"""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from urja.base import passkey

CONTEXT: Final = "urja/head-end-release/1"


class CutRelease(Struct, frozen=True, kw_only=True):
    """So many cuts above the ceilings, in these areas, until an instant."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    """Drawn by whoever asks; a release is taken once."""
    cuts: Annotated[int, Meta(ge=1, le=1_000_000)]
    areas: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(min_length=1, max_length=2000)]
    """As the head end calls them; the empty one is of meters whose area is not known."""
    until: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """Business time, UTC."""

    def content(self) -> dict[str, Any]:
        """What is signed, but for the head end's nonce."""
        return {
            "kind": "release-cuts",
            "id": self.id,
            "cuts": self.cuts,
            "areas": sorted(self.areas),
            "until": self.until,
        }

    def challenge(self, nonce: bytes) -> bytes:
        """For the authenticators; `nonce` is the head end's."""
        return passkey.challenge(CONTEXT, nonce, self.content())
