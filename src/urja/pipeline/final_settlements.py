"""Final settlement of ended supplies: the remaining balance pays old dues, and the rest is paid back or transferred.

An agreement's ledger is finished when its last day was closed by the register read of its end, with the end that it
has now (`pipeline.close`). Then the balance pays its dues, and the rest goes where the consumer requested; each step
is one transaction with the account's lock, so that no amount goes twice. A credit of a later correction goes the same
way; a debit of one is owed on the account, and dues that were paid stay paid.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

import structlog
from django.db import connection, transaction

from urja.apps.billing import arrears, operations, posting as billing
from urja.apps.billing.kinds import FinalSettlement, FinalWay
from urja.apps.books import locking, operations as books
from urja.apps.local_zone import local_zone
from urja.apps.statements import operations as statements
from urja.base.ids import bucket_of
from urja.core.calendar import local_day
from urja.pipeline.savepoints import Savepoints

log = structlog.get_logger()

REFUND: Final = "refund"
TRANSFER: Final = "transfer"
AT_ONCE: Final = 500

_DUE = """
SELECT f.id, a.id, a.balance_minor, a.last_seq
FROM billing.final_settlement f
JOIN books.account a ON a.id = f.account_id
JOIN contracts.agreement g ON g.id = f.agreement_id
LEFT JOIN billing.close c ON c.agreement_id = f.agreement_id
    AND c.ended_at = g.valid_to AND c.closed_through >= f.last_day AND NOT c.provisional
-- Where the supply never came into service and no fixed charges began before the end there is no day to close, and the
-- credit goes back whole.
WHERE (c.agreement_id IS NOT NULL OR (coalesce(g.bill_from > f.last_day, true)
        AND NOT EXISTS (SELECT FROM assets.supply_in_service s
            WHERE s.service_point_id = g.service_point_id AND s.in_service_at < g.valid_to)))
    AND NOT EXISTS (SELECT FROM books.credit_request q WHERE q.account_id = a.id AND q.posted_at IS NULL)
    AND NOT EXISTS (SELECT FROM books.debit_request q WHERE q.account_id = a.id AND q.posted_at IS NULL)
    AND (f.settled_at IS NULL OR a.balance_minor > 0)
"""


class SettlementResult(NamedTuple):
    """What a run has done."""

    accounts: int
    entries: int
    """Entries by which remaining balances have paid old dues."""


def settle_ended_accounts(now: datetime) -> SettlementResult:
    """Settle, in minor units, every account whose supply has ended and whose ledger is finished; `now` is business
    time (UTC).
    """
    apart = Savepoints.of("post", "the final settlement", now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_DUE} AND a.id <> ALL(%s::bigint[]) ORDER BY f.id LIMIT %s", [apart.waiting(), AT_ONCE]
        )
        due = cursor.fetchall()
    # One by one: each takes its locks in its own order.
    found = [
        entries
        for final_id, account_id, *_ in due
        for entries in apart.run(
            [account_id],
            lambda one: ("account", one),
            partial(_settle, final_id, now),
        )
    ]
    if len(due) < AT_ONCE:
        apart.remove_idle()
    settled = [entries for entries in found if entries is not None]
    return SettlementResult(len(settled), sum(settled))


def _settle(final_id: int, now: datetime, account_ids: Sequence[int]) -> int | None:
    """Read the account again under the locks that postings take, then settle it; return the number of entries on old
    dues.

    None where nothing is to be settled any more.
    """
    (account_id,) = account_ids
    with transaction.atomic(), connection.cursor() as cursor:
        # Locks in the order in which the share of a recharge takes them (bills, bucket, account): another order could
        # deadlock with it.
        arrears.lock_dues([account_id])
        locking.lock_bucket(bucket_of(account_id))
        locking.lock_account(account_id)
        cursor.execute(f"{_DUE} AND f.id = %s", [final_id])
        row = cursor.fetchone()
        if row is None:
            return None
        remaining_minor, seq = max(row[2], 0), row[3]
        # Dues first: only the rest is paid back or transferred.
        share = arrears.final_share(final_id, account_id, remaining_minor, seq)
        if share:
            billing.post_shares(bucket_of(account_id), [(local_day(now, local_zone()), share)], now)
        to_dues_minor = share.amount_minor if share else 0
        final = operations.final_settlement(final_id)
        amount_minor = remaining_minor - to_dues_minor
        if amount_minor:
            _request_payout(final, amount_minor, now)
        operations.note_settled(final, amount_minor, now)
        statements.record_settled(bucket_of(account_id), now, account_id)
    log.info(
        "account settled",
        account=account_id,
        way=final.way,
        amount_minor=amount_minor,
        to_dues_minor=to_dues_minor,
    )
    return int(share is not None)


def _request_payout(final: FinalSettlement, amount_minor: int, now: datetime) -> None:
    way = TRANSFER if final.way == FinalWay.TRANSFER else REFUND
    # The amount settled so far makes the key of each step different, so that a step that is repeated posts nothing.
    key = f"final:{final.id}:{final.amount_minor}"
    books.request_debit(
        account_id=final.account_id,
        amount_minor=amount_minor,
        kind=way,
        reverses=way,
        idempotency_key=key,
        requested_at=now,
    )
    if final.to_account_id is not None:
        books.request_credit(
            account_id=final.to_account_id,
            amount_minor=amount_minor,
            kind=way,
            idempotency_key=key,
            requested_at=now,
            reference=f"account {final.account_id}",
        )
