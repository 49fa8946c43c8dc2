"""Restores of the database: what has to be found out before a supply is disconnected again.

After a restore the database has the state of the backup, but payments were made and registers counted since.
Disconnections wait until the gateway has been asked for its payments since the backup, and until most meters have sent
data from after the restore.
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
"""Skipped numbers of each sequence: ids are known outside (receipts at the gateway, message references), and some were
given after the backup."""
ORDERS_LEFT_OUT: Final = 10_000
"""Skipped command sequence numbers of each device: head ends remember which ones they have seen."""


@dataclass(frozen=True, slots=True)
class OpenRecovery:
    """What is still unknown, over all restores that have not ended."""

    copied_at: datetime
    """Time of the earliest backup."""
    since_at: datetime
    """Time of the earliest backup for which the gateway has not been asked yet; only meaningful while there is one."""
    noticed_at: datetime
    gateway_asked: bool


def record(restored: Sequence[Restored]) -> int:
    """Store restores that the database does not know and skip the numbers given since; returns how many were new."""
    known = set(Recovery.objects.values_list("id", flat=True))
    new = [one for one in restored if one.id not in known]
    if not new:
        return 0
    with transaction.atomic():
        Recovery.objects.bulk_create(
            [Recovery(id=one.id, since_at=one.since_at, noticed_at=one.at, why=one.why[:200]) for one in new]
        )
        with connection.cursor() as cursor:
            # Every bigint sequence of the schema, so that a new table needs no entry in a list.
            cursor.execute(
                "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, coalesce(last_value, 0) + %s)"
                " FROM pg_sequences WHERE schemaname = current_schema() AND data_type = 'bigint'::regtype",
                [NUMBERS_LEFT_OUT],
            )
        commands.skip_sequences(ORDERS_LEFT_OUT)
    return len(new)


def open_recovery() -> OpenRecovery | None:
    """Return what is still unknown; None where no restore is open."""
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
    """Store that the gateway was asked for all payments since the backups of restores up to `noticed_at` (UTC)."""
    Recovery.objects.filter(gateway_asked_at=None, noticed_at__lte=noticed_at).update(gateway_asked_at=now)


def with_relays_unread() -> list[str]:
    """Return the ids of restores after which the relays have not all been read yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM supply_recovery WHERE relays_read_at IS NULL")
        return [restore_id for (restore_id,) in cursor.fetchall()]


def record_relays_read(restore_id: str, now: datetime) -> None:
    """Store that each relay's state was requested after a restore."""
    Recovery.objects.filter(id=restore_id).update(relays_read_at=now)


def end(noticed_at: datetime, now: datetime) -> None:
    """End the recovery: supplies may be disconnected again."""
    ended = Recovery.objects.filter(ended_at=None, noticed_at__lte=noticed_at).update(ended_at=now)
    log.info("recovered from a restore", restores=ended, noticed_at=noticed_at.isoformat())
