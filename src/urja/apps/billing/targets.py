"""The target of an agreement's period: what it costs by the readings as they are. Entries are differences of targets.

Energy (`usage`), prices and terms (`rating_basis`) and what was measured beside the energy meet here; the arithmetic is in
`urja.core.rating`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection

from urja.apps.billing import rating_basis, unit_banks
from urja.apps.billing.agreement_periods import days_of
from urja.apps.billing.rating_basis import Basis
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.queries import earlier_demands
from urja.apps.local_zone import local_zone
from urja.core.calendar import Period
from urja.core.rating import (
    Calculation,
    EnergyUse,
    Measured,
    PastDemand,
    QuantityUse,
    RatedLine,
    RatedPeriod,
    RatingInputs,
    calculation_of,
    past_from_json,
    uses_between,
)


@dataclass(frozen=True, slots=True)
class Rating:
    """A target with what it was calculated from."""

    target: RatedPeriod
    basis: Basis
    uses: tuple[EnergyUse, ...]
    measured: Measured

    @property
    def inputs(self) -> RatingInputs:
        """What the target was calculated from, as the engine takes it."""
        basis = self.basis
        return RatingInputs(
            basis.terms, self.uses, basis.billed, self.target.through, basis.by_day_from, self.measured
        )

    @property
    def reserve(self) -> tuple[RatedLine, ...]:
        """What lines that settle at close would add, in minor units, if the period ended now: an estimate, and no charge.

        None of a tariff without such lines. The caller knows that the period is not closed.
        """
        return self.inputs.reserve() if self.basis.settles_at_close else ()

    def settled_at_close(self) -> dict[str, int]:
        """Return how much of each line is due only because the period is closed, in minor units; what is zero is left out."""
        if not self.basis.settles_at_close or self.target.through < self.basis.billed.end:
            return {}
        open_ = self.inputs.rate(closed=False)
        settled = {line.name: line.amount_minor - open_.amount(line.name) for line in self.target.lines}
        return {name: minor for name, minor in settled.items() if minor}

    @property
    def calculation(self) -> Calculation:
        """The calculation as entries name it."""
        return calculation_of(
            self.basis.terms,
            self.uses,
            billed=self.basis.billed,
            through=self.target.through,
            by_day_from=self.basis.by_day_from,
            measured=self.measured,
        )


def rate(
    agreement: Agreement,
    period: Period,
    through: date,
    energy_wh: int,
    energy_at: Callable[[date], int],
    *,
    closed: bool | None = None,
) -> Rating:
    """Return the target of a period up to `through` (the day after the last), with `energy_wh` used until then.

    `energy_at` returns the energy in Wh up to the midnight at which a day begins; it is called for the days on which
    a price changes. Determinants are those that the period was last charged by. `closed` says whether lines that settle at
    close are charged; unless given, they are once all billed days are. Raises UnknownTariffError.
    """
    asked = PeriodSoFar(agreement, period, rating_basis.basis_for(agreement, period), through)
    (measured,) = as_charged([asked]) if asked.basis.goes_beyond_billed else (Measured(),)
    return rate_on(asked.basis, through, energy_wh, energy_at, measured, closed=closed)


def rate_on(
    basis: Basis,
    through: date,
    energy_wh: int,
    energy_at: Callable[[date], int],
    measured: Measured,
    *,
    closed: bool | None = None,
) -> Rating:
    """Return the target of a period by its terms and determinants; other arguments are as for `rate`."""
    inputs = rating_inputs(basis, through, energy_wh, energy_at, measured)
    return Rating(inputs.rate(closed=closed), basis, inputs.uses, measured)


def rating_inputs(
    basis: Basis, through: date, energy_wh: int, energy_at: Callable[[date], int], measured: Measured
) -> RatingInputs:
    """Return what the target of a period is calculated from; arguments are as for `rate_on`."""
    through = basis.charged_through(through)
    known_wh = {**{day: energy_at(day) for day in basis.changes_before(through)}, through: energy_wh}
    uses = uses_between(basis.billed.first, known_wh)
    return RatingInputs(basis.terms, uses, basis.billed, through, basis.by_day_from, measured)


@dataclass(frozen=True, slots=True)
class PeriodSoFar:
    """A billing period of an agreement up to the day `through`, exclusive, with what it is rated by."""

    agreement: Agreement
    period: Period
    basis: Basis
    through: date

    @property
    def key(self) -> tuple[int, date, date]:
        """Number of the agreement, first day of the period, and `through`."""
        return self.agreement.id, self.period.first, self.through

    @property
    def charged(self) -> Period:
        """The billed days that are charged when all days before `through` are."""
        return Period(self.basis.billed.first, self.basis.charged_through(self.through))


def as_charged(asked: Sequence[PeriodSoFar]) -> list[Measured]:
    """Return what each period was last charged by besides its energy; days without determinants that are needed have none yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.agreement_id, r.period_start, r.measured FROM unnest(%s::bigint[], %s::date[])"
            " AS asked (agreement_id, period_start) JOIN billing_rated r USING (agreement_id, period_start)"
            " WHERE r.measured IS NOT NULL",
            [[one.agreement.id for one in asked], [one.period.first for one in asked]],
        )
        stored = {
            (agreement_id, first): measured_from_json(measured)
            for agreement_id, first, measured in cursor.fetchall()
        }
    with_ratchets = [one.agreement.id for one in asked if one.basis.ratchets]
    earlier = earlier_demands(with_ratchets, local_zone()) if with_ratchets else {}
    netted: dict[date, list[int]] = {}
    for one in asked:
        if one.basis.net_metered:
            netted.setdefault(one.period.first, []).append(one.agreement.id)
    # By the period before: of a period that begins today no row is stored yet.
    banks = {first: unit_banks.UnitBanks.of(ids, first) for first, ids in netted.items()}
    found = []
    for one in asked:
        key, basis = (one.agreement.id, one.period.first), one.basis
        needed = basis.sums | basis.beside_readings
        found.append(
            Measured(
                tuple(
                    use
                    for use in stored.get(key, ())
                    if one.charged.intersection(use.days) == use.days and needed <= use.values.keys()
                ),
                basis.past_demands(earlier.get(one.agreement.id, ())),
                bank_wh=banks[one.period.first].opening_wh(*key) if basis.net_metered else {},
                ends=basis.net_metered and basis.billed.end == days_of(one.agreement).end,
            )
        )
    return found


def measured_from_json(stored: str) -> tuple[QuantityUse, ...]:
    """Return the determinants of parts of a period as `billing_rated` stores them."""
    return tuple(
        QuantityUse(Period(date.fromisoformat(first), date.fromisoformat(end)), values)
        for first, end, values in json.loads(stored)
    )


def past_demands_from_json(stored: str) -> tuple[PastDemand, ...]:
    """Return earlier demands as `billing_rated` stores them."""
    return tuple(past_from_json(past) for past in json.loads(stored))
