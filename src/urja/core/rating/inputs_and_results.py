"""The inputs and results of rating: energy, terms, and an amount for each charge line with its arithmetic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Final

from urja.core.calendar import ONE_DAY, Period
from urja.core.rating.accruals import LoadBasis
from urja.core.rating.priced_quantities import adds_up
from urja.core.rating.tariff import Tariff
from urja.core.units import RoundingStep, exact_text

ZERO = Fraction(0)
OTHER_LOADS: Final = ("load_va", "contracted_w", "contracted_va")
"""Names of the loads that terms may state besides the sanctioned load in W."""
ROUNDING = "rounding"
"""The unit of a rounding difference: minor units, at a rate of one."""


class RatingError(ValueError):
    """Energy, days or tariff versions that contradict each other."""


@dataclass(frozen=True, slots=True)
class EnergyUse:
    """Energy imported on the days of a period, in Wh."""

    days: Period
    energy_wh: int


def uses_between(first: date, known_wh: Mapping[date, int]) -> tuple[EnergyUse, ...]:
    """Return the energy between midnights, from the energy used since `first` by the beginning of each day, in Wh."""
    days = sorted(known_wh)
    return tuple(
        EnergyUse(Period(begin, end), known_wh[end] - known_wh.get(begin, 0))
        for begin, end in pairwise([first, *days])
    )


@dataclass(frozen=True, slots=True)
class QuantityUse:
    """Determinants of some days, besides the billed quantity: values by the names that rows of determinants have.

    Energies and volumes (Wh, VAh, varh, litres) are those of these days, a maximum (`max_import_va`, VA) is the highest
    on them. A quantity that is missing is not known, and not zero.
    """

    days: Period
    values: Mapping[str, int]


def uses_of_rows(first: date, rows: Mapping[date, Mapping[str, int]]) -> tuple[QuantityUse, ...]:
    """Return the quantities of days from rows of determinants, each from `first` to its day, both included.

    `rows` are by their last day, with the values that the newest version of the row has. What days have is the difference of two rows.
    A maximum belongs to the days in which the period's rose; on others it was no higher, and is left out. A quantity is known on days
    whose row and the row before both have it.
    """
    found = []
    before: Mapping[str, int] | None = None
    begins = first
    for day in sorted(rows):
        values = {}
        for name, value in rows[day].items():
            if adds_up(name) and not name.endswith("_permille"):
                if before is None or name in before:
                    values[name] = value - (before[name] if before else 0)
            elif (
                name.startswith("max_") and not name.endswith("_at") and (before or {}).get(name, -1) < value
            ):
                values[name] = value
        found.append(QuantityUse(Period(begins, day + ONE_DAY), values))
        before, begins = rows[day], day + ONE_DAY
    return tuple(found)


def totals(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return what several parts of a period come to, by name: the sum of energies and volumes, the highest of maxima."""
    found: dict[str, int] = {}
    for part in parts:
        for name, value in part.items():
            if name not in found:
                found[name] = value
            else:
                found[name] = found[name] + value if adds_up(name) else max(found[name], value)
    return found


