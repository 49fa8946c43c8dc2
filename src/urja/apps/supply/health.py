"""Whether the services that a fair cut depends on work, by stated rules, kept with the figures.

- collection: of the meters of agreements in force, at least `COLLECTED` have data younger than `YOUNG`;
- messaging: of the accounts that the last notices were sent to (`SAMPLE`, from a day ago to `RECEIPT_TAKES` ago), at
  least `DELIVERED` have a receipt (fewer than `FEW` prove nothing), and none has waited for `TAKEN` to be taken at all;
- payments: the gateway has answered within `ANSWERED`; where no gateway is installed there is nothing to be ill.

After a restore of the data (`urja.apps.supply.recoveries`) collection is ill until so many meters have told of a time after
it, and payments until the gateway has said what it took since the copy.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.db import connection

from urja.apps.notices import queries as notices
from urja.apps.supply import recoveries
from urja.apps.supply.models import HealthReport
from urja.apps.supply.recoveries import Open
from urja.core.policy import Health

JUDGED_EVERY: Final = timedelta(minutes=5)
KEPT: Final = timedelta(days=30)

YOUNG: Final = timedelta(hours=3)
COLLECTED: Final = 0.7

SAMPLE: Final = 200
FEW: Final = 5
RECEIPT_TAKES: Final = timedelta(hours=1)
DELIVERED: Final = 0.5
TAKEN: Final = timedelta(hours=1)

ANSWERED: Final = timedelta(hours=1)


def judged(now: datetime) -> tuple[Health, bool]:
    """The judgement in force at `now`, renewed when it is five minutes old; and whether it has just changed."""
    last = HealthReport.objects.order_by("-at", "-id").first()
    recovery = recoveries.unfinished()
    # What was judged on the data of before a restore says nothing.
    counts = last is not None and (recovery is None or last.at > recovery.noticed_at)
    if last is not None and counts and last.at <= now < last.at + JUDGED_EVERY:
        return _health(last), False
    report = HealthReport.objects.create(at=now, **_judge(now, recovery))
    if recovery is not None and report.collection and report.payments:
        recoveries.end(recovery.noticed_at, now)
    HealthReport.objects.filter(at__lt=now - KEPT).delete()
    return _health(report), last is not None and _health(last) != _health(report)


def recovering() -> str:
    """That disconnections wait after a restore, and for what, in a sentence; empty where none does."""
    recovery = recoveries.unfinished()
    if recovery is None:
        return ""
    asked = "" if _gateway_has_said(recovery) else "the payment gateway has said what it took since, and "
    return (
        f"data put back from a copy of {_minutes(recovery.copied_at)}: disconnections wait until {asked}{COLLECTED:.0%} of the "
        f"meters have told of a time after {_minutes(recovery.noticed_at)}"
    )


def _minutes(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _gateway_has_said(recovery: Open) -> bool:
    return recovery.gateway_asked or not _has_gateway()


def _health(report: HealthReport) -> Health:
    return Health(report.collection, report.payments, report.messaging)


def _judge(now: datetime, recovery: Open | None) -> dict[str, Any]:
    meters, young = _collected(
        now, now - YOUNG if recovery is None else max(now - YOUNG, recovery.noticed_at)
    )
    messages = notices.traffic(now - timedelta(days=1), now - RECEIPT_TAKES, SAMPLE)
    answered_at = _answered_at()
    return {
        "collection": young >= COLLECTED * meters,
        "messaging": _well(messages, now),
        "payments": (answered_at is None or answered_at >= now - ANSWERED)
        and (recovery is None or _gateway_has_said(recovery)),
        "figures": {
            "meters": meters,
            "meters_young": young,
            "accounts_told": messages.told,
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
    arrive = messages.told < FEW or messages.reached >= DELIVERED * messages.told
    leave = messages.waiting_since is None or messages.waiting_since > now - TAKEN
    return arrive and leave


def _has_gateway() -> bool:
    if not apps.is_installed("urja.apps.payments"):
        return False
    from urja.apps.payments.queries import gateways

    return gateways.config() is not None


def _answered_at() -> datetime | None:
    """When the gateway last answered; none where no gateway is installed or it was never asked."""
    if not apps.is_installed("urja.apps.payments"):
        return None
    from urja.apps.payments import queries

    return queries.last_answered_at()
