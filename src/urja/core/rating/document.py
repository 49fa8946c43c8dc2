"""Parser of tariff documents: TOML, dated and versioned, one file for each version.

`parse_tariff` reports all faults of a document at once, each with its place and a sentence that says what to correct,
so that a tariff order is entered in one or two passes.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from fractions import Fraction

from urja.core.rating.accruals import (
    Accrual,
    Band,
    DatedPercent,
    LoadBasis,
    Minimum,
    MoneyBase,
    MoneyRebate,
    Percent,
    PerTime,
    Prorate,
    RoundOff,
    Scaling,
    Slabs,
    SlabTable,
    UsePercent,
    ZonePercents,
    bases_of,
)
from urja.core.rating.demand_document import demand, demand_bounds, load_factor, power_factor, settles_of
from urja.core.rating.document_parts import bases_on, flag, one_of, rising, scaling_of, signed, slab_table
from urja.core.rating.quantity_document import (
    MEASURED,
    Surroundings,
    measure_of,
    net_metering_of,
    priced_by,
    settlement,
    zone_base_faults,
    zone_percents,
    zone_prices,
    zones_of,
)
from urja.core.rating.table_reader import TariffTableReader
from urja.core.rating.tariff import (
    BillingCycle,
    ChargeLine,
    Commodity,
    ContraKind,
    NetMetering,
    OnChange,
    RoundingScope,
    Tariff,
    billed_measure,
    calculation_order,
)
from urja.core.table_reader import DocumentError, Fault, tables_of
from urja.core.units import TO_MINOR_UNIT, RoundingStep, exact_text

FORMAT = 1
"""The document format that this module reads."""
_KINDS = (
    "slabs", "per-day", "per-month", "percent", "rebate", "minimum", "minimum-demand", "round-off", "zones", "zone-percent",
    "demand", "power-factor", "load-factor", "settlement", "recharge-rebate", "balance-rebate",
)  # fmt: skip
_USE_KEYS = {Commodity.ELECTRICITY: "up_to_kwh", Commodity.GAS: "up_to_m3"}
"""The bound of a band by the use of a month, in the unit that the commodity is billed in."""
_MOST_LINES = 100
"""A limit because the dependencies between lines are followed by recursion (`order_of`)."""
_MOST_DAYS = 366
"""Of a billing period."""
_NOT_YET = "docs/money.md lists what documents cannot express yet"


class TariffError(DocumentError):
    """A text that is not a valid tariff document."""


def parse_tariff(text: str) -> Tariff:
    """Parse a tariff document, in which prices are major units, and what is billed is kWh, or m³ of gas.

    The result has prices in minor units. Raises TariffError with every fault found.
    """
    faults: list[Fault] = []
    reader = TariffTableReader(tables_of(text, TariffError, "docs/money.md"), "", faults)
    reader.check_format(FORMAT)
    exponent = _exponent(reader)
    reader.commodity = reader.choice("commodity", Commodity, Commodity.ELECTRICITY)
    valid_from = reader.day("valid_from")
    readers = reader.tables("line", "charge line")
    if len(readers) > _MOST_LINES:
        reader.fault(f"a bill has at most {_MOST_LINES} lines, not {len(readers)}", "line")
        readers = readers[:_MOST_LINES]
    calendar = reader.identifier("calendar") if "calendar" in reader else reader.text("calendar", "")
    zones = zones_of(reader, calendar)
    surroundings = Surroundings(10**exponent, zones, net_metering_of(reader, zones))
    lines = [line for line in (_line(item, surroundings) for item in readers) if line is not None]
    on_change, round_units = _on_change(reader)
    tariff = Tariff(
        code=reader.identifier("code"),
        version=reader.identifier("version"),
        title=reader.text("title"),
        currency=reader.currency(),
        exponent=exponent,
        valid_from=valid_from or date.min,
        commodity=reader.commodity,
        period_starts_on=_starts_on(reader),
        on_change=on_change,
        round_units=round_units,
        modelled_on=reader.text("modelled_on", ""),
        calendar=calendar,
        zones=tuple(zones.items()),
        net_metering=surroundings.net_metering,
        cycle=_cycle(reader, surroundings.net_metering),
        lines=tuple(lines),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    reader.finish()
    # All names, also of lines with faults: a reference to a faulty line must not be reported as a second mistake.
    declared = {name for item in readers if isinstance(name := item.given.get("name"), str)}
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
    return on_change, reader.step("round_units", reader.unit)


def _line(reader: TariffTableReader, around: Surroundings) -> ChargeLine | None:
    minor = around.minor
    name = reader.identifier("name")
    if name:
        reader.where = f"line {name}"
    title = reader.text("title", name)
    kind = reader.take("accrues")
    measure = measure_of(reader, around) if kind in MEASURED else billed_measure(reader.commodity)
    accrual: Accrual
    match kind:
        case "slabs":
            accrual = _slabs(reader, around, signed(reader, minor), measure.unit)
        case "zones":
            accrual = zone_prices(reader, around, signed(reader, minor), measure)
        case "zone-percent":
            accrual = zone_percents(reader, around, measure)
        case "per-day" | "per-month":
            accrual = _per_time(reader, signed(reader, minor), monthly=kind == "per-month")
        case "percent" | "rebate":
            accrual = _percent(reader, minor, rebate=kind == "rebate")
        case "minimum":
            accrual = Minimum(_per_time(reader, minor, monthly=True), tuple(bases_on(reader)))
        case "minimum-demand":
            accrual = Minimum(demand(reader, around), tuple(bases_on(reader)))
        case "round-off":
            accrual = RoundOff(_whole(reader, minor), tuple(bases_on(reader)))
        case "demand":
            accrual = demand(reader, around)
        case "power-factor":
            accrual = power_factor(reader)
        case "load-factor":
            accrual = load_factor(reader, around)
        case "recharge-rebate" | "balance-rebate":
            of = MoneyBase.RECHARGES if kind == "recharge-rebate" else MoneyBase.BALANCES
            accrual = _money_rebate(reader, minor, of)
        case "settlement":
            accrual = settlement(reader, around)
        case None:
            # Which other keys the line may have depends on its kind; none of them has these letters alone.
            for key in reader.given:
                if {*key} <= {*"accrues"}:
                    reader.fault("is not known here; is it accrues?", key)
            return None
        case _:
            reader.fault(f"is {kind!r}; allowed are {', '.join(_KINDS)}; {_NOT_YET}", "accrues")
            return None
    # The rounding of a round-off applies to the sum of its lines. Its own amount, the difference, is a whole number
    # of minor units already.
    step, each = (
        (TO_MINOR_UNIT, RoundingScope.LINE) if kind == "round-off" else _money_rounding(reader, minor)
    )
    claim_on = reader.text("claim_on", "")
    if claim_on and not (str(kind).endswith("rebate") or reader.given.get("credit") is True):
        reader.fault("is for what a consumer is given: a rebate, or a line with credit = true", "claim_on")
    by_itself = ContraKind.DUTY if kind == "percent" else ContraKind.REVENUE
    book = reader.choice("book", ContraKind, ContraKind.RECEIVABLE if claim_on else by_itself)
    settles = settles_of(reader, accrual)
    reader.finish()
    return ChargeLine(name, title, accrual, step, each, book, measure, settles, claim_on) if name else None


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
        unit = exact_text(Fraction(1, minor))
        table.fault(f"must be a multiple of {unit}: money is posted in whole minor units", "to")
    return RoundingStep(step.to * minor, step.mode), each


def _slabs(reader: TariffTableReader, around: Surroundings, minor: int, unit: str) -> Slabs:
    by_demand = demand_bounds(reader, around)
    of_bounds = unit
    if by_demand is not None:
        of_bounds = "percent" if by_demand.by_load_factor else "hours"
    if "by_use" in reader:
        one_of(reader, "slabs", "by_use")
        tables = []
        for item, bound in _by_use(reader, of_bounds):
            tables.append(SlabTable(bound, slab_table(item, minor, of_bounds)))
            item.finish()
    else:
        tables = [SlabTable(None, slab_table(reader, minor, of_bounds))]
    return Slabs(
        tables=tuple(tables),
        scaling=scaling_of(reader, unit),
        round_energy=reader.step("round_energy", unit),
        priced_by=priced_by(reader, around),
        by_demand=by_demand,
    )


def _by_use(reader: TariffTableReader, unit: str) -> Iterator[tuple[TariffTableReader, Fraction | None]]:
    """Yield the entries of `by_use` with their bounds a month; the last one is open."""
    readers = reader.tables("by_use", "entry")
    below: Fraction | None = Fraction(0)
    for item in readers:
        bound = item.number("up_to", None)
        below = rising(item, "up_to", bound, below, unit)
        yield item, bound
    if readers and below is not None:
        reader.fault("the last entry must be open: a larger use has no price", "by_use")


def _per_time(reader: TariffTableReader, minor: int, *, monthly: bool) -> PerTime:
    per = reader.take("per", "connection")
    if per not in ("connection", "kW", "kVA"):
        reader.fault(f"is {per!r}; allowed are connection, kW, kVA; {_NOT_YET}", "per")
    unit = "kVA" if per == "kVA" else "kW"
    bands = _bands(reader, minor, unit)
    by_use = any(band.up_to_kwh is not None for band in bands)
    scaling = Scaling(Prorate.MONTH_FRACTION, None)
    if monthly:
        scaling = Scaling(reader.choice("prorate", Prorate, Prorate.MONTH_FRACTION), None)
    if by_use:
        scaling = Scaling(scaling.prorate, reader.step("round_width", reader.unit))
    telescopic = flag(reader, "telescopic")
    if telescopic and (per == "connection" or by_use or "bands" not in reader):
        reader.fault(
            'prices each part of a load by its band: it goes with per = "kW" or "kVA" and bands by load',
            "telescopic",
        )
    return PerTime(
        monthly,
        per in ("kW", "kVA"),
        bands,
        scaling,
        reader.step("round_load", unit),
        reader.choice("load", LoadBasis, LoadBasis.SANCTIONED),
        apparent=per == "kVA",
        telescopic=telescopic,
    )


def _bands(reader: TariffTableReader, minor: int, load_unit: str) -> tuple[Band, ...]:
    if "bands" not in reader:
        rate = reader.number("rate")
        return () if rate is None else (Band(None, None, rate * minor),)
    one_of(reader, "rate", "bands")
    items = reader.tables("bands", "band")
    of_use = _USE_KEYS[reader.commodity]
    of_load = f"up_to_{load_unit.lower()}"
    unit, key = (reader.unit, of_use) if any(of_use in item for item in items) else (load_unit, of_load)
    bands: list[Band] = []
    below: Fraction | None = Fraction(0)
    for item in items:
        if key == of_use and of_load in item:
            item.fault(f"is given beside {of_use}: bands go by load or by use, not by both", of_load)
            item.asked.add(of_load)
        bound, rate = item.number(key, None), item.number("rate")
        item.asked |= {of_load, of_use}
        item.finish()
        below = rising(item, key, bound, below, unit)
        if rate is not None:
            by_load, by_use = (None, bound) if key == of_use else (bound, None)
            bands.append(Band(by_load, by_use, rate * minor))
    if items and below is not None:
        what = "larger loads have" if unit == load_unit else "a larger use has"
        reader.fault(f"the last band must be open: {what} no price", "bands")
    return tuple(bands)


def _percent(reader: TariffTableReader, minor: int, *, rebate: bool) -> Percent:
    sign = Fraction(-1 if rebate else 1, 100)
    rates: tuple[DatedPercent, ...] = ()
    by_use: list[UsePercent] = []
    if "by_use" in reader:
        one_of(reader, "percent", "by_use")
        one_of(reader, "rates", "by_use")
        for item, bound in _by_use(reader, reader.unit):
            value, most = item.number("percent"), item.number("at_most", None)
            item.finish()
            if value is not None:
                by_use.append(UsePercent(bound, value * sign, None if most is None else most * minor))
    elif "rates" in reader:
        one_of(reader, "percent", "rates")
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
        scaling=scaling_of(reader) if scaled else Scaling(Prorate.MONTH_FRACTION, None),
        on=tuple(bases_on(reader)),
    )


def _money_rebate(reader: TariffTableReader, minor: int, of: MoneyBase) -> MoneyRebate:
    value, most = reader.number("percent"), reader.number("at_most", None)
    scaled = most is not None or of is MoneyBase.BALANCES
    return MoneyRebate(
        of,
        (value or Fraction(0)) / 100,
        None if most is None else most * minor,
        Scaling(
            reader.choice("prorate", Prorate, Prorate.MONTH_FRACTION) if scaled else Prorate.MONTH_FRACTION,
            None,
        ),
    )


def _cycle(reader: TariffTableReader, bank: NetMetering | None) -> BillingCycle:
    """Return how long billing periods are: a month unless the document says otherwise.

    A bank with a settlement month needs a period that ends in it, and one only.
    """
    cycle = _stated_cycle(reader)
    month = bank.settlement_month if bank is not None else None
    if month is None or cycle.months == 1:
        return cycle
    if not cycle.months:
        reader.fault("settles its banks in a month: let a period be of one month or more", "period")
        return cycle
    first_day = reader.given.get("period_starts_on", 1)
    last_months = {
        (cycle.first_month - 1 + n - (first_day == 1)) % 12 + 1 for n in range(0, 12, cycle.months)
    }
    if month not in last_months:
        ends = ", ".join(map(str, sorted(last_months)))
        reader.fault(f"has no period that ends in month {month}: settle the banks in one of {ends}", "period")
    return cycle


def _stated_cycle(reader: TariffTableReader) -> BillingCycle:
    value = reader.take("period", None)
    if isinstance(value, dict):
        table = reader.inner("period")
        assert table is not None
        if "days" in table:
            return _cycle_of_days(reader, table)
        months, first = table.take("months"), table.take("first_month", 1)
        table.finish()
        if isinstance(months, bool) or months not in (1, 2, 3, 4, 6, 12):
            table.fault(f"must divide a year, as 1, 2, 3, 4, 6 and 12 do, not {months!r}", "months")
            return BillingCycle()
        if isinstance(first, bool) or not isinstance(first, int) or not 1 <= first <= 12:
            table.fault(f"must be a month in which a period begins, 1 to 12, not {first!r}", "first_month")
            return BillingCycle()
        return BillingCycle(months, (first - 1) % months + 1)
    if value not in (None, "half-month", "day"):
        reader.fault(
            f"is {value!r}; allowed are half-month, day, {{months = 2, first_month = 1}}, {{days = 28, from = 2026-01-05}}",
            "period",
        )
    if value == "half-month" and reader.given.get("period_starts_on", 1) != 1:
        reader.fault("begins on the days 1 and 16: leave out period_starts_on", "period")
    return BillingCycle({"half-month": 0, "day": None}.get(value, 1) if isinstance(value, str) else 1)


def _cycle_of_days(reader: TariffTableReader, table: TariffTableReader) -> BillingCycle:
    days, first = table.take("days"), table.day("from")
    table.finish()
    if "period_starts_on" in reader:
        reader.fault("counts its days from the day it states: leave out period_starts_on", "period")
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _MOST_DAYS:
        table.fault(f"must be a number of days, 1 to {_MOST_DAYS}, not {days!r}", "days")
        return BillingCycle()
    return BillingCycle() if first is None else BillingCycle(None, days=days, counted_from=first)


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


def _between_lines(lines: list[ChargeLine], declared: set[str]) -> Iterator[Fault]:
    seen: set[str] = set()
    for line in lines:
        if line.name in seen:
            yield Fault(f"line {line.name}", "is defined twice; each line needs its own name")
        seen.add(line.name)
        if isinstance(line.accrual, ZonePercents):
            yield from zone_base_faults(line, lines)
        for base in bases_of(line.accrual):
            if base.line not in declared:
                names = ", ".join(sorted(name for name in declared if name and name != line.name))
                yield Fault(
                    f"line {line.name}.on",
                    f"names the line {base.line!r}, which does not exist; there are {names}",
                )
    for cycle in calculation_order(lines)[1]:
        chain = " -> ".join([*cycle, cycle[0]])
        yield Fault(f"line {cycle[0]}.on", f"depends on itself, by {chain}; remove one of the lines")
