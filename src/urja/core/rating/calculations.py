"""Calculations that entries name: everything that the target of a period was rated from, as JSON, and rating it again.

An entry stores no result but its amount. A calculation names texts by their hashes and the rules by their version, so that
the same engine comes to the same amounts at any later time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any, Final

from urja.core.calendar import Period
from urja.core.rating.account_groups import RatingInputs
from urja.core.rating.inputs_and_results import (
    NOTHING_MEASURED,
    OTHER_LOADS,
    EnergyUse,
    Measured,
    PastDemand,
    QuantityUse,
    RatedPeriod,
    RatingError,
    RatingTerms,
    totals,
)
from urja.core.rating.tariff import Tariff

RATING_RULES: Final = "rating 1"
"""Version of the arithmetic in `engine`. Other arithmetic is another version, and the function of this one stays."""

SHARED_IN_PERIOD: Final = ("rules", "billed", "by_day_from", "terms", "opening")
"""What the calculations of one period have in common until its terms, its days or its first read change."""


class UnknownRulesError(ValueError):
    """A calculation names rules that this program does not have."""


@dataclass(frozen=True, slots=True)
class NamedTerms:
    """Terms of an agreement from `first` on, with the SHA-256 of each version of its tariff in hexadecimal."""

    first: date
    load_w: int
    versions: tuple[str, ...]
    other_loads: Mapping[str, int] = field(default_factory=dict)
    """Loads besides the sanctioned one in W, as `RatingTerms` names them."""

    def to_json(self) -> list[object]:
        """Return it as stored with an entry; `from_json` reads it."""
        return [
            self.first,
            self.load_w,
            *([dict(self.other_loads)] if self.other_loads else []),
            *self.versions,
        ]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> "NamedTerms":
        """Return what `to_json` stored. Raises TypeError or ValueError for anything else."""
        first, load_w, *rest = stored
        loads = rest.pop(0) if rest and isinstance(rest[0], dict) else {}
        return cls(date.fromisoformat(first), load_w, tuple(rest), loads)


@dataclass(frozen=True, slots=True)
class Calculation:
    """What the target of a period up to `through` (exclusive) is calculated from."""

    billed: Period
    through: date
    by_day_from: date
    """First day with charges by day."""
    terms: tuple[NamedTerms, ...]
    uses: tuple[EnergyUse, ...]
    """Energy in Wh, part by part from the first billed day, without a gap."""
    measured: tuple[QuantityUse, ...] = ()
    """Determinants that its tariffs need, part by part from the first billed day, without a gap."""
    bank_wh: Mapping[int, int] = field(default_factory=dict)
    """Units banked before the period, in Wh by the number of the bank."""
    ends: bool = False
    """Whether the agreement ends with the billed days; said only of net metering."""
    past_demands: tuple[PastDemand, ...] = ()
    """Maximum demands of earlier periods that ratchets go by, each with the row that has it."""
    rules: str = RATING_RULES

    @property
    def energy_wh(self) -> int:
        """Energy of all parts, in Wh."""
        return sum(use.energy_wh for use in self.uses)

    @property
    def measured_totals(self) -> dict[str, int]:
        """Determinants of all parts by name: sums of energies and volumes (Wh, VAh, varh, litres), the highest of maxima (W, VA)."""
        return totals(use.values for use in self.measured)

    @property
    def tariffs(self) -> tuple[str, ...]:
        """SHA-256 of each version of a tariff, in hexadecimal."""
        return tuple(dict.fromkeys(version for each in self.terms for version in each.versions))

    def to_json(self) -> dict[str, object]:
        """Return it as stored with an entry; `from_json` reads it."""
        late = {"by_day_from": self.by_day_from} if self.by_day_from != self.billed.first else {}
        # The usual calculation is charged to the end of its energy.
        through = {} if self.uses and self.uses[-1].days.end == self.through else {"through": self.through}
        return {
            "rules": self.rules,
            "billed": [self.billed.first, self.billed.end],
            **through,
            **late,
            "terms": [each.to_json() for each in self.terms],
            # Each part begins where the one before it ends.
            "uses": [[use.days.end, use.energy_wh] for use in self.uses],
            **(
                {"measured": [[use.days.end, dict(use.values)] for use in self.measured]}
                if self.measured
                else {}
            ),
            **({"bank": sorted(map(list, self.bank_wh.items()))} if self.bank_wh else {}),
            **({"ends": True} if self.ends else {}),
            **({"past": [past.to_json() for past in self.past_demands]} if self.past_demands else {}),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Calculation":
        """Return the calculation that `to_json` stored. Raises LookupError, TypeError or ValueError for anything else."""
        first, end = map(date.fromisoformat, stored["billed"])
        ends = [date.fromisoformat(day) for day, _ in stored["uses"]]
        measured = stored.get("measured", [])
        measured_ends = [date.fromisoformat(day) for day, _ in measured]
        return cls(
            Period(first, end),
            date.fromisoformat(stored["through"]) if "through" in stored else ends[-1],
            date.fromisoformat(stored.get("by_day_from", stored["billed"][0])),
            tuple(NamedTerms.from_json(each) for each in stored["terms"]),
            tuple(
                EnergyUse(Period(begin, until), wh)
                for (begin, until), (_, wh) in zip(pairwise([first, *ends]), stored["uses"], strict=True)
            ),
            tuple(
                QuantityUse(Period(begin, until), values)
                for (begin, until), (_, values) in zip(
                    pairwise([first, *measured_ends]), measured, strict=True
                )
            ),
            dict(stored.get("bank", [])),
            stored.get("ends", False),
            tuple(past_from_json(past) for past in stored.get("past", [])),
            stored["rules"],
        )


def without_shared(stored: dict[str, Any], earlier_seq: int, earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return a calculation as JSON that names an earlier one in place of what both have; whole where something differs."""
    if any(stored.get(name) != earlier.get(name) for name in SHARED_IN_PERIOD):
        return stored
    return {"like": earlier_seq} | {
        name: value for name, value in stored.items() if name not in SHARED_IN_PERIOD
    }


