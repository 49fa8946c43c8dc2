"""Frames that could not be decoded or assigned to a meter: their bytes, the reason, and their bounds.

The *standing* of a frame says what its sender must have had to make it, and so whose frames it may push out
(ADR 20). Each standing has a stream of its own, so that none takes the room of another. Within it each source
has a subject of its own, whose oldest frame gives way to the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, assert_never, cast, get_args

import msgspec

from urja.base.ip_networks import NOWHERE

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
"""Why a frame is quarantined."""

Standing = Literal["unknown", "claimed", "proven", "message"]
"""What the sender of a frame must have had:

- `unknown`: nothing; the frame is of no meter in the registry. Bounded by network.
- `claimed`: a known meter's title, or its connection, which others can imitate. Bounded by network and a
  sixteenth of the titles.
- `proven`: the meter's own keys. Bounded by title.
- `message`: a place on our own queues. Bounded by kind; a new one is refused, and stays on its queue.
"""

PER_SOURCE: Final = 100
"""Frames stored of one source."""
NEARLY_FULL_PERCENT: Final = 90
"""Fill of a stream that is an alarm: soon frames of sources without one there will be refused."""

_HEADER: Final = "Urja-"
_SUBJECT: Final = "urja.quarantine"
_LAST_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: later instants have no date."""
_DIGITS: Final = 19


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """One frame in quarantine."""

    standing: Standing
    source: str
    """Network that it came from, such as `10.0.0.0/24`; for a message its kind: `poison` or `orders`."""
    title: str = ""
    """System title in hex of the meter that it names, or that was proven at its connection."""
    reason: Reason
    detail: str
    peer: str
    """Where the bytes came from, such as `tcp 10.0.0.7:51234`."""
    received_at_ms: int
    """Real time of arrival in Unix milliseconds."""
    frame: bytes
    correlation: int = 0

    @property
    def subject(self) -> str:
        """The subject it is stored under: frames of one subject push out each other, and no others.

        Raises ValueError where the source cannot be a token of a subject.
        """
        match self.standing:
            case "unknown":
                return f"{_SUBJECT}.unknown.{_token(self.source)}"
            case "claimed":
                # The last hex digit: one meter behind a carrier's address must not push out all others' frames (ADR 20).
                return f"{_SUBJECT}.claimed.{_token(self.source)}.{self.title[-1]}"
            case "proven":
                return f"{_SUBJECT}.proven.{self.title}"
            case "message":
                return f"{_SUBJECT}.message.{_token(self.source)}"
            case _:
                assert_never(self.standing)

    def headers(self) -> dict[str, str]:
        """Return everything but the bytes, as message headers (one line each)."""
        return {
            f"{_HEADER}Reason": self.reason,
            f"{_HEADER}Detail": " ".join(self.detail.split()) or "-",
            f"{_HEADER}Peer": self.peer or "-",
            f"{_HEADER}Source": self.source,
            f"{_HEADER}Title": self.title or "-",
            f"{_HEADER}Received-At": str(self.received_at_ms),
            f"{_HEADER}Correlation": str(self.correlation),
        }

    @classmethod
    def from_stored(cls, subject: str, headers: Mapping[str, str] | None, frame: bytes) -> "Quarantined":
        """Return the item of a stored message; missing or unreadable headers become defaults."""
        fields = headers or {}
        reason = fields.get(f"{_HEADER}Reason", "garbage")
        standing, source = of_subject(subject)
        title = fields.get(f"{_HEADER}Title", "-")
        return cls(
            standing=standing,
            source=fields.get(f"{_HEADER}Source", source),
            title="" if title == "-" else title,
            reason=cast("Reason", reason if reason in get_args(Reason) else "garbage"),
            detail=fields.get(f"{_HEADER}Detail", ""),
            peer=fields.get(f"{_HEADER}Peer", ""),
            received_at_ms=_integer(fields.get(f"{_HEADER}Received-At"), _LAST_MS),
            frame=frame,
            correlation=_integer(fields.get(f"{_HEADER}Correlation"), 2**63 - 1),
        )


def of_subject(subject: str) -> tuple[Standing, str]:
    """Return the standing and the source of a stored frame by its subject.

    A proven meter's title is its source.

    Frames of the time before standings are under `urja.quarantine.SOURCE`, among the messages.
    """
    parts = subject.split(".")
    if len(parts) > 3 and parts[2] in get_args(Standing):
        return cast("Standing", parts[2]), _source(parts[3])
    return "message", _source(parts[-1])


@dataclass(frozen=True, slots=True)
class Fill:
    """Fill of one standing's stream in the quarantine: stored bytes and their limit."""

    standing: Standing
    frames: int
    size: int
    """In bytes."""
    limit: int
    """Bound of the size in bytes: beyond it frames of new sources are refused."""
    sources: int
    """Number of sources with frames."""
    full: tuple[str, ...]
    """Sources with the most frames that one may have: a new one pushes out their oldest, or is refused."""

    @property
    def nearly_full(self) -> bool:
        return self.size * 100 > self.limit * NEARLY_FULL_PERCENT


def _token(source: str) -> str:
    """Return a source as one token of a subject; raises ValueError where it cannot be one."""
    token = source.replace(".", "-")
    if not token or any(character in token for character in "*> \t\r\n"):
        raise ValueError(f"{source!r} cannot be a token of a subject")
    return token


def _source(token: str) -> str:
    return token.replace("-", ".") or NOWHERE


def _integer(text: str | None, most: int) -> int:
    """Return the number in a header; 0 where it has none, or one above `most`."""
    if text is None or len(text) > _DIGITS or not (text.isascii() and text.isdigit()):
        return 0
    number = int(text)
    return number if number <= most else 0
