"""Restores of the data: recorded by the owner at the start, and what is learned before anybody is disconnected again.

What the database says is of the time of the copy. Payments were made since and registers ran on: cuts wait until the gateway
has been asked for what it took since then, and until most meters have told of a time after the restore.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from django.db import connection, transaction

from urja.apps.commands import operations as commands
from urja.apps.supply.models import Recovery
from urja.base.restored import Restored

log = structlog.get_logger()

NUMBERS_LEFT_OUT: Final = 1_000_000
"""Of each sequence: ids are names outside, too (receipts at the gateway, references of messages), and were given since."""
ORDERS_LEFT_OUT: Final = 10_000
"""Of each device: head ends remember orders by their sequence."""


@dataclass(frozen=True, slots=True)
class OpenRecovery:
    """What is not learned yet, of all restores that have not ended."""

    copied_at: datetime
    """The earliest copy."""
    since_at: datetime
    """The earliest copy whose gateway has not been asked; meaningless where it has."""
    noticed_at: datetime
    gateway_asked: bool


def record(restored: Sequence[Restored]) -> int:
    """Record restores that the database does not know, and pass the numbers that were given since; how many were new."""
    known = set(Recovery.objects.values_list("id", flat=True))
    new = [one for one in restored if one.id not in known]
    if not new:
        return 0
    with transaction.atomic():
        Recovery.objects.bulk_create(
            [Recovery(id=one.id, since_at=one.since_at, noticed_at=one.at, why=one.why[:200]) for one in new]
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, coalesce(last_value, 0) + %s)"
                " FROM pg_sequences WHERE schemaname = current_schema() AND data_type = 'bigint'::regtype",
                [NUMBERS_LEFT_OUT],
            )
        commands.skip_sequences(ORDERS_LEFT_OUT)
    return len(new)


def open_recovery() -> OpenRecovery | None:
    """What is still to be learned; none where no restore is."""
    rows = list(Recovery.objects.filter(ended_at=None))
    if not rows:
        return None
    unasked = [row for row in rows if row.gateway_asked_at is None]
    return OpenRecovery(
        copied_at=min(row.since_at for row in rows),
        since_at=min(row.since_at for row in unasked or rows),
        noticed_at=max(row.noticed_at for row in rows),
        gateway_asked=not unasked,
    )


def record_gateway_asked(noticed_at: datetime, now: datetime) -> None:
    """The gateway has said what it took since the copies of all restores up to one."""
    Recovery.objects.filter(gateway_asked_at=None, noticed_at__lte=noticed_at).update(gateway_asked_at=now)


def with_relays_unread() -> list[str]:
    """The restores after which load switches are still to be asked for their state."""
    return list(Recovery.objects.filter(relays_read_at=None).values_list("id", flat=True))


def record_relays_read(restore_id: str, now: datetime) -> None:
    """Each load switch has been asked for its state after a restore."""
    Recovery.objects.filter(id=restore_id).update(relays_read_at=now)


def end(noticed_at: datetime, now: datetime) -> None:
    """All is learned: people may be disconnected again."""
    ended = Recovery.objects.filter(ended_at=None, noticed_at__lte=noticed_at).update(ended_at=now)
    log.info("recovered from a restore", restores=ended, noticed_at=noticed_at.isoformat())
