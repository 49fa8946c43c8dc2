"""Handling of bytes and pushes that are not accepted: counted, or quarantined under the standing that they have
proven.
"""

import random
from typing import Final

from urja.base.clock import Clock
from urja.base.ids import new_correlation
from urja.cosem.push_batch import PushBatch, PushGroup, Reason, Rejected
from urja.cosem.wrapper import HEADER_LENGTH
from urja.headend.metrics import Metrics
from urja.headend.quarantine_queue import QuarantineQueue
from urja.headend.received_batch import Origin, ReceivedBatch
from urja.headend.roster import Meter, Roster
from urja.stream import quarantine as stream_quarantine
from urja.stream.quarantine import Quarantined
from urja.stream.records import OwnEvent

_REASONS: Final[dict[Reason, stream_quarantine.Reason]] = {
    Reason.MALFORMED: "garbage",
    Reason.UNKNOWN_METER: "unknown-meter",
    Reason.UNPROTECTED: "unprotected",
    Reason.TOO_OLD: "replay",
    Reason.WRONG_KEY: "wrong-key",
    Reason.UNDECODABLE: "layout",
}
_WINDOW_LOST: Final = (
    "its replay window could not be read, so that an old push could pass for a new one: its pushes are refused until a session "
    "has proven its counter, or an operator replays one of them"
)
IGNORED: Final = frozenset({Reason.DUPLICATE, Reason.IN_FLIGHT})


def title_of(frame: bytes) -> bytes:
    """The system title (8 bytes) that a push claims; empty where the frame has no known form."""
    apdu = frame[HEADER_LENGTH : HEADER_LENGTH + 10]
    return apdu[2:] if apdu[:2] == b"\xdb\x08" else b""


class Rejections:
    """Handles pushes that the decoder has rejected, and decoded ones that are implausible."""

    def __init__(self, roster: Roster, quarantine: QuarantineQueue, clock: Clock, metrics: Metrics) -> None:
        self._roster = roster
        self._queue = quarantine
        self._clock = clock
        self._metrics = metrics

    def judge(self, received: ReceivedBatch, rejected: list[Rejected]) -> None:
        """Count or quarantine each rejected push of a batch."""
        for item in rejected:
            if item.reason in IGNORED:
                received.duplicates += 1
                self._metrics.duplicates.inc()
                continue
            reason, detail = _REASONS[item.reason], str(item.error)
            title = title_of(received.frames[item.index])
            if item.reason is Reason.UNKNOWN_METER and title in self._roster.unusable:
                reason, detail = "unusable-meter", self._roster.unusable[title]
            meter = self._roster.meters.get(title)
            if item.reason is Reason.TOO_OLD and meter is not None and meter.window_is_lost:
                reason, detail = "unusable-meter", _WINDOW_LOST
            # A push that is authentic but has no known layout was made by the meter itself: the tag proves it.
            proven = item.reason is Reason.UNDECODABLE
            if proven:
                self._note_misfit(received, meter, item.index, reason)
            self._quarantine(received, item.index, reason, detail, title, proven=proven)

    def quarantine_garbage(self, data: bytes, why: str, origin: Origin) -> None:
        """Quarantine bytes that are not a push."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        # Bytes over a known meter's connection are evidence about that meter.
        title = self._roster.by_slot[origin.slot].entry.system_title if origin.slot >= 0 else b""
        self._queue.put(
            Quarantined(
                standing=self._standing(title),
                source=origin.network,
                title=title.hex(),
                reason="garbage",
                detail=why,
                peer=origin.describe(),
                received_at_ms=now_ms,
                frame=data,
                correlation=new_correlation(now_ms, random.getrandbits(21)),
            )
        )

    def quarantine_decoded(
        self,
        received: ReceivedBatch,
        batch: PushBatch,
        group: PushGroup,
        row: int,
        reason: stream_quarantine.Reason,
        detail: str,
    ) -> None:
        """Roll back an authentic push that is wrong as decoded and quarantine it; it may come again, or be replayed."""
        index, meter = int(group.index[row]), self._roster.by_slot[int(group.refs[row])]
        # Its counter is not used up: the frame can be replayed once its layout is known.
        batch.rollback([index])
        self._note_misfit(received, meter, index, reason)
        self._quarantine(received, index, reason, detail, meter.entry.system_title, proven=True)

    def quarantine_unauthenticated(
        self,
        received: ReceivedBatch,
        group: PushGroup,
        row: int,
        reason: stream_quarantine.Reason,
        detail: str,
    ) -> None:
        """Quarantine a push without a tag that is wrong as decoded: it may be forged, so its meter is only named."""
        title = self._roster.by_slot[int(group.refs[row])].entry.system_title
        self._quarantine(received, int(group.index[row]), reason, detail, title)

    def _note_misfit(
        self, received: ReceivedBatch, meter: Meter | None, index: int, reason: stream_quarantine.Reason
    ) -> None:
        if meter is None or received.replayed or not meter.inspection_due(int(received.began_at.timestamp())):
            return
        code = OwnEvent.PUSH_IMPLAUSIBLE if reason == "implausible" else OwnEvent.PUSH_MISFIT
        received.misfits.append((meter, code, index))

    def _quarantine(
        self,
        received: ReceivedBatch,
        index: int,
        reason: stream_quarantine.Reason,
        detail: str,
        title: bytes,
        *,
        proven: bool = False,
    ) -> None:
        if received.replayed:
            received.fault = (reason, detail)
            return
        origin = received.origins[index]
        self._queue.put(
            Quarantined(
                standing="proven" if proven else self._standing(title),
                source=origin.network,
                title=title.hex(),
                reason=reason,
                detail=detail,
                peer=origin.describe(),
                received_at_ms=received.received_at_ms,
                frame=received.frames[index],
                correlation=received.correlation(index),
            )
        )

    def _standing(self, title: bytes) -> stream_quarantine.Standing:
        """The standing of a frame that names a system title and proves nothing."""
        return "claimed" if title in self._roster.meters or title in self._roster.unusable else "unknown"
