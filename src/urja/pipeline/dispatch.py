"""The pipeline's stage `dispatch`: signs ordered commands, publishes them to the broker, and records their progress.

A command is noted as sent before its order is published: a run that supersedes it from then on knows that it may be
carried out at any moment. Orders that a run may have published before it died are published again under the same
message id, and the head end recognises them by their sequence.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
import structlog
from prometheus_client import Counter

from urja.apps.assets import meter_keys
from urja.apps.commands import operations, outgoing_orders
from urja.apps.readings import last_gasps
from urja.base.clock import Clock
from urja.pipeline.stage import InThread, Report, acknowledging
from urja.stream.consumer import Consumer
from urja.stream.orders import Order, Progress, SignedOrder

log = structlog.get_logger()

AT_ONCE: Final = 200
_PROGRESS_AT_ONCE: Final = 500
_UNHEARD_S: Final = 120.0
"""Real seconds after a command's end in which the head end may still report on what it began before."""

_SENT = Counter("urja_commands_sent", "Orders taken to the broker", ["kind"])
_EXPIRED = Counter("urja_commands_expired", "Commands that ended unheard of or unsent")


class OrderSink(Protocol):
    """The destination of orders: the broker."""

    async def publish_order(self, order: Order, signed: SignedOrder, shard: int) -> int:
        """Publish an order and return its sequence in the stream. Raises StreamError."""
        ...


class Dispatch:
    """The stage `dispatch`. `progress` may be None where no head end reports (a test of the database side)."""

    def __init__(
        self,
        orders: OrderSink,
        progress: Consumer[Progress] | None,
        clock: Clock,
        *,
        signing_key: bytes,
        in_thread: InThread = asyncio.to_thread,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._orders = orders
        self._progress = progress
        self._clock = clock
        self._key = signing_key
        self._in_thread = in_thread
        self._wall_s = wall_s

    async def run_once(self, now: datetime) -> Report:
        """Expire commands, record progress reports, publish orders. Raises StreamError where the broker does not take
        an order.
        """
        ended = await self._in_thread(self._end, now)
        noted = await self._note()
        sent = await self._send(now)
        return Report(ended + noted + sent)

    # -- from the head end ----------------------------------------------------------------------------------

    async def _note(self) -> int:
        """Record progress reports. They are acknowledged after the commit; a repeated report changes nothing."""
        if self._progress is None:
            return 0
        async with acknowledging(await self._progress.fetch(_PROGRESS_AT_ONCE, 0.05)) as reports:
            if not reports:
                return 0
            moved = set(await self._in_thread(_record, reports))
        for report in reports:
            log.info(
                "command",
                command=report.command_id,
                state=report.state,
                detail=report.detail or None,
                attempts=report.attempts,
                moved=report.command_id in moved,
                correlation=report.correlation,
            )
        return len(reports)

    # -- to the head end ------------------------------------------------------------------------------------

    async def _send(self, now: datetime) -> int:
        # Noted as sent before publishing: from then on the command may be carried out at any moment, and a run that
        # supersedes it must know.
        outgoing = await self._in_thread(outgoing_orders.claim, now, self._wall_ms(), self._sign, AT_ONCE)
        if not outgoing:
            return 0
        # Wait for all, also when one fails: orders that the broker has stored are noted in any case.
        results = await asyncio.gather(
            *(self._orders.publish_order(out.order, out.signed, out.shard) for out in outgoing),
            return_exceptions=True,
        )
        stored = [out for out, result in zip(outgoing, results, strict=True) if isinstance(result, int)]
        await self._in_thread(outgoing_orders.mark_published, [out.order.command_id for out in stored])
        for out in stored:
            _SENT.labels(out.order.kind).inc()
            log.info(
                "command sent",
                command=out.order.command_id,
                kind=out.order.kind,
                correlation=out.order.correlation,
            )
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        return len(outgoing)

    def _sign(self, order: Order) -> SignedOrder:
        return SignedOrder.of(order, self._key)

    def _wall_ms(self) -> int:
        return int(self._wall_s() * 1000)

    # -- without a report -----------------------------------------------------------------------------------

    def _end(self, now: datetime) -> int:
        unheard = timedelta(seconds=_UNHEARD_S * max(self._clock.speed, 1.0))
        expired = operations.expire(now, self._wall_ms(), now - unheard)
        if expired:
            _EXPIRED.inc(expired)
            log.info("commands expired", count=expired)
        return expired


def _keep_new_keys(reports: Sequence[Progress]) -> list[Progress]:
    """Move new keys from the reports into the table that the web's role cannot read, before they count as made."""
    devices = operations.devices_making_keys(
        report.command_id for report in reports if "new_keys" in report.evidence
    )
    return [_without_new_keys(report, devices.get(report.command_id)) for report in reports]


def _without_new_keys(report: Progress, device_id: int | None) -> Progress:
    made = report.evidence.get("new_keys")
    if made is None:
        return report
    evidence = {name: value for name, value in report.evidence.items() if name != "new_keys"}
    report = msgspec.structs.replace(report, evidence=evidence)
    if device_id is not None and report.state == "confirmed":
        try:
            meter_keys.store_new_keys(device_id, report.command_id, made, report.at)
        except (msgspec.ValidationError, TypeError):
            # The error's text would quote the keys.
            return msgspec.structs.replace(report, state="failed", detail="the head end sent no valid keys")
    return report


_ANSWERED: Final = ("acknowledged", "confirmed", "connected_load_unproven", "waiting_for_person")
"""States that a report gives a command only after its meter has answered."""


def _record(reports: Sequence[Progress]) -> list[int]:
    """Record reports and return the ids of commands whose state moved. Safe to repeat with the same reports."""
    reports = _keep_new_keys(reports)
    moved = operations.record_progress(reports)
    answered = {report.command_id: report.at for report in reports if report.state in _ANSWERED}
    devices = operations.devices_of(answered)
    last_gasps.record_answers((devices[id_], at) for id_, at in answered.items() if id_ in devices)
    return moved
