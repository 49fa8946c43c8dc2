"""Registers as people read them at meters: whether one can be right, and the nearest known ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.assets.models import Device
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject
from urja.core.rating import Commodity

_SLACK: Final = timedelta(hours=1)
"""Clocks differ: the energy between two reads may have flowed for this much longer."""


@dataclass(frozen=True, slots=True)
class Read:
    """The billed register of a device at an instant, in Wh or litres."""

    read_at: datetime
    register: int


_NEAREST = """
(SELECT read_at, values[1], 'before' FROM readings.register
    WHERE service_point_id = %(place)s AND device_id = %(device)s AND kind <> 6 AND read_at < %(at)s
    ORDER BY read_at DESC, version DESC LIMIT 1)
UNION ALL (SELECT read_at, values[1], 'after' FROM readings.register
    WHERE service_point_id = %(place)s AND device_id = %(device)s AND kind <> 6 AND read_at > %(at)s
    ORDER BY read_at, version DESC LIMIT 1)
"""


def nearest_reads(service_point_id: int, device_id: int, at: datetime) -> tuple[Read | None, Read | None]:
    """Return the last read before an instant (UTC) and the first after it, without pushes from before commissioning."""
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST, {"place": service_point_id, "device": device_id, "at": at})
        found = {which: Read(read_at, register) for read_at, register, which in cursor.fetchall()}
    return found.get("before"), found.get("after")


def unit_faults(
    commodity: str, wh: int | None, litres: int | None, *, name: str = "register", needed: bool = False
) -> Iterator[str]:
    """Yield why a register is not given as the meter's commodity asks: `{name}_wh` for electricity, `{name}_l` for gas."""
    of_gas = commodity == Commodity.GAS
    field, other = (f"{name}_l", f"{name}_wh") if of_gas else (f"{name}_wh", f"{name}_l")
    given, wrong = (litres, wh) if of_gas else (wh, litres)
    if wrong is not None:
        yield (
            say("a gas meter counts litres: give {field}, and no {other}", field=field, other=other)
            if of_gas
            else say(
                "a meter of electricity counts Wh: give {field}, and no {other}", field=field, other=other
            )
        )
    elif needed and given is None:
        yield say("the register of the meter is missing: give {field}", field=field)


def register_faults(commodity: str, register: int) -> Iterator[str]:
    """Yield why a register cannot have a value, in Wh or litres."""
    if register < 0:
        yield say("a register cannot read {read} {unit}", read=register, unit=Commodity(commodity).meter_unit)


def read_faults(service_point_id: int, device: Device, at: datetime, register: int) -> Iterator[str]:
    """Yield why a meter's register cannot have a value, in Wh or litres."""
    if register < 0:
        yield from register_faults(device.commodity, register)
        return
    unit = Commodity(device.commodity).meter_unit
    before, after = nearest_reads(service_point_id, device.id, at)
    if before is not None and register < before.register:
        yield say(
            "meter {device} read {before} {unit} at {read_at} already: a register cannot go back to {read} {unit}",
            device=device,
            before=before.register,
            read_at=before.read_at.isoformat(),
            read=register,
            unit=unit,
        )
    elif before is not None:
        most = device.max_power_w * ((at - before.read_at) + _SLACK) / timedelta(hours=1)
        if register - before.register > most:
            yield say(
                "{read} {unit} is too high: meter {device} read {before} {unit} at {read_at} and can have counted at most {most} {unit} since",
                read=register,
                unit=unit,
                read_at=before.read_at.isoformat(),
                device=device,
                before=before.register,
                most=int(most),
            )
    if after is not None and register > after.register:
        yield say(
            "meter {device} read only {after} {unit} at {read_at}: it cannot have read {read} {unit} before",
            device=device,
            after=after.register,
            read_at=after.read_at.isoformat(),
            read=register,
            unit=unit,
        )


_ANCHORS = """
SELECT (SELECT max(read_at) FROM readings.register WHERE service_point_id = %(place)s AND device_id = %(device)s
        AND kind IN (2, 3, 5) AND read_at <= %(at)s),
    (SELECT min(read_at) FROM readings.register WHERE service_point_id = %(place)s AND device_id = %(device)s
        AND kind IN (2, 3, 5) AND read_at > %(at)s)
"""
_BLOCKS = """
SELECT DISTINCT ON (start_at) start_at, start_at + make_interval(secs => length_s) FROM readings.interval
WHERE service_point_id = %(place)s AND device_id = %(device)s AND series = 1
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
    where: JsonObject = {"place": service_point_id, "device": device_id, "at": at}
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


def split_faults(service_point_id: int, device: Device, at: datetime, register: int | None) -> Iterator[str]:
    """Yield why energy cannot be divided at an instant by a meter's register, in Wh or litres, which a person may have
    read then.
    """
    if register is not None:
        yield from read_faults(service_point_id, device, at, register)
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
        "the register of meter {device} is not known at {at}: give the reading of that time ({field}){offer}",
        device=device,
        at=at.isoformat(),
        field="register_l" if device.commodity == Commodity.GAS else "register_wh",
        offer=offer,
    )
