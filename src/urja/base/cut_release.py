"""A release of disconnections held by the head ends: the content that approvers sign with their passkeys.

The console requests it, the pipeline carries it and the head end verifies it, so the challenge is calculated in one
place.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from urja.base import passkey

CONTEXT: Final = "urja/head-end-release/1"


class CutRelease(Struct, frozen=True, kw_only=True):
    """A number of disconnections above the ceilings, in some areas, until an instant."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    """Drawn at random by the requester; a release is accepted once."""
    cuts: Annotated[int, Meta(ge=1, le=1_000_000)]
    areas: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(min_length=1, max_length=2000)]
    """Names of the head end; the empty one is for meters whose area is not known."""
    until: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """Business time, UTC."""

    def content(self) -> dict[str, object]:
        """Return the signed content, without the head end's nonce."""
        return {
            "kind": "release-cuts",
            "id": self.id,
            "cuts": self.cuts,
            "areas": sorted(self.areas),
            "until": self.until,
        }

    def challenge(self, nonce: bytes) -> bytes:
        """Return the challenge for authenticators, 32 bytes; `nonce` is the head end's."""
        return passkey.challenge(CONTEXT, nonce, self.content())
