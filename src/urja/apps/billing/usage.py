"""Energy that agreements have used in their billing periods, from the readings as they are."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from django.conf import settings
from django.db import connection

from urja.apps.local_zone import local_zone
from urja.apps.readings.accrual import PeriodEnergy, energies_until, recompute_moved_borders
from urja.core.calendar import Period, midnight


def energies(agreement_ids: Sequence[int], period: Period, until: date) -> dict[int, PeriodEnergy]:
    """Return the energy (Wh) of a period up to the midnight at which `until` begins, or its end, by agreement."""
    until_at = midnight(min(until, period.end), local_zone())
    with connection.cursor() as cursor:
        found = energies_until(cursor, agreement_ids, period.first, until_at, settings.URJA_TIMEZONE)
    return {energy.agreement_id: energy for energy in found}


def align_period_borders(known: dict[int, PeriodEnergy]) -> None:
    """Let earlier periods end on the register reads that these begin on, before the earlier ones are looked at."""
    with connection.cursor() as cursor:
        recompute_moved_borders(cursor, known.values(), settings.URJA_TIMEZONE)


def energy_at(agreement_id: int, period: Period) -> Callable[[date], int]:
    """Return a function for `targets.rate`: the energy in Wh of one agreement up to the midnight of a day, from the readings."""

    def at(day: date) -> int:
        found = energies([agreement_id], period, day).get(agreement_id)
        return found.billed_value if found else 0

    return at


def energies_at_changes(
    asked: Iterable[tuple[int, Period, Iterable[date]]],
) -> dict[tuple[int, date], dict[date, int]]:
    """Return the energy in Wh of agreements in a period up to the midnights of some of its days, from the rows.

    They are asked for by agreement, period and days, and found by agreement, first day of the period and day.
    """
    together: dict[tuple[Period, date], list[int]] = {}
    for agreement_id, period, days in asked:
        for day in days:
            together.setdefault((period, day), []).append(agreement_id)
    found: dict[tuple[int, date], dict[date, int]] = {}
    for (period, day), ids in together.items():
        known = energies(ids, period, day)
        for id_ in ids:
            found.setdefault((id_, period.first), {})[day] = known[id_].billed_value if id_ in known else 0
    return found


def accrued_wh(agreement_ids: Sequence[int]) -> dict[tuple[int, date], int]:
    """Return the accrued energy in Wh by agreement and calendar month.

    A cheap query for what has changed since it was rated.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, period, billed_value FROM readings.accrual WHERE agreement_id = ANY(%s)",
            [list(agreement_ids)],
        )
        return {(agreement_id, period): energy for agreement_id, period, energy in cursor.fetchall()}
