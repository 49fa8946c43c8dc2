"""Rates of the U.S. Utility Rate Database (OpenEI, JSON of version 7) as tariff and calendar documents.

What a record says and a document cannot is listed, and never left out unsaid: keys that this module does not know are in
the list too. The database has prices by period and tier; `…weekdayschedule` and `…weekendschedule` say which period each
hour of each month is in.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from urja.core.calendars.zones import MOST_ZONES
from urja.core.units import exact_text, parse_exact

_DESCRIBES: Final = frozenset(
    {
        "label", "utility", "eiaid", "name", "uri", "approved", "is_default", "startdate", "enddate", "sector", "servicetype",
        "description", "source", "sourceparent", "basicinformationcomments", "energycomments", "demandcomments", "supersedes",
        "revisions", "country", "phasewiring", "voltagecategory", "voltageminimum", "voltagemaximum", "peakkwcapacitymin",
        "peakkwcapacitymax", "peakkwcapacityhistory", "peakkwhusagemin", "peakkwhusagemax", "peakkwhusagehistory", "energyrateunit",
        "demandrateunit", "flatdemandunit", "fixedchargeunits", "minchargeunits", "energytoulabels", "demandlabels",
        "demandunits", "_version",
    }
)  # fmt: skip
"""Keys that describe a rate or its eligibility, or that are read beside another."""
_READ: Final = frozenset(
    {
        "energyratestructure", "energyweekdayschedule", "energyweekendschedule", "demandratestructure", "demandweekdayschedule",
        "demandweekendschedule", "flatdemandstructure", "flatdemandmonths", "fixedchargefirstmeter", "fixedmonthlycharge",
        "mincharge", "minmonthlycharge",
    }
)  # fmt: skip
_CANNOT: Final = {
    "dgrules": "rules of export: the record has no bank and no settlement; state net_metering, or a line of export_wh",
    "usenetmetering": "net metering: the record has no bank and no settlement; state net_metering",
    "demandratchetpercentage": "a ratchet: documents have it by a number of past periods (ratchet)",
    "lookbackpercent": "a ratchet: documents have it by a number of past periods (ratchet)",
    "demandwindow": "the demand period in minutes: give it to urja bill as --demand-min; installations have 30",
    "coincidentratestructure": "demand at the instant of the system's peak is not a determinant",
    "demandreactivepowercharge": "a price of reactive power: documents have a table of power factors, or a price of lag_varh",
    "annualmincharge": "a minimum of a year: documents have one of a month",
    "fixedchargeeaaddl": "a charge for each further meter: an agreement has one service point",
}
_MONTHS: Final = 12
_HOURS: Final = 24
_DEMAND_UNITS: Final = ("kW", "kVA")
_ENERGY_UNITS: Final = frozenset({"kWh", "kWh daily", "kWh/kW", "kWh/kW daily"})
"""Units of the bounds of tiers; kWh for each kW are hours of the demand."""


type _Schedules = list[list[list[int]]]
"""Periods by weekday and weekend, month and hour."""


class OpenEiError(ValueError):
    """A record from which no document can be written; the text says why."""


@dataclass(frozen=True, slots=True)
class Converted:
    """The documents of a rate, and what they do not say."""

    code: str
    tariff: str
    calendar: str
    """Empty where no price goes by time."""
    not_expressed: tuple[str, ...]


def convert(text: str, currency: str = "USD") -> Converted:
    """Return the documents of a record, or of a response with one; raises OpenEiError for any other text."""
    try:
        given = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise OpenEiError(f"is not JSON: {error}") from None
    items = given.get("items") if isinstance(given, dict) else given
    if isinstance(items, list):
        if len(items) != 1:
            raise OpenEiError(f"has {len(items)} rates: give a file with one of them")
        given = items[0]
    if not isinstance(given, dict) or not (_READ & given.keys()):
        raise OpenEiError(
            "is no rate of the database: energyratestructure and the other keys of charges are missing"
        )
    return _Conversion(given, currency).converted()


@dataclass(frozen=True, slots=True)
class _Tier:
    rate: Fraction
    """Of one unit, with the adjustment."""
    up_to: Fraction | None
    unit: str


class _Conversion:
    """One record as it is converted."""

    def __init__(self, record: Mapping[str, Any], currency: str) -> None:
        self._record, self._currency = record, currency
        self._lacks: list[str] = []
        self._zones: dict[tuple[int, int], int] = {}
        """Numbers of the time zones by periods of energy and of demand."""

    def converted(self) -> Converted:
        for key, value in self._record.items():
            if key in _CANNOT and value:
                self._lacks.append(f"{key}: {_CANNOT[key]}")
            elif key not in _READ | _DESCRIBES and value:
                self._lacks.append(f"{key}: is not read")
        energy = self._schedules("energy")
        demand = self._schedules("demand")
        self._find_zones(energy, demand)
        lines = [
            *self._energy(energy),
            *self._demand(demand),
            *self._flat_demand(),
            *self._fixed(),
        ]
        lines += self._minimum([name for name, _ in lines])
        if not lines:
            raise OpenEiError("; ".join(["has no charge that a document can express", *self._lacks]))
        code = self._code()
        calendar = self._calendar(code, energy, demand) if self._zones else ""
        head = self._head(code, f"{self._text('utility')}: {self._text('name')}".strip(": ") or code)
        if calendar:
            zones = ", ".join(f"{self._zone(pair)} = {number}" for pair, number in self._zones.items())
            head += f'calendar = "{code}"\nzones = {{{zones}}}\n'
        document = head + f"currency = {json.dumps(self._currency)}\n" + "".join(line for _, line in lines)
        return Converted(code, document, calendar, tuple(self._lacks))

    def _text(self, key: str) -> str:
        value = self._record.get(key)
        return value if isinstance(value, str) else ""

    def _code(self) -> str:
        said = self._text("label") or self._text("name") or "rate"
        return re.sub(r"[^A-Za-z0-9]+", "-", said).strip("-").lower()[:50] or "rate"

    def _head(self, code: str, title: str) -> str:
        began = self._record.get("startdate")
        first = (
            datetime.fromtimestamp(began, UTC).date()
            if isinstance(began, int) and 0 < began < 2**32
            else None
        )
        if first is None:
            self._lacks.append("startdate: is missing; valid_from is 2000-01-01: correct it")
        ended = self._record.get("enddate")
        if isinstance(ended, int) and 0 < ended < 2**32:
            last = datetime.fromtimestamp(ended, UTC).date()
            self._lacks.append(f"enddate: {last}; a version ends where the next one begins: load that too")
        day = first.isoformat() if first else "2000-01-01"
        return (
            f"format = 1\ncode = {json.dumps(code)}\nversion = {json.dumps(day)}\ntitle = {json.dumps(title)}\n"
            f"valid_from = {day}\nmodelled_on = {json.dumps('OpenEI Utility Rate Database ' + self._text('label'))}\n"
        )

    # Periods and time

    def _schedules(self, kind: str) -> _Schedules:
        """Return the periods by weekday and weekend, month and hour; none where the record has no valid ones."""
        found = []
        for days in ("weekday", "weekend"):
            key = f"{kind}{days}schedule"
            value = self._record.get(key)
            if value is None:
                return []
            if (
                not isinstance(value, list)
                or len(value) != _MONTHS
                or not all(isinstance(month, list) and len(month) == _HOURS for month in value)
                or not all(isinstance(hour, int) and hour >= 0 for month in value for hour in month)
            ):
                self._lacks.append(f"{key}: is no table of 12 months by 24 hours of period numbers")
                return []
            found.append(value)
        return found

    def _find_zones(self, energy: _Schedules, demand: _Schedules) -> None:
        """Find the time zones: each pair of an energy period and a demand period that some hour has."""
        pairs = sorted(
            {
                self._pair(energy, demand, d, m, h)
                for d in range(2)
                for m in range(_MONTHS)
                for h in range(_HOURS)
            }
        )
        if len(pairs) > MOST_ZONES:
            self._lacks.append(
                f"time: {len(pairs)} combinations of periods of energy and demand; a calendar has at most {MOST_ZONES} zones"
            )
        elif len(pairs) > 1:
            self._zones = {pair: number for number, pair in enumerate(pairs, 1)}

    def _pair(
        self, energy: _Schedules, demand: _Schedules, days: int, month: int, hour: int
    ) -> tuple[int, int]:
        priced = bool(self._structure("demandratestructure"))
        return (
            energy[days][month][hour] if energy else 0,
            demand[days][month][hour] if demand and priced else 0,
        )

    def _zone(self, pair: tuple[int, int]) -> str:
        by_demand = len({demand for _, demand in self._zones}) > 1
        return f"energy-{pair[0] + 1}" + (f"-demand-{pair[1] + 1}" if by_demand else "")

    def _calendar(self, code: str, energy: _Schedules, demand: _Schedules) -> str:
        months = [
            tuple(
                tuple(self._zone(self._pair(energy, demand, days, month, hour)) for hour in range(_HOURS))
                for days in range(2)
            )
            for month in range(_MONTHS)
        ]
        kinds = list(dict.fromkeys(day for month in months for day in month))
        if any(weekday != weekend for weekday, weekend in months):
            self._lacks.append("holidays: the record has none; add them to the calendar")
        text = self._head(code, f"Time of use of {code}")
        for pair, number in self._zones.items():
            name = self._zone(pair)
            text += f'[[zone]]\nnumber = {number}\nname = "{name}"\ntitle = "{name}"\n'
        for n, hours in enumerate(kinds, 1):
            spans = ", ".join(
                f'{{from = "{begin:02}:00", to = "{end:02}:00", zone = "{hours[begin]}"}}'
                for begin, end in _runs(hours)
            )
            text += f'[[day]]\nname = "day-{n}"\nzones = [{spans}]\n'
        changes = [m for m in range(_MONTHS) if months[m] != months[m - 1]] or [0]
        for m in changes:
            begins = f'from = "{m + 1:02}-01"\n' if len(changes) > 1 else ""
            weekday, weekend = (kinds.index(day) + 1 for day in months[m])
            text += f'[[season]]\nname = "month-{m + 1}"\n{begins}weekdays = "day-{weekday}"\nweekend = "day-{weekend}"\n'
        return text

    # Charges

    def _structure(self, key: str) -> list[list[_Tier]]:
        """Return the tiers of each period with their prices; no periods where none has a price."""
        value = self._record.get(key)
        if not isinstance(value, list):
            return []
        found = [
            [self._tier(key, tier) for tier in period if isinstance(tier, dict)]
            for period in value
            if isinstance(period, list)
        ]
        for n, period in enumerate(found, 1):
            if any(tier.up_to is None for tier in period[:-1]):
                self._lack(f"{key}: period {n}: tiers after one without max; they are left out")
            elif period and (bound := period[-1].up_to) is not None:
                self._lack(
                    f"{key}: period {n} ends at {exact_text(bound)}; its last price is taken for all above that too"
                )
        return found if any(tier.rate for period in found for tier in period) else []

    def _tier(self, key: str, tier: Mapping[str, Any]) -> _Tier:
        rate, adjustment, bound = (parse_exact(tier.get(name)) for name in ("rate", "adj", "max"))
        for name, number in (("rate", rate), ("adj", adjustment), ("max", bound)):
            if number is None and tier.get(name) not in (None, ""):
                self._lack(f"{key}: {name} is {str(tier[name])!r}, which is no number; it is left out")
        if tier.get("sell"):
            self._lack(
                f"{key}: a price for what is sold (sell); state a line of export_wh with credit = true"
            )
        return _Tier((rate or Fraction(0)) + (adjustment or Fraction(0)), bound, str(tier.get("unit") or ""))

    def _lack(self, sentence: str) -> None:
        if sentence not in self._lacks:
            self._lacks.append(sentence)

    def _energy(self, energy: _Schedules) -> Iterator[tuple[str, str]]:
        key = "energyratestructure"
        structure = self._structure(key)
        if not structure:
            return
        used = sorted({hour for days in energy for month in days for hour in month}) or [0]
        if used[-1] >= len(structure):
            self._lack(f"{key}: has {len(structure)} periods, and the schedule names number {used[-1]}")
            return
        if lacking := [str(period + 1) for period in used if not structure[period]]:
            self._lack(f"{key}: period {', '.join(lacking)} has no price, and the schedule names it")
            return
        bounded = {tier.unit for period in used for tier in structure[period] if tier.up_to is not None}
        units = bounded - {""} or {"kWh"}
        if any(tier.rate < 0 for period in used for tier in structure[period]):
            self._lack(f"{key}: a price below zero; state it as a line with credit = true")
            return
        if units - _ENERGY_UNITS or len(units) > 1:
            self._lack(
                f"{key}: bounds of tiers in {', '.join(sorted(units))}; documents have them all in kWh a month, or all in "
                "hours of the demand"
            )
            return
        daily, by_demand = "daily" in min(units), "/kW" in min(units)
        tables = {period: _slabs(structure[period], 30 if daily else 1) for period in used}
        prorate = 'prorate = "days-of-30"\n' if daily else ""
        if len(used) == 1:
            demand = 'demand = {unit = "kW", billed = "recorded"}\n' if by_demand else ""
            yield (
                "energy",
                _line("energy", "Energy", f'accrues = "slabs"\n{demand}{prorate}slabs = {tables[used[0]]}\n'),
            )
            return
        if by_demand:
            self._lack(f"{key}: tiers in hours of the demand by time; a line of zones has no demand")
            return
        if not self._zones:
            self._lack(f"{key}: its periods, as there are no zones for them")
            return
        slabbed = any(len(structure[period]) > 1 for period in used)
        if slabbed and len(self._zones) > len(used):
            self._lack(
                f"{key}: tiers of periods that demand periods divide; slabs are filled by the energy of one zone"
            )
            return
        if slabbed and any(len({*energy[0][month], *energy[1][month]}) > 1 for month in range(_MONTHS)):
            self._lack(
                f"{key}: how tiers of several periods in one month meet; each is filled by its own energy"
            )
        prices = ", ".join(
            f'{{zone = "{self._zone(pair)}", '
            + (
                f"slabs = {tables[pair[0]]}}}"
                if slabbed
                else f'rate = "{exact_text(structure[pair[0]][0].rate)}"}}'
            )
            for pair in self._zones
        )
        meets = 'zones_and_slabs = "within-zones"\n' + prorate if slabbed else ""
        otherwise = self._zone(next(iter(self._zones)))
        yield (
            "energy",
            _line(
                "energy",
                "Energy",
                f'accrues = "zones"\n{meets}otherwise = "{otherwise}"\nprices = [{prices}]\n',
            ),
        )

    def _demand(self, demand: _Schedules) -> Iterator[tuple[str, str]]:
        key, unit = "demandratestructure", self._unit("demandrateunit")
        for period, tiers in enumerate(self._structure(key)):
            if not any(tier.rate for tier in tiers):
                continue
            if problem := self._demand_problem(tiers, unit):
                self._lack(f"{key}: period {period + 1}: {problem}")
                continue
            inside = [pair for pair in self._zones if pair[1] == period]
            everywhere = not demand or all(pair[1] == period for pair in self._zones or [(0, period)])
            if not everywhere and not inside:
                self._lack(f"{key}: period {period + 1}: no hour has it, or there are no zones for it")
                continue
            if not everywhere and not all(
                period in (*demand[0][month], *demand[1][month]) for month in range(_MONTHS)
            ):
                self._lack(
                    f"{key}: period {period + 1} is in some months alone; write a version of the tariff for each season"
                )
                continue
            names = ", ".join(f'"{self._zone(pair)}"' for pair in inside)
            zones = "" if everywhere else f"zones = [{names}]\n"
            name = f"demand-{period + 1}"
            yield name, _line(name, f"Demand, period {period + 1}", _demand_keys(unit, tiers) + zones)

    def _flat_demand(self) -> Iterator[tuple[str, str]]:
        key, unit = "flatdemandstructure", self._unit("flatdemandunit")
        structure, months = self._structure(key), self._record.get("flatdemandmonths")
        if not structure:
            return
        periods = (
            set(months)
            if isinstance(months, list) and all(isinstance(month, int) for month in months)
            else {0}
        )
        tiers = [structure[period] for period in sorted(periods) if 0 <= period < len(structure)]
        if not tiers or any(period != tiers[0] for period in tiers):
            self._lack(f"{key}: prices that differ by month; write a version of the tariff for each season")
        elif problem := self._demand_problem(tiers[0], unit):
            self._lack(f"{key}: {problem}")
        else:
            yield "flat-demand", _line("flat-demand", "Demand", _demand_keys(unit, tiers[0]))

    def _unit(self, key: str) -> str:
        return self._text(key) or self._text("demandunits") or "kW"

    def _demand_problem(self, tiers: Sequence[_Tier], unit: str) -> str:
        if unit not in _DEMAND_UNITS:
            return f"demand in {unit!r}; documents price {', '.join(_DEMAND_UNITS)} by the month"
        if not tiers:
            return "no price"
        return "a price below zero" if any(tier.rate < 0 for tier in tiers) else ""

    def _fixed(self) -> Iterator[tuple[str, str]]:
        amount, unit = self._priced("fixedchargefirstmeter", "fixedchargeunits", "fixedmonthlycharge")
        if not amount:
            return
        kind, parts = {"$/month": ("per-month", 1), "$/day": ("per-day", 1), "$/year": ("per-month", 12)}.get(
            unit, ("", 1)
        )
        if not kind or amount < 0:
            self._lack(
                f"fixedchargefirstmeter: {exact_text(amount)} {unit}; documents have prices by the day and month"
            )
            return
        rate = amount / parts
        yield "fixed", _line("fixed", "Fixed charge", f'accrues = "{kind}"\nrate = "{exact_text(rate)}"\n')

    def _minimum(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        amount, unit = self._priced("mincharge", "minchargeunits", "minmonthlycharge")
        if not amount or not names:
            return
        if unit != "$/month" or amount < 0:
            self._lack(f"mincharge: {exact_text(amount)} {unit}; documents have a minimum of a month")
            return
        on = ", ".join(f'"{name}"' for name in names)
        yield (
            "minimum",
            _line("minimum", "Minimum", f'accrues = "minimum"\nrate = "{exact_text(amount)}"\non = [{on}]\n'),
        )

    def _priced(self, key: str, unit: str, by_month: str) -> tuple[Fraction | None, str]:
        """Return an amount and its unit; records of older versions have amounts by the month."""
        if self._record.get(key) is not None:
            return parse_exact(self._record[key]), self._text(unit) or "$/month"
        return parse_exact(self._record.get(by_month)), "$/month"


def _runs(hours: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first hour and the hour after the last of each run of one zone."""
    begins = [hour for hour in range(_HOURS) if hour == 0 or hours[hour] != hours[hour - 1]]
    yield from zip(begins, [*begins[1:], _HOURS], strict=True)


