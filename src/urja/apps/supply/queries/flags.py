"""Which meters and transformers somebody should look at, why, and since when.

One answer for the operator's view and for the law that holds it against the faults of a simulated town
(`urja.laws.flags`). Everything rests on stored rows: open work orders, intervals, the age of what came in last.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from django.db import connection

from urja.apps.readings.queries import overview


class FlagKind(StrEnum):
    """Why somebody should look. All but the last two are kinds of work orders, and end when one is closed."""

    WELD_OR_BYPASS = "weld_or_bypass"
    COVER_OPENED = "cover_opened"
    MAGNET = "magnet"
    NEUTRAL_DISTURBED = "neutral_disturbed"
    LOSS = "loss"
    """A transformer gives more than its consumers' meters see and it can lose: a wire passes one of them."""
    SILENT = "silent"


BY_ORDER: Final = frozenset(FlagKind) - {FlagKind.LOSS, FlagKind.SILENT}
"""Those that are work orders."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One reason to look at one meter or transformer."""

    kind: FlagKind
    subject: str
    """Serial number of the meter; of a loss, the transformer's code."""
    place: str
    """The premise; of a loss, the feeder."""
    since_at: datetime
    detail: dict[str, Any] = field(default_factory=dict)


def flagged(now: datetime) -> list[Flag]:
    """Everything that is flagged at `now`, what has waited longest first."""
    found = [*_by_order(), *_losses(now), *_silent(now)]
    return sorted(found, key=lambda flag: (flag.since_at, flag.kind, flag.subject))


_ORDERS: Final = """
SELECT o.kind, d.serial, b.name, o.opened_at, o.asked
FROM work.order o
JOIN network.service_point s ON s.id = o.service_point_id
JOIN network.premise b ON b.id = s.premise_id
LEFT JOIN assets.device d ON d.id = o.device_id
WHERE o.closed_at IS NULL AND o.kind = ANY(%s)
"""


def _by_order() -> list[Flag]:
    with connection.cursor() as cursor:
        cursor.execute(_ORDERS, [[kind.value for kind in BY_ORDER]])
        return [
            Flag(FlagKind(kind), serial, premise, _since(asked) or opened_at, asked)
            for kind, serial, premise, opened_at, text in cursor.fetchall()
            for asked in [msgspec.json.decode(text)]
        ]


def _since(detail: dict[str, Any]) -> datetime | None:
    """When the meter tells that it began."""
    return datetime.fromisoformat(detail["from_at"]) if "from_at" in detail else None


def _losses(now: datetime) -> list[Flag]:
    return [
        Flag(
            FlagKind.LOSS,
            loss.transformer,
            loss.feeder,
            loss.since_at,
            {"lost_wh": loss.lost_wh, "supplied_wh": loss.supplied_wh},
        )
        for loss in overview.losses(now)
    ]


def _silent(now: datetime) -> list[Flag]:
    return [
        Flag(FlagKind.SILENT, one.serial, one.premise, one.since_at)
        for one in overview.not_communicating(now)
    ]