def with_shared(stored: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return a calculation as JSON with what it shares with the one that it names. Raises ValueError for one that names a third."""
    if "like" in earlier:
        raise ValueError(f"it is like one that is like that of entry {earlier['like']}")
    return {name: value for name, value in earlier.items() if name in SHARED_IN_PERIOD} | dict(stored)


def _loads_of(stored: Mapping[str, int]) -> dict[str, Any]:
    if unknown := stored.keys() - set(OTHER_LOADS):
        raise RatingError(
            f"the calculation names loads that this program does not have: {', '.join(sorted(unknown))}"
        )
    return dict(stored)


def past_from_json(stored: Sequence[Any]) -> PastDemand:
    """Return an earlier demand as a calculation and `billing_rated` store it: dates of its period, then the rest."""
    first, end, *rest = stored
    return PastDemand(Period(date.fromisoformat(first), date.fromisoformat(end)), *rest)


def calculation_of(
    terms: Sequence[RatingTerms],
    uses: Sequence[EnergyUse],
    *,
    billed: Period,
    through: date,
    by_day_from: date,
    measured: Measured = NOTHING_MEASURED,
) -> Calculation:
    """Return the calculation that names what `rate_period` is given."""
    named = tuple(
        NamedTerms(
            each.first, each.load_w, tuple(version.sha256 for version in each.versions), each.other_loads
        )
        for each in terms
    )
    return Calculation(
        billed,
        through,
        by_day_from,
        named,
        tuple(uses),
        measured.uses,
        measured.bank_wh,
        measured.ends,
        measured.past_demands,
    )


def recalculate(calculation: Calculation, tariff_of: Callable[[str], Tariff]) -> RatedPeriod:
    """Return the charges of a named calculation; `tariff_of` returns the version with a SHA-256.

    Raises RatingError for contradicting inputs, and what `inputs_of` raises.
    """
    return inputs_of(calculation, tariff_of).rate()


def inputs_of(calculation: Calculation, tariff_of: Callable[[str], Tariff]) -> RatingInputs:
    """Return what a named calculation rates; `tariff_of` returns the version with a SHA-256.

    Raises UnknownRulesError for rules of another program, and what `tariff_of` raises.
    """
    if calculation.rules != RATING_RULES:
        raise UnknownRulesError(
            f"the calculation names rules {calculation.rules!r}; this program has {RATING_RULES}"
        )
    return RatingInputs(
        tuple(
            RatingTerms(
                each.first, tuple(map(tariff_of, each.versions)), each.load_w, **_loads_of(each.other_loads)
            )
            for each in calculation.terms
        ),
        calculation.uses,
        calculation.billed,
        calculation.through,
        calculation.by_day_from,
        Measured(
            calculation.measured,
            calculation.past_demands,
            bank_wh=calculation.bank_wh,
            ends=calculation.ends,
        ),
    )
