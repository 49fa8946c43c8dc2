"""Admission of delivered orders: only the pipeline's own are carried out, and each of them once."""

import structlog

from urja.base.clock import Clock
from urja.headend.metrics import Metrics
from urja.headend.order_history import OrderHistories
from urja.stream.broker import Broker
from urja.stream.consumer import Delivery
from urja.stream.orders import Order, Progress, SignedOrder
from urja.stream.quarantine import Quarantined
from urja.stream.signing import ForgedError
from urja.stream.subjects import REFUSED_ORDERS

log = structlog.get_logger()


class OrderAdmission:
    """Judges deliveries by the signing key and by what the meter's history knows of earlier orders."""

    def __init__(
        self, broker: Broker, histories: OrderHistories, *, key: bytes, clock: Clock, metrics: Metrics
    ) -> None:
        self._broker = broker
        self._histories = histories
        self._key = key
        self._clock = clock
        self._metrics = metrics

    async def admitted(self, delivery: Delivery[SignedOrder]) -> Order | None:
        """Return an order that is to be carried out; None for one that was refused here, or has ended before."""
        try:
            # Verified first: no field of an unverified order is used, not even the meter's title.
            order = delivery.body.verified(self._key)
        except ForgedError as error:
            await self._refuse(delivery, "forged", str(error))
            return None
        history = await self._histories.of(order.system_title.hex())
        if (ended := history.ended.get(order.sequence)) is not None:
            await self._repeat(delivery, order, ended)
            return None
        if order.sequence <= history.floor:
            await self._refuse(delivery, "replayed", f"order {order.sequence} of the meter is long past")
            return None
        return order

    async def _refuse(self, delivery: Delivery[SignedOrder], why: str, detail: str) -> None:
        """Quarantine an order that is not the pipeline's, or a copy of an old one; it is never carried out."""
        self._metrics.orders_refused.labels(why).inc()
        log.error("order refused", why=why, detail=detail, sequence=delivery.sequence)
        await self._broker.quarantine(
            Quarantined(
                standing="message",
                source=REFUSED_ORDERS,
                reason="forged-order",
                detail=f"{why}: {detail}",
                peer=f"urja.commands.{delivery.shard}",
                received_at_ms=int(self._clock.now().timestamp() * 1000),
                frame=delivery.body.payload,
            )
        )
        await delivery.ack()

    async def _repeat(self, delivery: Delivery[SignedOrder], order: Order, ended: Progress) -> None:
        """Report the stored outcome of an ended order again, because the first report may have been lost."""
        if ended.command_id != order.command_id:
            await self._refuse(
                delivery, "replayed", f"order {order.sequence} of the meter was another command"
            )
            return
        if delivery.attempt == 1:
            # After a crash the broker delivers the same message again (attempt > 1); a new message with an old order is a copy.
            self._metrics.orders_refused.labels("replayed").inc()
            log.error("order replayed", sequence=order.sequence, correlation=order.correlation)
        await self._broker.publish_progress(ended, delivery.shard)
        await delivery.ack()
