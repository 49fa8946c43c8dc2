"""What open periods have so far, read for many agreements together: the energy of periods that are no calendar months, and
the determinants of days that are not charged yet, from their readings. By these a fresh balance has zones, export, a
generator and converted gas before the close of a day stores the row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection

from urja.apps.billing import targets, usage
from urja.apps.billing.agreement_periods import current_period, days_of, period_of
from urja.apps.billing.targets import PeriodSoFar, Rating
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.evaluation import Wanted, evaluate
from urja.apps.determinants.gas_rules import GasSupplies
from urja.apps.local_zone import local_zone
from urja.apps.readings.accrual import PeriodEnergy
from urja.apps.readings.queries.columns import Owner
from urja.apps.rulebook.queries import calendars, heat_values
from urja.core.calendar import ONE_DAY, Period
from urja.core.rating import Measured, QuantityUse
from urja.quantities.catalogue import Commodity


def accrued_by_rows(
    asked: Iterable[tuple[Agreement, date | None]], now: datetime
) -> dict[int, list[PeriodEnergy]]:
    """Return the energy (Wh) of billing periods from the readings by agreement, the current period last.

    Each agreement comes with its last closed day. The periods are those with a day after it, and the last one before the
    current one, whose readings may still come. Accruals are stored by calendar month, so they do not serve other periods.
    Raises UnknownTariffError.
    """
    together: dict[Period, list[int]] = {}
    for agreement, closed_through in asked:
        for period in _unclosed(agreement, now, closed_through):
            together.setdefault(period, []).append(agreement.id)
    found: dict[int, list[PeriodEnergy]] = {}
    for period, ids in sorted(together.items()):
        for id_, energy in usage.energies(ids, period, period.end).items():
            found.setdefault(id_, []).append(energy)
    return found


def _unclosed(agreement: Agreement, now: datetime, closed_through: date | None) -> Iterator[Period]:
    """Yield the periods of `accrued_by_rows`, the current one first."""
    current = period = current_period(agreement, now)
    yield period
    while period.first > days_of(agreement).first:
        before = period.first - ONE_DAY
        if period != current and closed_through is not None and closed_through >= before:
            return
        period = period_of(agreement, before)
        yield period


@dataclass(frozen=True, slots=True)
class SoFar:
    """What some periods have besides their energy, up to the days through which they were asked for."""

    _measured: Mapping[tuple[int, date, date], Measured]
    _changes_wh: Mapping[tuple[int, date], Mapping[date, int]]

    def measured_of(self, asked: PeriodSoFar) -> Measured:
        """Return what a period has that its tariffs need besides the billed quantity."""
        return self._measured.get(asked.key, Measured())

    def rate(self, asked: PeriodSoFar, energy_wh: int, *, closed: bool) -> Rating:
        """Return the target of a period in which `energy_wh` were used; arguments are as for `targets.rate_on`."""
        changes_wh = self._changes_wh.get((asked.agreement.id, asked.period.first), {})
        return targets.rate_on(
            asked.basis,
            asked.through,
            energy_wh,
            changes_wh.__getitem__,
            self.measured_of(asked),
            closed=closed,
        )


def read(asked: Iterable[PeriodSoFar]) -> SoFar:
    """Return what some periods have so far: their determinants, and their energy up to each change of a price.

    All periods are read together. Nothing is stored, and the close of a day calculates its own.
    """
    periods = {one.key: one for one in asked}
    needing = {key: one for key, one in periods.items() if one.basis.goes_beyond_billed}
    return SoFar(
        dict(zip(needing, _measured(list(needing.values())), strict=True)),
        usage.energies_at_changes(
            (one.agreement.id, one.period, one.basis.changes_before(one.charged.end))
            for one in periods.values()
        ),
    )


def _measured(asked: Sequence[PeriodSoFar]) -> list[Measured]:
    """Return the determinants of each period: as charged, then of the open days as read so far.

    Open days whose readings do not have all that the tariff needs are left out, as are all of an account that is held back
    for its calendars.
    """
    if not asked:
        return []
    charged = targets.as_charged(asked)
    open_ = [
        Period(max((use.days.end for use in known.uses), default=one.charged.first), one.charged.end)
        for one, known in zip(asked, charged, strict=True)
    ]
    values_of = _values(
        (one.agreement, days, next(iter(one.basis.calendars), ""))
        for one, days in zip(asked, open_, strict=True)
        if one.basis.needs and len(one.basis.calendars) <= 1
    )
    found = []
    for one, days, known in zip(asked, open_, charged, strict=True):
        read_ = values_of.get((one.agreement.id, days), {})
        values = {name: read_[name] for name in one.basis.needs if name in read_}
        if (one.agreement.id, days) in values_of and one.basis.sums <= values.keys():
            # Recharges, balances and shares of common areas count once their day is over: none yet.
            values |= dict.fromkeys(one.basis.beside_readings, 0)
            found.append(replace(known, uses=(*known.uses, QuantityUse(days, values))))
        else:
            found.append(known)
    return found


def read_so_far(agreement: Agreement, days: Period) -> dict[str, int]:
    """Return the values of some days by the names of determinants, in their units, from the readings as they are."""
    return _values([(agreement, days, "")]).get((agreement.id, days), {})


def _values(
    asked: Iterable[tuple[Agreement, Period, str]],
) -> dict[tuple[int, Period], dict[str, int]]:
    """Return the determinants of some days by agreement and days, by zones of the calendar with a code, from the readings.

    Left out are agreements without such days, without readings, and with days before their calendar.
    """
    wanted = {(agreement.id, days): (agreement, days, code) for agreement, days, code in asked if days.days}
    if not wanted:
        return {}
    supplies = {
        agreement.id: agreement.service_point_id
        for agreement, *_ in wanted.values()
        if agreement.commodity == Commodity.GAS
    }
    codes = {code for *_, code in wanted.values() if code}
    versions = {code: tuple(calendars.versions_of(code)) for code in codes}
    with connection.cursor() as cursor:
        documents = heat_values.all_versions() if supplies else ()
        gas = GasSupplies(cursor, documents, supplies, local_zone())
        rows = evaluate(
            cursor,
            [
                Wanted(
                    Owner.agreement(id_),
                    days,
                    days.end - ONE_DAY,
                    versions.get(code, ()),
                    gas=gas.rules(id_, days),
                )
                for (id_, days), (*_, code) in wanted.items()
                if not code or any(version.valid_from <= days.first for version in versions[code])
            ],
            local_zone(),
        )
    return {
        (row.wanted.agreement_id, row.wanted.period): {
            name: one.value for name, one in row.values_by_name.items()
        }
        for row in rows
    }
