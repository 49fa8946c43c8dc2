"""Parser of tariff documents: TOML, dated and versioned, one file for each version.

`parse_tariff` reports all faults of a document at once, each with its place and a sentence that says what to correct,
so that a tariff order is entered in one or two passes.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from urja.base import toml
from urja.core.rating.table_reader import TariffTableReader
from urja.core.rating.tariff import (
    Accrual,
    Band,
    BaseLine,
    ChargeLine,
    ContraKind,
    DatedPercent,
    Minimum,
    OnChange,
    Percent,
    PerTime,
    Prorate,
    RoundingScope,
    RoundOff,
    Scaling,
    Slab,
    Slabs,
    SlabTable,
    Tariff,
    UsePercent,
    bases_of,
    calculation_order,
)
from urja.core.table_reader import Fault
from urja.core.units import TO_MINOR_UNIT, RoundingStep, exact_text as _plain

FORMAT = 1
"""The document format that this module reads."""
_KINDS = ("slabs", "per-day", "per-month", "percent", "rebate", "minimum", "round-off")
_MOST_LINES = 100
"""A limit because the dependencies between lines are followed by recursion (`order_of`)."""
_NOT_YET = "docs/money.md lists what documents cannot express yet"


class TariffError(ValueError):
    """A text that is not a valid tariff document; `faults` has everything that is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def parse_tariff(text: str) -> Tariff:
    """Parse a tariff document, in which prices are major units and energies kWh.

    The result has prices in minor units. Raises TariffError with every fault found.
    """
    faults: list[Fault] = []
    try:
        table = toml.loads(text, parse_float=Decimal)
    except toml.TomlError as error:
        raise TariffError(
            [Fault("document", f"is not TOML: {error}; see the example in docs/money.md")]
        ) from error
    reader = TariffTableReader(table, "", faults)
    if reader.take("format") not in (FORMAT, None):
        reader.fault(f"is {table['format']!r}; this version of Urja reads format {FORMAT}", "format")
    exponent = _exponent(reader)
    valid_from = reader.day("valid_from")
    readers = reader.tables("line", "charge line")
    if len(readers) > _MOST_LINES:
        reader.fault(f"a bill has at most {_MOST_LINES} lines, not {len(readers)}", "line")
        readers = readers[:_MOST_LINES]
    lines = [line for line in (_line(item, 10**exponent) for item in readers) if line is not None]
    on_change, round_units = _on_change(reader)
    tariff = Tariff(
        code=reader.identifier("code"),
        version=reader.identifier("version"),
        title=reader.text("title"),
        currency=reader.currency(),
        exponent=exponent,
        valid_from=valid_from or date.min,
        period_starts_on=_starts_on(reader),
        on_change=on_change,
        round_units=round_units,
        modelled_on=reader.text("modelled_on", ""),
        lines=tuple(lines),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    reader.finish()
    # All names, also of lines with faults: a reference to a faulty line must not be reported as a second mistake.
    declared = {item.given.get("name") for item in readers}
    faults.extend(_between_lines(lines, declared))
    if faults:
        raise TariffError(faults)
    return tariff


def _exponent(reader: TariffTableReader) -> int:
    value = reader.take("decimals", 2)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 4:
        reader.fault(f"must be how many decimals the currency has, 0 to 4, not {value!r}", "decimals")
        return 2
    return value


def _starts_on(reader: TariffTableReader) -> int:
    value = reader.take("period_starts_on", 1)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 28:
        reader.fault(f"must be the day of the month, 1 to 28, not {value!r}", "period_starts_on")
        return 1
    return value


def _on_change(reader: TariffTableReader) -> tuple[OnChange, RoundingStep | None]:
    on_change = reader.choice("on_change", OnChange, OnChange.CONTINUE)
    if "round_units" in reader and on_change is not OnChange.BY_DAYS:
        reader.fault('is the rounding of on_change = "by-days"; leave it out, or give both', "round_units")
    return on_change, reader.step("round_units", "kWh")


def _line(reader: TariffTableReader, minor: int) -> ChargeLine | None:
    name = reader.identifier("name")
    if name:
        reader.where = f"line {name}"
    title = reader.text("title", name)
    kind = reader.take("accrues")
    accrual: Accrual
    match kind:
        case "slabs":
            accrual = _slabs(reader, _signed(reader, minor))
        case "per-day" | "per-month":
            accrual = _per_time(reader, _signed(reader, minor), monthly=kind == "per-month")
        case "percent" | "rebate":
            accrual = _percent(reader, minor, rebate=kind == "rebate")
        case "minimum":
            accrual = Minimum(_per_time(reader, minor, monthly=True), tuple(_bases(reader)))
        case "round-off":
            accrual = RoundOff(_whole(reader, minor), tuple(_bases(reader)))
        case None:
            return None
        case _:
            reader.fault(f"is {kind!r}; allowed are {', '.join(_KINDS)}; {_NOT_YET}", "accrues")
            return None
    # The rounding of a round-off applies to the sum of its lines. Its own amount, the difference, is a whole number
    # of minor units already.
    step, each = (
        (TO_MINOR_UNIT, RoundingScope.LINE) if kind == "round-off" else _money_rounding(reader, minor)
    )
    book = reader.choice("book", ContraKind, ContraKind.DUTY if kind == "percent" else ContraKind.REVENUE)
    reader.finish()
    return ChargeLine(name, title, accrual, step, each, book) if name else None


def _signed(reader: TariffTableReader, minor: int) -> int:
    """Return how many minor units a major unit has; negative where the line is a credit (a subsidy by the kWh)."""
    value = reader.take("credit", default=False)
    if not isinstance(value, bool):
        reader.fault(f"must be true or false, not {value!r}", "credit")
    return -minor if value is True else minor


def _whole(reader: TariffTableReader, minor: int) -> RoundingStep:
    """Return the rounding step of a round-off."""
    if "round" not in reader:
        reader.take("round")
        return TO_MINOR_UNIT
    step, each = _money_rounding(reader, minor)
    if each is not RoundingScope.LINE:
        reader.fault('rounds the sum of its lines: leave out "each"', "round.each")
    return step


def _money_rounding(reader: TariffTableReader, minor: int) -> tuple[RoundingStep, RoundingScope]:
    table = reader.inner("round")
    if table is None:
        return RoundingStep(Fraction(1)), RoundingScope.LINE
    step = reader.step("round", "money")
    each = table.choice("each", RoundingScope, RoundingScope.LINE)
    # `step` read them through a reader of its own, so this one does not know.
    table.asked |= {"to", "mode"}
    table.finish()
    if step is None:
        return RoundingStep(Fraction(1)), each
    if (step.to * minor).denominator != 1:
        table.fault(f"must be a multiple of 1/{minor}: money is posted in whole minor units", "to")
    return RoundingStep(step.to * minor, step.mode), each


def _scaling(reader: TariffTableReader) -> Scaling:
    return Scaling(
        prorate=reader.choice("prorate", Prorate, Prorate.MONTH_FRACTION),
        round_width=reader.step("round_width", "kWh"),
    )


def _slabs(reader: TariffTableReader, minor: int) -> Slabs:
    if "by_use" in reader:
        _one_of(reader, "slabs", "by_use")
        tables = []
        for item, bound in _by_use(reader):
            tables.append(SlabTable(bound, _slab_table(item, minor)))
            item.finish()
    else:
        tables = [SlabTable(None, _slab_table(reader, minor))]
    return Slabs(
        tables=tuple(tables),
        scaling=_scaling(reader),
        round_energy=reader.step("round_energy", "kWh"),
    )


def _one_of(reader: TariffTableReader, key: str, other: str) -> None:
    """Report a key that states again what another key states."""
    if key in reader:
        reader.fault(f"is given beside {other}; keep one of them", key)
        reader.take(key)


def _by_use(reader: TariffTableReader) -> Iterator[tuple[TariffTableReader, Fraction | None]]:
    """Yield the entries of `by_use` with their bounds in kWh a month; the last one is open."""
    readers = reader.tables("by_use", "entry")
    below: Fraction | None = Fraction(0)
    for item in readers:
        bound = item.number("up_to", None)
        below = _rising(item, "up_to", bound, below, "kWh")
        yield item, bound
    if readers and below is not None:
        reader.fault("the last entry must be open: a larger use has no price", "by_use")


def _rising(
    item: TariffTableReader, key: str, bound: Fraction | None, below: Fraction | None, unit: str
) -> Fraction | None:
    """Report a bound that does not rise above the one before it; return the bound that the next entry must exceed."""
    if below is None:
        item.fault("follows an entry without an upper bound: only the last may be open", key)
        return None
    if bound is None:
        return below if key in item else None
    if bound <= below:
        item.fault(f"ends at {_plain(bound)} {unit}, which is not above what is before it", key)
    return max(bound, below)


def _slab_table(reader: TariffTableReader, minor: int) -> tuple[Slab, ...]:
    readers = reader.tables("slabs", "slab")
    slabs = [_slab(item, minor) for item in readers]
    whole = [(item, slab) for item, slab in zip(readers, slabs, strict=True) if slab is not None]
    if len(whole) == len(readers) and whole:
        _check_slabs(whole)
    return tuple(slab for _, slab in whole)


def _slab(reader: TariffTableReader, minor: int) -> Slab | None:
    low = reader.number("from")
    high = reader.number("up_to", None)
    rate = reader.number("rate")
    reader.finish()
    if low is None or rate is None or (high is None and "up_to" in reader):
        return None
    if high is not None and high <= low:
        reader.fault(
            f"ends at {_plain(high)} kWh, which is not above its beginning, {_plain(low)} kWh", "up_to"
        )
        return None
    return Slab(low, high, rate * minor)


def _check_slabs(slabs: list[tuple[TariffTableReader, Slab]]) -> None:
    first_reader, first = slabs[0]
    if first.from_kwh != 0:
        first_reader.fault(
            f"the first slab begins at {_plain(first.from_kwh)} kWh; it must begin at 0", "from"
        )
    for (_, below), (reader, above) in pairwise(slabs):
        if below.up_to_kwh is None:
            reader.fault("follows a slab without an upper bound: only the last slab may be open", "from")
        elif above.from_kwh < below.up_to_kwh:
            shared = f"{_plain(above.from_kwh)} to {_plain(min(below.up_to_kwh, above.up_to_kwh or below.up_to_kwh))}"
            reader.fault(f"overlaps the slab before it: {shared} kWh is in both", "from")
        elif above.from_kwh > below.up_to_kwh:
            gap = f"{_plain(below.up_to_kwh)} to {_plain(above.from_kwh)}"
            reader.fault(f"leaves a gap after the slab before it: {gap} kWh has no price", "from")
    last_reader, last = slabs[-1]
    if last.up_to_kwh is not None:
        last_reader.fault(
            f"the last slab must be open: energy above {_plain(last.up_to_kwh)} kWh has no price", "up_to"
        )


def _per_time(reader: TariffTableReader, minor: int, *, monthly: bool) -> PerTime:
    per = reader.take("per", "connection")
    if per not in ("connection", "kW"):
        reader.fault(f"is {per!r}; allowed are connection, kW; {_NOT_YET}", "per")
    bands = _bands(reader, minor)
    by_use = any(band.up_to_kwh is not None for band in bands)
    scaling = Scaling(Prorate.MONTH_FRACTION, None)
    if monthly:
        scaling = Scaling(reader.choice("prorate", Prorate, Prorate.MONTH_FRACTION), None)
    if by_use:
        scaling = Scaling(scaling.prorate, reader.step("round_width", "kWh"))
    return PerTime(monthly, per == "kW", bands, scaling, reader.step("round_load", "kW"))


def _bands(reader: TariffTableReader, minor: int) -> tuple[Band, ...]:
    if "bands" not in reader:
        rate = reader.number("rate")
        return () if rate is None else (Band(None, None, rate * minor),)
    _one_of(reader, "rate", "bands")
    items = reader.tables("bands", "band")
    unit = "kWh" if any("up_to_kwh" in item for item in items) else "kW"
    key = f"up_to_{unit.lower()}"
    bands: list[Band] = []
    below: Fraction | None = Fraction(0)
    for item in items:
        if unit == "kWh" and "up_to_kw" in item:
            item.fault("is given beside up_to_kwh: bands go by load or by use, not by both", "up_to_kw")
            item.asked.add("up_to_kw")
        bound, rate = item.number(key, None), item.number("rate")
        item.asked |= {"up_to_kw", "up_to_kwh"}
        item.finish()
        below = _rising(item, key, bound, below, unit)
        if rate is not None:
            by_load, by_use = (bound, None) if unit == "kW" else (None, bound)
            bands.append(Band(by_load, by_use, rate * minor))
    if items and below is not None:
        what = "larger loads have" if unit == "kW" else "a larger use has"
        reader.fault(f"the last band must be open: {what} no price", "bands")
    return tuple(bands)


def _percent(reader: TariffTableReader, minor: int, *, rebate: bool) -> Percent:
    sign = Fraction(-1 if rebate else 1, 100)
    rates: tuple[DatedPercent, ...] = ()
    by_use: list[UsePercent] = []
    if "by_use" in reader:
        _one_of(reader, "percent", "by_use")
        _one_of(reader, "rates", "by_use")
        for item, bound in _by_use(reader):
            value, most = item.number("percent"), item.number("at_most", None)
            item.finish()
            if value is not None:
                by_use.append(UsePercent(bound, value * sign, None if most is None else most * minor))
    elif "rates" in reader:
        _one_of(reader, "percent", "rates")
        rates = _dated(reader, sign)
    else:
        value = reader.number("percent")
        rates = () if value is None else (DatedPercent(None, value * sign),)
    at_most = reader.number("at_most", None)
    scaled = by_use or at_most is not None
    return Percent(
        rates=rates,
        by_use=tuple(by_use),
        at_most=None if at_most is None else at_most * minor,
        scaling=_scaling(reader) if scaled else Scaling(Prorate.MONTH_FRACTION, None),
        on=tuple(_bases(reader)),
    )


def _dated(reader: TariffTableReader, sign: Fraction) -> tuple[DatedPercent, ...]:
    rates: list[DatedPercent] = []
    for n, item in enumerate(reader.tables("rates", "rate")):
        day, value = item.day("from", None), item.number("percent")
        item.finish()
        if n and day is None and "from" not in item:
            item.fault("needs the day from which it holds", "from")
        elif n and day and rates and rates[-1].from_day and day <= rates[-1].from_day:
            item.fault("must be later than the rate before it", "from")
        elif not n and "from" in item:
            item.fault("is not for the first rate: it holds until the second begins", "from")
        if value is not None:
            rates.append(DatedPercent(day if n else None, value * sign))
    return tuple(rates)


def _bases(reader: TariffTableReader) -> Iterator[BaseLine]:
    value = reader.take("on")
    if value is None:
        return
    if not isinstance(value, list) or not value:
        reader.fault('must name the lines it is taken of, such as ["energy"] or [{line = "energy"}]', "on")
        return
    for n, item in enumerate(value, 1):
        table = {"line": item} if isinstance(item, str) else item
        if not isinstance(table, dict):
            reader.fault(f"entry {n} must be a line's name or a table with one, not {item!r}", "on")
            continue
        inner = TariffTableReader(table, f"{reader.where}.on[{n}]", reader.faults)
        name, share = inner.text("line"), inner.number("percent", Fraction(100))
        inner.finish()
        if name and share is not None:
            yield BaseLine(name, share / 100)


def _between_lines(lines: list[ChargeLine], declared: set[object]) -> Iterator[Fault]:
    seen: set[str] = set()
    for line in lines:
        if line.name in seen:
            yield Fault(f"line {line.name}", "is defined twice; each line needs its own name")
        seen.add(line.name)
        for base in bases_of(line.accrual):
            if base.line not in declared:
                names = ", ".join(sorted(str(name) for name in declared if name and name != line.name))
                yield Fault(
                    f"line {line.name}.on",
                    f"names the line {base.line!r}, which does not exist; there are {names}",
                )
    for cycle in calculation_order(lines)[1]:
        chain = " -> ".join([*cycle, cycle[0]])
        yield Fault(f"line {cycle[0]}.on", f"depends on itself, by {chain}; remove one of the lines")
