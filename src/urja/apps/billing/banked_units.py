"""What net metering has banked for an agreement now, and what becomes of it."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from urja.apps.billing import unit_banks
from urja.apps.billing.agreement_periods import days_of, period_of
from urja.apps.billing.unit_banks import StoredUnits
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries import tariffs
from urja.core.calendar import ONE_DAY, midnight
from urja.core.rating import Tariff, period_of as period_by_cycle
from urja.core.rating.accruals import Settlement

PERIODS: Final = 13
"""A year and the period in progress."""


@dataclass(frozen=True, slots=True)
class BankedUnits:
    """The banks of an agreement with the rule of its tariff in force."""

    stored: tuple[StoredUnits, ...]
    """Newest versions of the last periods, the newest period first."""
    period_ends: dict[date, date]
    """The day after the last one of each period, by its first day."""
    zones: dict[int, str]
    """Names of banks by their numbers; empty for the bank of all times."""
    settles_on: date | None
    """The last day of the period that settles the banks next; None where the tariff has no such month."""
    settles_at_end: bool
    """Whether they settle when the agreement ends."""
    rate_minor: Fraction | None
    """Minor units for 1 kWh that is settled; None where nothing will be: the tariff has no such line, or the agreement has ended."""
    currency: str

    @property
    def newest(self) -> tuple[StoredUnits, ...]:
        """The units of each bank in the newest period."""
        return tuple(each for each in self.stored if each.period_start == self.stored[0].period_start)


def banked_units(agreement: Agreement, day: date) -> BankedUnits | None:
    """Return what an agreement has banked by the last close, and its rule on a local day; None before it has anything.

    An agreement that has ended has the rule of its last day, and no settlement to come. Raises UnknownTariffError.
    """
    stored = tuple(unit_banks.of_agreement(agreement.id, PERIODS))
    if not stored:
        return None
    days = days_of(agreement)
    ended = day >= days.end
    day = min(day, days.end - ONE_DAY)
    code = agreement.terms_at(midnight(day, local_zone())).tariff_code
    tariff = tariffs.versions_in_force(code, day, day + ONE_DAY)[-1]
    line = next((line.accrual for line in tariff.lines if isinstance(line.accrual, Settlement)), None)
    return BankedUnits(
        stored,
        unit_banks.period_ends(agreement.id),
        {number: name for name, number in tariff.zones},
        None if ended else _settles_on(agreement, tariff, day),
        not ended and tariff.net_metering is not None and tariff.net_metering.settles_at_end,
        line.rate if line and not ended else None,
        tariff.currency,
    )


def _settles_on(agreement: Agreement, tariff: Tariff, day: date) -> date | None:
    if tariff.net_metering is None or tariff.net_metering.settlement_month is None:
        return None
    period = period_of(agreement, day)
    while (period.end - ONE_DAY).month != tariff.net_metering.settlement_month:
        period = period_by_cycle(period.end, tariff.cycle, agreement.billing_day or tariff.period_starts_on)
    return period.end - ONE_DAY
