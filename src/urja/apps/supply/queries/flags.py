"""Which meters, transformers and feeders need an inspection, why, and since when.

The console shows this, and the law `urja.laws.flags` compares it with the faults injected into a simulated town.
Everything rests on stored rows: open work orders, intervals, and the age of the newest data.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec
from django.db import connection

from urja.apps.network.kinds import Level
from urja.apps.readings.queries import overview
from urja.base.untyped_values import JsonObject


class FlagKind(StrEnum):
    """Why an inspection is needed. All but the last three are kinds of work orders and end when one is closed."""

    WELD_OR_BYPASS = "weld_or_bypass"
    COVER_OPENED = "cover_opened"
    MAGNET = "magnet"
    NEUTRAL_DISTURBED = "neutral_disturbed"
    PHASE_MISSING = "phase_missing"
    CURRENT_REVERSED = "current_reversed"
    GAS_ESCAPES = "gas_escapes"
    """Danger to life; comes before all others."""
    LOSS = "loss"
    """A transformer supplies more than its consumers' meters count and it can lose: a bypass."""
    FEEDER_LOSS = "feeder_loss"
    """A feeder supplies more than its transformers' meters count and it can lose."""
    NOT_COMMUNICATING = "not_communicating"


BY_ORDER: Final = frozenset(FlagKind) - {FlagKind.LOSS, FlagKind.FEEDER_LOSS, FlagKind.NOT_COMMUNICATING}
"""The kinds that are work orders."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One reason to inspect one meter, transformer or feeder."""

    kind: FlagKind
    subject: str
    """Serial of the meter; of a loss, the code of the transformer or feeder."""
    place: str
    """Name of the premise; of a loss, the feeder."""
    since_at: datetime
    detail: JsonObject = field(default_factory=dict)


def flagged(now: datetime) -> list[Flag]:
    """Return everything flagged at `now` (UTC): danger to life first, then the oldest."""
    found = [*_by_order(), *_losses(now), *_not_communicating(now)]
    return sorted(
        found,
        key=lambda flag: (flag.kind is not FlagKind.GAS_ESCAPES, flag.since_at, flag.kind, flag.subject),
    )


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


def _since(detail: JsonObject) -> datetime | None:
    """Return when it began, by the meter's own event; None where the work order does not say."""
    return datetime.fromisoformat(detail["from_at"]) if "from_at" in detail else None


def _losses(now: datetime) -> list[Flag]:
    return [
        Flag(
            kind,
            loss.code,
            loss.feeder or loss.code,
            loss.since_at,
            {"lost_wh": loss.lost_wh, "supplied_wh": loss.supplied_wh},
        )
        for kind, level in ((FlagKind.LOSS, Level.TRANSFORMER), (FlagKind.FEEDER_LOSS, Level.FEEDER))
        for loss in overview.losses(now, level)
    ]


def _not_communicating(now: datetime) -> list[Flag]:
    return [
        Flag(FlagKind.NOT_COMMUNICATING, one.serial, one.premise, one.since_at)
        for one in overview.not_communicating(now)
    ]
