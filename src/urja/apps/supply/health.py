"""Whether the services that a fair disconnection depends on work, by fixed rules, stored with the figures.

- collection: of the meters with an agreement in force, at least `LEAST_FRESH_SHARE` have data younger than
  `FRESH_WITHIN`;
- messaging: of the accounts that the last notices were sent to (up to `SAMPLE`, from a day to `RECEIPT_TAKES` ago), at
  least `LEAST_DELIVERED_SHARE` have a receipt (fewer than `LEAST_SAMPLE` prove nothing), and no notice has waited
  longer than `SEND_WITHIN` to be sent;
- payments: the gateway has answered within `ANSWER_WITHIN`; without a gateway this is always fulfilled.

After a restore of the database (`recoveries`) collection counts only data measured after the restore, and payments
fails until the gateway has been asked for its payments since the backup.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.apps import apps
from django.db import connection

from urja.apps.notices import queries as notices
from urja.apps.supply import recoveries
from urja.apps.supply.models import HealthReport
from urja.apps.supply.recoveries import OpenRecovery
from urja.core.policy import Health

ASSESSED_EVERY: Final = timedelta(minutes=5)
REPORTS_KEPT: Final = timedelta(days=30)

FRESH_WITHIN: Final = timedelta(hours=3)
LEAST_FRESH_SHARE: Final = 0.7

SAMPLE: Final = 200
LEAST_SAMPLE: Final = 5
RECEIPT_TAKES: Final = timedelta(hours=1)
LEAST_DELIVERED_SHARE: Final = 0.5
SEND_WITHIN: Final = timedelta(hours=1)

ANSWER_WITHIN: Final = timedelta(hours=1)


def assess(now: datetime) -> tuple[Health, bool]:
    """Return the assessment in force at `now`, and whether it has just changed. It is renewed every five minutes."""
    last = HealthReport.objects.order_by("-at", "-id").first()
    recovery = recoveries.open_recovery()
    # An assessment from before a restore rests on data that no longer exist.
    counts = last is not None and (recovery is None or last.at > recovery.noticed_at)
    if last is not None and counts and last.at <= now < last.at + ASSESSED_EVERY:
        return _health(last), False
    report = HealthReport.objects.create(at=now, **_judge(now, recovery))
    if recovery is not None and report.collection and report.payments:
        recoveries.end(recovery.noticed_at, now)
    HealthReport.objects.filter(at__lt=now - REPORTS_KEPT).delete()
    return _health(report), last is not None and _health(last) != _health(report)


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
        f"{LEAST_FRESH_SHARE:.0%} of the meters have sent data from after {_minutes(recovery.noticed_at)}"
    )


def _minutes(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _gateway_has_said(recovery: OpenRecovery) -> bool:
    return recovery.gateway_asked or not _has_gateway()


def _health(report: HealthReport) -> Health:
    return Health(report.collection, report.payments, report.messaging)


def _judge(now: datetime, recovery: OpenRecovery | None) -> dict[str, object]:
    meters, young = _collected(
        now, now - FRESH_WITHIN if recovery is None else max(now - FRESH_WITHIN, recovery.noticed_at)
    )
    messages = notices.traffic(now - timedelta(days=1), now - RECEIPT_TAKES, SAMPLE)
    answered_at = _answered_at()
    return {
        "collection": young >= LEAST_FRESH_SHARE * meters,
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


def _collected(now: datetime, young_from: datetime) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE r.latest_end_at > %(young)s) FROM contracts.agreement a "
            "LEFT JOIN readings.accrual r ON r.agreement_id = a.id AND r.latest "
            "WHERE a.valid_from <= %(now)s AND (a.valid_to IS NULL OR a.valid_to > %(now)s)",
            {"now": now, "young": young_from},
        )
        meters, young = cursor.fetchone()
        return int(meters), int(young)


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
