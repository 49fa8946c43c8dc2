"""Registers as people read them at meters: whether one can be right, and the nearest known ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from urja.apps.assets.models import Device
from urja.base.sentences import say

_SLACK: Final = timedelta(hours=1)
"""Clocks differ: the energy between two reads may have flowed for this much longer."""


@dataclass(frozen=True, slots=True)
class Read:
    """The import register of a device at an instant."""

    read_at: datetime
    import_wh: int


_NEAREST = """
(SELECT read_at, import_wh, 'before' FROM readings.register
    WHERE service_point_id = %(place)s AND device_id = %(device)s AND kind <> 6 AND read_at < %(at)s
    ORDER BY read_at DESC, version DESC LIMIT 1)
UNION ALL (SELECT read_at, import_wh, 'after' FROM readings.register
    WHERE service_point_id = %(place)s AND device_id = %(device)s AND kind <> 6 AND read_at > %(at)s
    ORDER BY read_at, version DESC LIMIT 1)
"""


def nearest_reads(service_point_id: int, device_id: int, at: datetime) -> tuple[Read | None, Read | None]:
    """Return the last read before an instant and the first after it, without pushes from before commissioning."""
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST, {"place": service_point_id, "device": device_id, "at": at})
        found = {which: Read(read_at, wh) for read_at, wh, which in cursor.fetchall()}
    return found.get("before"), found.get("after")


def read_faults(service_point_id: int, device: Device, at: datetime, import_wh: int) -> Iterator[str]:
    """Yield why a meter's import register cannot have a value, in Wh."""
    if import_wh < 0:
        yield say("a register cannot read {register_wh} Wh", register_wh=import_wh)
        return
    before, after = nearest_reads(service_point_id, device.id, at)
    if before is not None and import_wh < before.import_wh:
        yield say(
            "meter {device} read {before_wh} Wh at {read_at} already: a register cannot go back to {read_wh} Wh",
            device=device,
            before_wh=before.import_wh,
            read_at=before.read_at.isoformat(),
            read_wh=import_wh,
        )
    elif before is not None:
        most_wh = device.max_power_w * ((at - before.read_at) + _SLACK) / timedelta(hours=1)
        if import_wh - before.import_wh > most_wh:
            yield say(
                "{read_wh} Wh is too high: meter {device} read {before_wh} Wh at {read_at} and can have counted at most {most_wh} Wh since",
                read_wh=import_wh,
                read_at=before.read_at.isoformat(),
                device=device,
                before_wh=before.import_wh,
                most_wh=int(most_wh),
            )
    if after is not None and import_wh > after.import_wh:
        yield say(
            "meter {device} read only {after_wh} Wh at {read_at}: it cannot have read {read_wh} Wh before",
            device=device,
            after_wh=after.import_wh,
            read_at=after.read_at.isoformat(),
            read_wh=import_wh,
        )


_ANCHORS = """
SELECT (SELECT max(read_at) FROM readings.register WHERE service_point_id = %(place)s AND device_id = %(device)s
        AND kind IN (2, 3, 5) AND read_at <= %(at)s),
    (SELECT min(read_at) FROM readings.register WHERE service_point_id = %(place)s AND device_id = %(device)s
        AND kind IN (2, 3, 5) AND read_at > %(at)s)
"""
_BLOCKS = """
SELECT DISTINCT ON (start_at) start_at, start_at + make_interval(secs => length_s) FROM readings.interval
WHERE service_point_id = %(place)s AND device_id = %(device)s AND channel_set = 1
    AND start_at >= %(since)s AND start_at <= %(at)s
ORDER BY start_at, version DESC
"""


def known_instants_around(
    service_point_id: int, device_id: int, at: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return the last instant up to `at` and the first from it on at which the register is known, to the Wh.

    Both are `at` where it is known then: it was read, or an interval ends there and none is missing since the last
    read before. Energy can be divided between agreements at such an instant only.
    """
    where: dict[str, Any] = {"place": service_point_id, "device": device_id, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(_ANCHORS, where)
        before, after = cursor.fetchone()
        if before is None:
            return None, after
        cursor.execute(_BLOCKS, {**where, "since": before})
        blocks = cursor.fetchall()
    known = before
    for number, (start_at, end_at) in enumerate(blocks):
        # After a read in the middle of an interval the next whole one follows; later ones follow without a hole.
        if start_at - known >= (end_at - start_at if number == 0 else timedelta.resolution):
            break
        if end_at > at:
            after = end_at if after is None else min(end_at, after)
            break
        known = end_at
    return (known, known) if known == at else (known, after)


def split_faults(
    service_point_id: int, device: Device, at: datetime, register_wh: int | None
) -> Iterator[str]:
    """Yield why energy cannot be divided at an instant by a meter's register, in Wh, which a person may have read
    then.
    """
    if register_wh is not None:
        yield from read_faults(service_point_id, device, at, register_wh)
        return
    before, after = known_instants_around(service_point_id, device.id, at)
    if before == at:
        return
    nearest_known = " or ".join(one.isoformat() for one in (before, after) if one is not None)
    offer = (
        say(", or choose {nearest_known}, where it is known", nearest_known=nearest_known)
        if nearest_known
        else ""
    )
    yield say(
        "the register of meter {device} is not known at {at}: give the reading of that time (register_wh){offer}",
        device=device,
        at=at.isoformat(),
        offer=offer,
    )