def _slabs(tiers: Sequence[_Tier], times: int) -> str:
    """Return tiers as slabs, the last one open whatever bound it has; bounds are multiplied by `times`."""
    below, found = Fraction(0), []
    for bound, rate in _bounds(tiers):
        up_to = "" if bound is None else f', up_to = "{exact_text(bound * times)}"'
        found.append(f'{{from = "{exact_text(below)}"{up_to}, rate = "{exact_text(rate)}"}}')
        below = (bound or Fraction(0)) * times
    return f"[{', '.join(found)}]"


def _bounds(tiers: Sequence[_Tier]) -> Iterator[tuple[Fraction | None, Fraction]]:
    """Yield the bound and price of each tier up to the first one without a bound; the last one has none."""
    for n, tier in enumerate(tiers):
        bound = None if n == len(tiers) - 1 else tier.up_to
        yield bound, tier.rate
        if bound is None:
            return


def _demand_keys(unit: str, tiers: Sequence[_Tier]) -> str:
    """Return the keys of a demand line; each tier prices the demand within it."""
    bounds = list(_bounds(tiers))
    price = f'rate = "{exact_text(tiers[0].rate)}"\n'
    if len(bounds) > 1:
        bands = ", ".join(
            ("{" if bound is None else f'{{up_to = "{exact_text(bound)}", ')
            + f'rate = "{exact_text(rate)}"}}'
            for bound, rate in bounds
        )
        price = f"bands = [{bands}]\ntelescopic = true\n"
    return f'accrues = "demand"\nunit = "{unit}"\nbilled = "recorded"\n{price}'


def _line(name: str, title: str, keys: str) -> str:
    return f'\n[[line]]\nname = "{name}"\ntitle = "{title}"\n{keys}'