@dataclass(frozen=True, slots=True)
class PastDemand:
    """The maximum demand of an earlier billing period, in W or VA, by the name of its determinant."""

    period: Period
    name: str
    power: int
    row_version: int = 0
    """Version of the row of determinants that it was read from; 0 where it is from none."""
    row_sha256: str = ""
    """SHA-256 of that row, in hexadecimal."""

    def to_json(self) -> list[object]:
        """Return it as entries and `billing_rated` store it; `past_from_json` reads it."""
        return [self.period.first, self.period.end, self.name, self.power, self.row_version, self.row_sha256]


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of an agreement in a billing period besides its billed energy."""

    uses: tuple[QuantityUse, ...] = ()
    """Of the elapsed days, without overlap; days without one count as days of which nothing is known yet."""
    past_demands: tuple[PastDemand, ...] = ()
    """Maximum demands of earlier periods, for ratchets; which of them may be used is for `determinants.ratchet`."""
    bank_wh: Mapping[int, int] = field(default_factory=dict)
    """Units banked by net metering before the period, in Wh by the number of the zone; 0 for a bank of all times."""
    ends: bool = False
    """Whether the agreement ends with the billed days."""


NOTHING_MEASURED = Measured()


@dataclass(frozen=True, slots=True)
class RatingTerms:
    """The terms of an agreement from `first` on: the versions of its tariff, and the sanctioned load in W."""

    first: date
    versions: tuple[Tariff, ...]
    load_w: int
    shares: Mapping[str, Fraction] = field(default_factory=dict)
    """Its shares of common quantities by the names that documents use (`flat`, `area`, `load`)."""
    load_va: int | None = None
    """Sanctioned load in VA."""
    contracted_w: int | None = None
    contracted_va: int | None = None

    @property
    def other_loads(self) -> dict[str, int]:
        """The loads that are stated besides the sanctioned load in W, by their names, in W and VA."""
        stated = {name: getattr(self, name) for name in OTHER_LOADS}
        return {name: load for name, load in stated.items() if load is not None}

    def load(self, basis: LoadBasis, *, apparent: bool) -> Fraction:
        """Return a load in kW, or in kVA where `apparent`; raises RatingError where the terms do not state it."""
        return Fraction(self.stated(basis, apparent=apparent), 1000)

    def stated(self, basis: LoadBasis, *, apparent: bool) -> int:
        """Return a load in W, or in VA where `apparent`; raises RatingError where the terms do not state it."""
        if basis is LoadBasis.SANCTIONED:
            found = self.load_va if apparent else self.load_w
        else:
            found = self.contracted_va if apparent else self.contracted_w
        if found is None:
            raise RatingError(
                f"the agreement has no {basis} load in {'kVA' if apparent else 'kW'} on {self.first}: state it in its terms"
            )
        return found


@dataclass(frozen=True, slots=True)
class LinePart:
    """One row of a line's arithmetic: `quantity` times `rate` is `amount`, in minor units.

    `key` identifies the slab, month or base, so that the parts of two results can be compared.
    """

    key: str
    label: str
    quantity: Fraction
    unit: str
    rate: Fraction
    amount: Fraction
    """After the part's rounding where the line rounds its parts; else the exact product."""
    weights: tuple[tuple[Period, Fraction], ...]
    """How the part spreads over days, for a percentage of it that changes on a day."""
    zone: str = ""
    """The time zone whose quantity it prices; empty where it goes by none."""

    @property
    def days(self) -> Period | None:
        """From its first day to its last; None where it spreads over none."""
        if not self.weights:
            return None
        return Period(min(days.first for days, _ in self.weights), max(days.end for days, _ in self.weights))


@dataclass(frozen=True, slots=True)
class RatedLine:
    """The amount of one charge line in minor units, with its parts."""

    name: str
    title: str
    amount_minor: int
    parts: tuple[LinePart, ...]

    @property
    def is_split(self) -> bool:
        """Whether another version of the tariff splits its parts, so that each is for its own days."""
        return len({part.key.partition(f"/{self.name}/")[0] for part in self.parts}) > 1


@dataclass(frozen=True, slots=True)
class BankRow:
    """The units of one bank in a period, in Wh: opening + exported = used + settled + closing."""

    zone: int
    """Number of the zone; 0 for a bank of all times."""
    opening_wh: int
    imported_wh: int
    exported_wh: int
    used_wh: int
    """What was set off against import."""
    settled_wh: int
    """What was paid in money at the settlement."""
    closing_wh: int

    @property
    def left_wh(self) -> int:
        """Import that is left to price."""
        return self.imported_wh - self.used_wh


@dataclass(frozen=True, slots=True)
class RatedPeriod:
    """The charges of the billed days up to `through` (exclusive)."""

    billed: Period
    through: date
    lines: tuple[RatedLine, ...]
    versions: tuple[Tariff, ...]
    """The tariff versions that rated the billed days, in their order."""
    notes: tuple[str, ...]
    """Roundings and splits of quantities, in words for a bill's explanation."""
    bank: tuple[BankRow, ...] = ()
    """Units of net metering up to `through`; what they settle is known once the period is over."""

    @property
    def total_minor(self) -> int:
        """The sum of all lines, in minor units."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def claims(self) -> dict[str, dict[str, int]]:
        """What others owe for the period, in minor units: by body and line, as the newest version with the line says."""
        found: dict[str, dict[str, int]] = {}
        bodies = {line.name: line.claim_on for tariff in self.versions for line in tariff.lines}
        for line in self.lines:
            if body := bodies.get(line.name):
                found.setdefault(body, {})[line.name] = -line.amount_minor
        return found

    def amount(self, name: str) -> int:
        """Return the amount of a line in minor units; zero where the tariff has no such line."""
        return sum(line.amount_minor for line in self.lines if line.name == name)


def rounded(value: Fraction, step: RoundingStep | None, what: str, unit: str, notes: list[str]) -> Fraction:
    """Round a quantity by a step, if there is one, and note it where that changes the quantity."""
    if step is None:
        return value
    rounded = step.apply(value)
    if rounded != value:
        notes.append(
            f"{what} of {exact_text(value)} {unit} rounded {step.mode} to {exact_text(rounded)} {unit}"
        )
    return rounded
