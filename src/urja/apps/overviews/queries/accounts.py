"""The accounts of a person, each with a hash that changes when its page may have changed.

A page that polls is not sent again while `mark` is the same. The hash covers the last ledger entry, the balance, the
accrued energy, the last closed day, the agreement, the newest tariff version, pending changes (`supply.changed`:
credits not posted yet, terms, dues), the last decision about the supply, the newest message of the meter, untagged
pushes and the last recharge. It does not cover a late interval before the register's last read: that one shows at the
next full rendering, which portals do once a minute.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.meter_types.queries import longest_asleep
from urja.apps.readings.queries.power import HEARD, HEARD_AT, LAST_GASP
from urja.base.untyped_values import SqlRow
from urja.core.power import ALWAYS_AWAKE, LastMessage

# Two accruals are hashed: at a month's turn late readings still change the month before. The agreement is the newest
# that has begun, even if it has ended: its account still has a balance to show.
_OVERVIEW = f"""
SELECT x.account_id, p.name, s.consumer_number, g.id, latest.id IS NOT NULL,
    EXISTS (SELECT FROM supply.reconnection r WHERE r.account_id = x.account_id),
    EXISTS (SELECT FROM maintenance.account b WHERE b.electricity_id = x.account_id),
    EXISTS (SELECT FROM billing.unit_bank b WHERE b.agreement_id = g.id),
    device.interval_s, device.device_type, {HEARD_AT}, {LAST_GASP}, told.until_at,
    hash_record_extended(ROW(
        g.id, g.valid_from, g.valid_to, a.last_seq, d.closed_through, d.provisional, (SELECT max(v.id) FROM rulebook.tariff_version v),
        array(SELECT hash_record_extended(ROW(r.period, r.watermark_at, r.billed_value, r.block_value, r.estimated_value), 0)
            FROM readings.accrual r WHERE r.agreement_id = g.id ORDER BY r.period DESC LIMIT 2),
        (SELECT max(c.id) FROM supply.changed c WHERE c.account_id = x.account_id),
        state.decided_at, state.standing, state.supply, latest.id, latest.state, h.heard_at, h.last_gasp, told.until_at
    ), 0)
FROM people.person i
JOIN identity.account_access x ON x.person_id = i.id
JOIN books.account a ON a.id = x.account_id
LEFT JOIN LATERAL (
    SELECT n.* FROM contracts.agreement n
    WHERE n.account_id = a.id AND n.valid_from <= %(now)s ORDER BY n.valid_from DESC LIMIT 1
) g ON true
LEFT JOIN billing.close d ON d.agreement_id = g.id
LEFT JOIN network.service_point s ON s.id = g.service_point_id
LEFT JOIN network.premise p ON p.id = s.premise_id
LEFT JOIN assets.device_period m ON m.service_point_id = g.service_point_id
    AND m.role = {DeviceRole.BILLING.value} AND m.valid_to IS NULL
LEFT JOIN assets.device device ON device.id = m.device_id
{HEARD}
LEFT JOIN supply.state state ON state.account_id = x.account_id
LEFT JOIN LATERAL (
    SELECT o.id, o.state FROM payments.order o WHERE o.account_id = x.account_id
    ORDER BY o.created_at DESC, o.id DESC LIMIT 1
) latest ON true
LEFT JOIN LATERAL (
    SELECT max(u.start_at + make_interval(secs => u.length_s)) AS until_at FROM readings.unconfirmed u
    WHERE u.service_point_id = g.service_point_id AND u.start_at >= coalesce(ac.latest_end_at, g.valid_from)
) told ON true
WHERE i.user_id = %(user)s AND (%(account)s::bigint IS NULL OR x.account_id = %(account)s::bigint)
ORDER BY x.recorded_at, x.id
"""  # noqa: S608 - constants of the registry and of models


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """An account that a person has access to, with what its overview page shows."""

    account_id: int
    premise: str | None
    """Name of the premise. None, like the two fields below, before the account's first agreement begins."""
    consumer_number: str | None
    agreement: Agreement | None
    """The newest agreement that has begun, with its terms."""
    ordered: bool
    """Whether a recharge was ever started."""
    has_reconnection: bool
    """Whether a payment was ever followed from receipt to reconnection, finished or not."""
    has_maintenance: bool
    """Whether a due of maintenance was ever posted beside it."""
    has_banked: bool
    """Whether its agreement has ever banked units."""
    interval: timedelta | None
    """Capture period of the billing meter's load profile; None where no billing meter is installed."""
    asleep: timedelta
    """The longest sleep of that meter's module by its plan; zero where it never sleeps."""
    heard: LastMessage | None
    """The newest message of the billing meter; None before the first."""
    unconfirmed_until: datetime | None
    """End (UTC) of the newest interval that only pushes without an authentication tag have reported; None without one.
"""
    mark: int
    """64-bit hash of everything the page shows: another value when any of it has changed."""


def accounts_of(user_id: int | None, now: datetime, account_id: int | None = None) -> list[AccountOverview]:
    """Return the accounts that a user may see, oldest access first.

    With `account_id` only that account, and an empty list where the user has no access to it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OVERVIEW, {"user": user_id, "account": account_id, "now": now})
        rows = cursor.fetchall()
    agreements = {one.id: one for one in contracts.agreements(row[3] for row in rows if row[3] is not None)}
    return [_overview(agreements.get(row[3]), row) for row in rows]


def _overview(agreement: Agreement | None, row: SqlRow) -> AccountOverview:
    (
        account_id,
        premise,
        number,
        _id,
        ordered,
        has_reconnection,
        has_maintenance,
        has_banked,
        interval_s,
        device_type,
        heard_at,
        last_gasp,
        until,
        mark,
    ) = row
    return AccountOverview(
        account_id=account_id,
        premise=premise,
        consumer_number=number,
        agreement=agreement,
        ordered=ordered,
        has_reconnection=has_reconnection,
        has_maintenance=has_maintenance,
        has_banked=has_banked,
        interval=None if interval_s is None else timedelta(seconds=interval_s),
        asleep=longest_asleep(device_type) if device_type else ALWAYS_AWAKE,
        heard=None if heard_at is None else LastMessage(heard_at, last_gasp),
        unconfirmed_until=until,
        mark=mark,
    )
