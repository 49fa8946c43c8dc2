"""Whether the services that a fair disconnection depends on work, by fixed rules, stored with the figures.

- collection: of the meters with an agreement in force whose supply has been in service for `cut.fresh_within_hours` (or
  has data already), at least `cut.least_fresh_percent` have data younger than that, by the policy of all accounts. It is
  judged for each area with enough meters (`area_health`), and over all meters for supplies of no such area;
- messaging: of the accounts that the last notices were sent to (up to `SAMPLE`, from a day to `RECEIPT_TAKES` ago), at
  least `LEAST_DELIVERED_SHARE` have a receipt (fewer than `LEAST_SAMPLE` prove nothing), and no notice has waited
  longer than `SEND_WITHIN` to be sent;
- payments: the gateway has answered within `ANSWER_WITHIN`; without a gateway this is always fulfilled.

After a restore of the database (`recoveries`) collection counts only data measured after the restore, and payments
fails until the gateway has been asked for its payments since the backup.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from django.apps import apps
from django.db import connection

from urja.apps.local_zone import local_zone
from urja.apps.notices import queries as notices
from urja.apps.rulebook.queries.policies import policy_book
from urja.apps.supply import area_health, recoveries
from urja.apps.supply.models import HealthReport
from urja.apps.supply.recoveries import OpenRecovery
from urja.core.calendar import local_day
from urja.core.policy import Health

ASSESSED_EVERY: Final = timedelta(minutes=5)
REPORTS_KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Freshness:
    """When collection is well: by these values while no policy of all accounts is in force."""

    least_fresh: Fraction = Fraction(7, 10)
    fresh_within: timedelta = timedelta(hours=3)
    least_area_meters: int = 20


SAMPLE: Final = 200
LEAST_SAMPLE: Final = 5
RECEIPT_TAKES: Final = timedelta(hours=1)
LEAST_DELIVERED_SHARE: Final = 0.5
SEND_WITHIN: Final = timedelta(hours=1)

ANSWER_WITHIN: Final = timedelta(hours=1)


type _MetersByNode = dict[int | None, tuple[int, int]]
"""None is the key of meters that are placed at no node."""


def assess(now: datetime) -> tuple[Health, bool]:
    """Return the assessment in force at `now`, and whether it has just changed. It is renewed every five minutes."""
    last = HealthReport.objects.order_by("-at", "-id").first()
    recovery = recoveries.open_recovery()
    # An assessment from before a restore rests on data that no longer exist.
    counts = last is not None and (recovery is None or last.at > recovery.noticed_at)
    if last is not None and counts and last.at <= now < last.at + ASSESSED_EVERY:
        return _health(last), False
    known = None if last is None else _health(last)
    rules = _freshness(now)
    placed = _collected(now, rules, recovery)
    report = HealthReport.objects.create(at=now, **_judge(now, recovery, placed, rules.least_fresh))
    in_areas = {node: found for node, found in placed.items() if node is not None}
    area_health.record(in_areas, rules.least_area_meters, rules.least_fresh, now)
    if recovery is not None and report.collection and report.payments:
        recoveries.end(recovery.noticed_at, now)
    HealthReport.objects.filter(at__lt=now - REPORTS_KEPT).delete()
    area_health.forget(now - REPORTS_KEPT)
    health = _health(report)
    return health, known is not None and known != health


def recovery_sentence() -> str:
    """Return a sentence that disconnections are paused after a restore, and for what; empty where they are not."""
    recovery = recoveries.open_recovery()
    if recovery is None:
        return ""
    asked = (
        ""
        if _gateway_has_said(recovery)
        else "the payment gateway has reported its payments since then, and "
    )
    return (
        f"data restored from a backup of {_minutes(recovery.copied_at)}: disconnections are paused until {asked}"
        f"{float(_freshness(recovery.noticed_at).least_fresh):.0%} of the meters have sent data from after {_minutes(recovery.noticed_at)}"
    )


def _minutes(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _gateway_has_said(recovery: OpenRecovery) -> bool:
    return recovery.gateway_asked or not _has_gateway()


def _health(report: HealthReport) -> Health:
    return Health(report.collection, report.payments, report.messaging, *area_health.in_force())


def _judge(
    now: datetime, recovery: OpenRecovery | None, placed: _MetersByNode, least_fresh: Fraction
) -> dict[str, object]:
    meters = sum(count for count, _young in placed.values())
    young = sum(young for _count, young in placed.values())
    messages = notices.traffic(now - timedelta(days=1), now - RECEIPT_TAKES, SAMPLE)
    answered_at = _answered_at()
    return {
        "collection": young >= least_fresh * meters,
        "messaging": _well(messages, now),
        "payments": (answered_at is None or answered_at >= now - ANSWER_WITHIN)
        and (recovery is None or _gateway_has_said(recovery)),
        "figures": {
            "meters": meters,
            "meters_young": young,
            "accounts_told": messages.notified,
            "accounts_reached": messages.reached,
            "notices_waiting_since": messages.waiting_since.isoformat() if messages.waiting_since else None,
            "restored_at": recovery.noticed_at.isoformat() if recovery else None,
            "gateway_answered_at": answered_at.isoformat() if answered_at else None,
        },
    }


def _freshness(now: datetime) -> _Freshness:
    """Return how many meters must have data, and the age of these, by the policy of all accounts."""
    policies = policy_book()
    code = policies.code_for("", "")
    policy = None if code is None else policies.in_force(code, local_day(now, local_zone()))
    if policy is None:
        return _Freshness()
    return _Freshness(policy.cut.least_fresh, policy.cut.fresh_within, policy.cut.least_area_meters)


def _collected(now: datetime, rules: _Freshness, recovery: OpenRecovery | None) -> _MetersByNode:
    """Return how many meters are to have data, and how many of them have, by the node at which they are placed."""
    since = now - rules.fresh_within
    young_from = since if recovery is None else max(since, recovery.noticed_at)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.node_id, count(*), count(*) FILTER (WHERE r.latest_end_at > %(young)s) FROM contracts.agreement a "
            "JOIN assets.supply_in_service v ON v.service_point_id = a.service_point_id "
            "LEFT JOIN readings.accrual r ON r.agreement_id = a.id AND r.latest "
            "LEFT JOIN network.placement p ON p.service_point_id = a.service_point_id AND p.tree = 'administration' "
            "AND p.valid_from <= %(now)s AND (p.valid_to IS NULL OR p.valid_to > %(now)s) "
            "WHERE a.valid_from <= %(now)s AND (a.valid_to IS NULL OR a.valid_to > %(now)s) "
            # A meter that has come into service within the time has not had all of it to send data.
            "AND (v.in_service_at <= %(owing)s OR r.latest_end_at > %(young)s) GROUP BY p.node_id",
            {"now": now, "young": young_from, "owing": since},
        )
        return {node: (int(meters), int(young)) for node, meters, young in cursor.fetchall()}


def _well(messages: notices.Traffic, now: datetime) -> bool:
    arrive = messages.notified < LEAST_SAMPLE or messages.reached >= LEAST_DELIVERED_SHARE * messages.notified
    leave = messages.waiting_since is None or messages.waiting_since > now - SEND_WITHIN
    return arrive and leave


def _has_gateway() -> bool:
    if not apps.is_installed("urja.apps.payments"):
        return False
    # Imported late: an installation without payments does not have the app.
    from urja.apps.payments.queries import gateways

    return gateways.config() is not None


def _answered_at() -> datetime | None:
    """Return when the gateway last answered; None without a gateway or before its first query."""
    if not apps.is_installed("urja.apps.payments"):
        return None
    from urja.apps.payments import queries

    return queries.last_answered_at()
