"""What is kept of bytes that could not be decoded or placed: the frame as it came, why, and what its place is bounded by.

Who may push out whose evidence is a matter of the *standing* of a frame. Each standing has a stream of its own,
so that one standing never takes the room of another, and within it each source has a subject of its own, of which the
oldest frame goes for the newest.
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
"""Why a frame was set aside."""

Standing = Literal["unknown", "claimed", "proven", "message"]
"""Of whom a frame is evidence:

- `unknown`: of no meter that the registry knows. Bounded by network.
- `claimed`: it bears a known meter's title, or came over a known meter's connection, which others can imitate. Bounded by
  network and sixteenth of the titles.
- `proven`: authentic by the meter's own keys. Bounded by title.
- `message`: a message of our own queues. Bounded by kind; a new one is refused, and stays on its queue.
"""

PER_SOURCE: Final = 100
"""Frames kept of one source."""
NEARLY_FULL_PERCENT: Final = 90
"""A stream that is so full is an alarm: what is refused soon is evidence of sources that have none there yet."""

_HEADER: Final = "Urja-"
_SUBJECT: Final = "urja.quarantine"
_LAST_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: there is no date behind it."""
_DIGITS: Final = 19


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """One frame in quarantine."""

    standing: Standing
    source: str
    """The network that it came from, such as `10.0.0.0/24`; of a message what it is: `poison` or `orders`."""
    title: str = ""
    """The system title in hex of the meter that it names, or that was proven at its connection."""
    reason: Reason
    detail: str
    peer: str
    """Where the bytes came from: `tcp 10.0.0.7:51234`."""
    received_at_ms: int
    frame: bytes
    correlation: int = 0

    @property
    def subject(self) -> str:
        """Where it is kept: the frames of one subject push out each other, and no others."""
        match self.standing:
            case "unknown":
                return f"{_SUBJECT}.unknown.{_token(self.source)}"
            case "claimed":
                return f"{_SUBJECT}.claimed.{_token(self.source)}.{self.title[-1]}"
            case "proven":
                return f"{_SUBJECT}.proven.{self.title}"
            case "message":
                return f"{_SUBJECT}.message.{_token(self.source)}"
            case _:
                assert_never(self.standing)

    def headers(self) -> dict[str, str]:
        """Everything but the bytes, as message headers (one line each)."""
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
        """The item of a stored message; missing or unreadable headers become defaults, the bytes are kept."""
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
    """Standing and source of what is kept under a subject; a proven meter's title is its source.

    Frames of before there were standings are kept under `urja.quarantine.SOURCE`, among the messages.
    """
    parts = subject.split(".")
    if len(parts) > 3 and parts[2] in get_args(Standing):
        return cast("Standing", parts[2]), _source(parts[3])
    return "message", _source(parts[-1])


@dataclass(frozen=True, slots=True)
class Fill:
    """How full the place of one standing is."""

    standing: Standing
    frames: int
    size: int
    """In bytes."""
    limit: int
    """Of the size: beyond it what has no place yet is refused."""
    sources: int
    full: tuple[str, ...]
    """Sources that have had their share: each new frame of theirs pushes out their oldest, or is refused."""

    @property
    def nearly_full(self) -> bool:
        return self.size * 100 > self.limit * NEARLY_FULL_PERCENT


def _token(source: str) -> str:
    """A source as one token of a subject; raises ValueError where it cannot be one."""
    token = source.replace(".", "-")
    if not token or any(character in token for character in "*> \t\r\n"):
        raise ValueError(f"{source!r} cannot be a token of a subject")
    return token


def _source(token: str) -> str:
    return token.replace("-", ".") or NOWHERE


def _integer(text: str | None, most: int) -> int:
    """The number that a header says; 0 where it says none, or one that is not possible."""
    if text is None or len(text) > _DIGITS or not (text.isascii() and text.isdigit()):
        return 0
    number = int(text)
    return number if number <= most else 0
