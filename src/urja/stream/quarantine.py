"""What is kept of bytes that could not be decoded or placed: the frame as it came, and why."""

from collections.abc import Mapping
from typing import Literal, cast, get_args

import msgspec

Reason = Literal[
    "unknown-meter",
    "unusable-meter",
    "wrong-key",
    "unprotected",
    "replay",
    "garbage",
    "layout",
    "implausible",
    "poison",
    "forged-order",
]
"""Why a frame was set aside."""

_HEADER = "Urja-"


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """One frame in quarantine. `source` is the token it is bounded by: a system title, else an address."""

    source: str
    reason: Reason
    detail: str
    peer: str
    """Where the bytes came from: `tcp 10.0.0.7:51234`."""
    received_at_ms: int
    frame: bytes
    correlation: int = 0

    def headers(self) -> dict[str, str]:
        """Everything but the bytes, as message headers (one line each)."""
        return {
            f"{_HEADER}Reason": self.reason,
            f"{_HEADER}Detail": " ".join(self.detail.split()) or "-",
            f"{_HEADER}Peer": self.peer or "-",
            f"{_HEADER}Source": self.source,
            f"{_HEADER}Received-At": str(self.received_at_ms),
            f"{_HEADER}Correlation": str(self.correlation),
        }

    @classmethod
    def from_stored(cls, subject: str, headers: Mapping[str, str] | None, frame: bytes) -> "Quarantined":
        """The item of a stored message; missing or unreadable headers become defaults, the bytes are kept."""
        fields = headers or {}
        reason = fields.get(f"{_HEADER}Reason", "garbage")
        return cls(
            source=fields.get(f"{_HEADER}Source", subject.rsplit(".", 1)[-1]),
            reason=cast("Reason", reason if reason in get_args(Reason) else "garbage"),
            detail=fields.get(f"{_HEADER}Detail", ""),
            peer=fields.get(f"{_HEADER}Peer", ""),
            received_at_ms=_integer(fields.get(f"{_HEADER}Received-At")),
            frame=frame,
            correlation=_integer(fields.get(f"{_HEADER}Correlation")),
        )


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
