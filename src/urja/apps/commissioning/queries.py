"""Queries on commissioning calls and push layouts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection

from urja.apps.assets.queries import Uncommissioned, uncommissioned
from urja.apps.commissioning.kinds import UNFINISHED, CallState
from urja.apps.commissioning.models import Call, PushLayout
from urja.cosem.push_object_list import PushObjectList

type CallRow = Call
"""A row of `commissioning_call`, for annotations outside this app."""

# A call goes on when all its commands have ended, or when its installation has (p.id IS NULL): then it is
# given up.
_DUE = """
(SELECT c.id FROM commissioning_call c
    LEFT JOIN assets.device_period p ON p.id = c.device_period_id AND p.valid_to IS NULL
    WHERE c.state = 'calling' AND c.ended_at IS NULL AND (p.id IS NULL OR NOT EXISTS (
        SELECT FROM jsonb_each_text(c.commands) asked JOIN commands.command m ON m.id = asked.value::bigint
        WHERE m.ended_at IS NULL)))
UNION ALL (SELECT id FROM commissioning_call WHERE state = 'asked' AND ended_at IS NULL ORDER BY id
    LIMIT least(%(begun)s, greatest(0, %(calling)s - (
        SELECT count(*) FROM commissioning_call WHERE state = 'calling' AND ended_at IS NULL))))
ORDER BY 1
"""


def due(begun: int, calling: int) -> list[int]:
    """Return the calls to go on with: those whose meter has answered everything, and requested ones that may begin.

    At most `begun` calls begin at a time, and only while fewer than `calling` are under way.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"begun": begun, "calling": calling})
        return [call_id for (call_id,) in cursor.fetchall()]


def waiting_for_call() -> list[Uncommissioned]:
    """Return the installed billing meters that have not passed and are not being called, the oldest first."""
    called = set(Call.objects.filter(state__in=UNFINISHED).values_list("device_period_id", flat=True))
    return [one for one in uncommissioned() if one.device_period_id not in called]


@dataclass(frozen=True, slots=True)
class NewestCall:
    """The newest call of an installed meter that has not passed."""

    consumer_number: str
    under_way: bool
    failed_at: datetime | None
    """When it failed (UTC); None where it is under way or was given up."""
    says: tuple[str, ...]
    """What the checks say that have not passed, each sentence once."""


def newest_calls(device_period_ids: Iterable[int]) -> dict[int, NewestCall]:
    """Return the newest call of each installation; those that were never called, or passed, are left out."""
    newest = (
        Call.objects.filter(device_period_id__in=list(device_period_ids))
        .order_by("device_period_id", "-id")
        .distinct("device_period_id")
        .select_related("service_point")
    )
    return {
        call.device_period_id: NewestCall(
            call.service_point.consumer_number,
            under_way=call.state in UNFINISHED,
            failed_at=call.ended_at if call.state == CallState.FAILED else None,
            says=tuple(dict.fromkeys(check["says"] for check in call.checks if not check["passed"])),
        )
        for call in newest
        if call.state != CallState.PASSED
    }


def called_meters() -> int:
    """Return the number of meters that are being called."""
    return Call.objects.filter(state__in=UNFINISHED).count()


def is_called(serial: str) -> bool:
    """Return whether a meter is being called."""
    return Call.objects.filter(device__serial=serial, state__in=UNFINISHED).exists()


def reported_pushes(device_ids: Iterable[int]) -> dict[int, tuple[PushObjectList, ...]]:
    """Return the newest push layouts that each meter reported; meters without any are left out."""
    newest = (
        PushLayout.objects.filter(device_id__in=list(device_ids))
        .order_by("device_id", "-read_at", "-id")
        .distinct("device_id")
    )
    return {
        device_id: msgspec.convert(pushes, tuple[PushObjectList, ...])
        for device_id, pushes in newest.values_list("device_id", "pushes")
    }
