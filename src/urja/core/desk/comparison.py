"""Two tariffs over the same usage: who pays how much more, by line and in total."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from urja.core.calendars import Calendar
from urja.core.desk.bills import BillingError, Contract, bills, unbilled
from urja.core.desk.past_demands import goes_by
from urja.core.desk.usage import Usage
from urja.core.rating import Tariff


@dataclass(frozen=True, slots=True)
class Compared:
    """What one sample pays by two tariffs, in minor units by line; the reserve of a period that is not over is included."""

    sample: str
    before: Mapping[str, int]
    after: Mapping[str, int]
    notes: tuple[str, ...] = ()
    """What of its usage is not billed, and where its times may be misread."""

    @property
    def totals(self) -> tuple[int, int]:
        """The totals by the first tariff and by the second, in minor units."""
        return sum(self.before.values()), sum(self.after.values())

    @property
    def more(self) -> int:
        """How much more the sample pays by the second tariff, in minor units; below zero where it pays less."""
        before, after = self.totals
        return after - before

    @property
    def more_by_line(self) -> dict[str, int]:
        """The same by line, without lines that do not differ."""
        names = dict.fromkeys([*self.before, *self.after])
        found = {name: self.after.get(name, 0) - self.before.get(name, 0) for name in names}
        return {name: more for name, more in found.items() if more}


def compare(
    before: Tariff,
    after: Tariff,
    calendars: Sequence[Calendar],
    samples: Mapping[str, Usage],
    contract: Contract,
    *,
    demand_s: int = 1800,
) -> list[Compared]:
    """Return what each sample pays by two tariffs, those that pay most more first.

    Both tariffs are taken to be in force on all days of the usage. Raises BillingError for tariffs in two currencies, and
    where a sample cannot be billed, with its name.
    """
    if (before.currency, before.exponent) != (after.currency, after.exponent):
        raise BillingError(
            f"{before.code} {before.version} is in {before.currency} and {after.code} {after.version} in "
            f"{after.currency}, with {before.exponent} and {after.exponent} decimals: amounts of one currency can be compared"
        )
    # A ratchet or a bank may be what differs: the tariff without it has no use for what is stated of it.
    if contract.bank_wh and not (before.net_metering or after.net_metering):
        raise BillingError("--bank: neither tariff has net_metering: leave it out")
    for one in contract.past_demands:
        # Each by itself: a zone may have another number in each.
        if not goes_by(one, [before]) and not goes_by(one, [after]):
            raise BillingError(f"--past-demand: no ratchet of either tariff goes by {one.text}: leave it out")
    found = []
    for name, usage in samples.items():
        try:
            sides = [_amounts(tariff, calendars, usage, contract, demand_s) for tariff in (before, after)]
        except BillingError as error:
            raise BillingError(f"sample {name}: {error}") from None
        before_it, after_it = sides
        found.append(Compared(name, before_it, after_it, unbilled(usage)))
    return sorted(found, key=lambda one: (-one.more, one.sample))


def _amounts(
    tariff: Tariff, calendars: Sequence[Calendar], usage: Usage, contract: Contract, demand_s: int
) -> dict[str, int]:
    own = [calendar for calendar in calendars if calendar.code == tariff.calendar]
    contract = replace(
        contract,
        past_demands=tuple(one for one in contract.past_demands if goes_by(one, [tariff])),
        bank_wh=contract.bank_wh if tariff.net_metering else {},
    )
    amounts: dict[str, int] = {}
    for bill in bills([replace(tariff, valid_from=date.min)], own, usage, contract, demand_s=demand_s):
        for line in (*bill.result.lines, *bill.reserve):
            amounts[line.name] = amounts.get(line.name, 0) + line.amount_minor
    return amounts
