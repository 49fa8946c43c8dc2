"""A meter's own totals and maxima: what its stored billing profiles say of a period, as arrays for the calculation."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby, pairwise

import numpy as np

from urja.apps.determinants.meter_calendars import agreed_throughout, held
from urja.apps.meter_types.billing_registers import billing_registers
from urja.apps.readings.queries.columns import Read, ReadingColumns, by_quantity
from urja.base.sql_cursor import Cursor
from urja.core.calendar import Period
from urja.core.calendars import Calendar
from urja.core.determinants import OwnPeriods
from urja.quantities.catalogue import Accumulation


def registers_beside(columns: ReadingColumns) -> list[Read]:
    """Return the reads of billing profiles, without what another read of the same instant says.

    A daily profile has no reactive energy, and bills what both have.
    """
    bills = {(read.number, read.read_at): read for read in columns.reads}
    found = []
    for read in columns.billing:
        other = bills.get((read.number, read.read_at))
        known = set() if other is None else set(other.channels.names)
        values = tuple(
            value if quantity.accumulation is Accumulation.REGISTER and quantity.name not in known else None
            for quantity, value in zip(read.channels.quantities, read.values, strict=True)
        )
        found.append(read._replace(values=values))
    return found


def own_periods(
    cursor: Cursor,
    columns: ReadingColumns,
    period: Period,
    bounds: tuple[datetime, datetime],
    versions: Sequence[Calendar],
) -> OwnPeriods | None:
    """Return the billing periods that meters ended within `bounds` (UTC) of a period; None without any.

    `versions` are those of the tariff's calendar, none for a tariff without zones. Raises UncoveredDayError.
    """
    begins = int(bounds[0].timestamp())
    pairs: list[tuple[Read, Read]] = []
    for _, reads in groupby(columns.billing, key=lambda read: read.number):
        pairs += [(before, after) for before, after in pairwise(reads) if after.read_at > begins]
    if not pairs:
        return None
    meters = [columns.meters[before.number] for before, _ in pairs]
    types = billing_registers(cursor, {meter.device_type for meter in meters})
    known = [types.get(meter.device_type) for meter in meters]
    calendars = held(cursor, {meter.device_id for meter in meters}) if versions else {}
    steps = _integers([1 if one is None else one.step for one in known])
    return OwnPeriods(
        segment=_integers([before.number for before, _ in pairs]),
        opened_at=_integers([before.read_at for before, _ in pairs]),
        closed_at=_integers([after.read_at for _, after in pairs]),
        same_calendar=np.array(
            [
                not versions
                or agreed_throughout(calendars.get(meter.device_id, []), versions, period, bounds)
                for meter in meters
            ],
            np.bool_,
        ),
        opening=by_quantity([before for before, _ in pairs]),
        closing=by_quantity([after for _, after in pairs]),
        resolution=steps,
        demand_resolution=steps,
        demand_s=_integers(
            [
                0 if one is None else one.demand_s or meter.interval_s
                for one, meter in zip(known, meters, strict=True)
            ]
        ),
    )


def _integers(values: Sequence[int]) -> np.typing.NDArray[np.int64]:
    return np.array(values, np.int64)
