"""Readers of what tariff documents price by demand, power factor and load factor, and of when a line is charged."""

from collections.abc import Iterator
from dataclasses import fields
from fractions import Fraction

from urja.core.rating.accruals import (
    Accrual,
    Band,
    BilledDemand,
    Demand,
    DemandBasis,
    DemandBounds,
    Excess,
    FactorStep,
    LoadBasis,
    LoadFactor,
    LoadShare,
    Minimum,
    PerTime,
    PowerFactor,
    Ratchet,
    Settlement,
    Slabs,
)
from urja.core.rating.document_parts import bases_on, flag, one_of, rising, scaling_of
from urja.core.rating.quantity_document import Surroundings
from urja.core.rating.table_reader import TariffTableReader
from urja.core.rating.tariff import Commodity, Settles
from urja.core.units import RoundingStep, exact_text

FACTOR_BY = {
    "kVAh": ("import_vah",),
    "kvarh-lag": ("lag_varh",),
    "kvarh-lag-lead": ("lag_varh", "lead_varh"),
}
"""Determinants of a power factor besides active energy, by the words of `factor_by`."""
BOUNDS = ("hours", "load-factor")
"""What bounds for each kW or kVA of a demand are in."""


def settles_of(reader: TariffTableReader, accrual: Accrual) -> Settles:
    """Return when a line is charged, as it says or as its kind is by itself."""
    match accrual:
        case (
            Demand()
            | PowerFactor()
            | LoadFactor()
            | Settlement()
            | Minimum(price=Demand())
            | Slabs(by_demand=DemandBounds(basis=DemandBasis(goes_by_record=True)))
        ):
            allowed, why = [Settles.AT_CLOSE], "is known at the close alone"
        case PerTime():
            allowed, why = [Settles.PER_DAY, Settles.AT_CLOSE], "is charged by the day or at the close"
        case _:
            allowed, why = [Settles.PROGRESSIVE, Settles.AT_CLOSE], "is charged with the use or at the close"
    settles = reader.choice("settles", Settles, allowed[0])
    if settles not in allowed:
        reader.fault(f"is {settles.value!r}; a line of this kind {why}: {', '.join(allowed)}", "settles")
    return settles


def _share(reader: TariffTableReader, key: str, of: str, default: object = None) -> LoadShare | None:
    """Return the share of a load in an inner table; None where it is not given or wrong."""
    inner = reader.inner(key)
    if inner is None:
        return None
    value = inner.number("percent") if default is None else inner.number("percent", default)
    load = inner.choice(of, LoadBasis, LoadBasis.SANCTIONED)
    if of not in inner:
        inner.fault("must say of which load: sanctioned, contracted", of)
    inner.finish()
    return None if value is None else LoadShare(load, value / 100)


def demand(reader: TariffTableReader, around: Surroundings) -> Demand:
    """Return a price by the month for demand in kW or kVA, with its least amount, ratchet and excess."""
    if reader.commodity is not Commodity.ELECTRICITY:
        reader.fault("is for electricity: determinants of gas have no demand", "accrues")
    basis = _basis(reader, around)
    unit = "kVA" if basis.apparent else "kW"
    telescopic = flag(reader, "telescopic")
    if telescopic and "bands" not in reader:
        reader.fault("prices each part of the demand by its band: it goes with bands", "telescopic")
    return Demand(
        **{field.name: getattr(basis, field.name) for field in fields(DemandBasis)},
        bands=_bands(reader, around.minor, unit),
        telescopic=telescopic,
        excess=_excess(reader, around.minor, basis.billed),
        scaling=scaling_of(reader, unit),
    )


def _basis(reader: TariffTableReader, around: Surroundings) -> DemandBasis:
    """Return which demand counts, and what it is at least and at most."""
    unit = reader.text("unit")
    if unit and unit not in ("kW", "kVA"):
        reader.fault(f"is {unit!r}; demand is in kW, kVA", "unit")
    if "billed" not in reader:
        reader.take("billed")
    return DemandBasis(
        apparent=unit == "kVA",
        billed=reader.choice("billed", BilledDemand, BilledDemand.RECORDED),
        zones=tuple(_zones(reader, around)),
        floor=reader.number("floor", Fraction(0)) or Fraction(0),
        at_least=_share(reader, "at_least", "of"),
        at_most=_share(reader, "at_most", "of"),
        ratchet=_ratchet(reader),
        kva_fraction=_kva_fraction(reader, unit),
        round_demand=reader.step("round_demand", unit),
    )


def _inner_basis(reader: TariffTableReader, around: Surroundings) -> tuple[DemandBasis, TariffTableReader]:
    """Return the billed demand that a table `demand` states, and the table's reader, which is not finished."""
    if reader.commodity is not Commodity.ELECTRICITY:
        reader.fault("is for electricity: determinants of gas have no demand", "demand")
    # Of a table that is missing, or is none, that alone is reported.
    inner = reader.inner("demand") or TariffTableReader({}, "", [])
    basis = _basis(inner, around)
    if basis.billed is BilledDemand.EXCESS:
        inner.fault(
            "is 'excess', which prices what is above a load; allowed are recorded, sanctioned, contracted",
            "billed",
        )
    return basis, inner


def demand_bounds(reader: TariffTableReader, around: Surroundings) -> DemandBounds | None:
    """Return the demand that the bounds of slabs are for; None where the line names none."""
    if "demand" not in reader:
        return None
    basis, inner = _inner_basis(reader, around)
    bounds = inner.take("bounds", "hours")
    if bounds not in BOUNDS:
        inner.fault(f"is {bounds!r}; allowed are hours (of a month), load-factor (in percent)", "bounds")
    inner.finish()
    if bounds == "load-factor" and "prorate" in reader:
        reader.fault(
            "is for bounds by the month: a load factor is of the hours of the bill's days; leave it out",
            "prorate",
        )
    return DemandBounds(basis, by_load_factor=bounds == "load-factor")


def _kva_fraction(reader: TariffTableReader, unit: str) -> Fraction | None:
    percent = reader.number("kva_percent", None)
    if percent is not None and unit == "kVA":
        reader.fault('is the share of kVA that counts beside kW: it goes with unit = "kW"', "kva_percent")
    return None if percent is None else percent / 100


def _zones(reader: TariffTableReader, around: Surroundings) -> Iterator[int]:
    names = reader.take("zones", [])
    if not isinstance(names, list):
        reader.fault('must be the zones in which demand counts, such as ["peak"]', "zones")
        return
    for name in names:
        if name in around.zones:
            yield around.zones[name]
        else:
            known = ", ".join(around.zones) or "none: state them at the top"
            reader.fault(f"names {name!r}; the zones of the document are {known}", "zones")


def _bands(reader: TariffTableReader, minor: int, unit: str) -> tuple[Band, ...]:
    if "bands" not in reader:
        rate = reader.number("rate")
        return () if rate is None else (Band(None, None, rate * minor),)
    one_of(reader, "rate", "bands")
    bands: list[Band] = []
    below: Fraction | None = Fraction(0)
    for item in reader.tables("bands", "band"):
        bound, rate = item.number("up_to", None), item.number("rate")
        item.finish()
        below = rising(item, "up_to", bound, below, unit)
        if rate is not None:
            bands.append(Band(bound, None, rate * minor))
    if bands and below is not None:
        reader.fault("the last band must be open: a larger demand has no price", "bands")
    return tuple(bands)


def _ratchet(reader: TariffTableReader) -> Ratchet | None:
    inner = reader.inner("ratchet")
    if inner is None:
        return None
    periods, percent = inner.take("periods"), inner.number("percent", Fraction(100))
    inner.finish()
    if isinstance(periods, bool) or not isinstance(periods, int) or not 1 <= periods <= 60:
        inner.fault(f"must be how many billing periods back it looks, 1 to 60, not {periods!r}", "periods")
        return None
    return None if percent is None else Ratchet(periods, percent / 100)


def _excess(reader: TariffTableReader, minor: int, billed: BilledDemand) -> Excess | None:
    if "excess" not in reader and billed is BilledDemand.EXCESS:
        reader.fault(
            'is missing: the line prices nothing else; such as {above = "contracted", percent = 50}', "excess"
        )
    inner = reader.inner("excess")
    if inner is None:
        return None
    load = inner.choice("above", LoadBasis, LoadBasis.SANCTIONED)
    if "above" not in inner:
        inner.fault("must say above which load: sanctioned, contracted", "above")
    beyond = inner.number("beyond_percent", Fraction(100))
    if "rate" in inner:
        one_of(inner, "percent", "rate")
        rate, percent = inner.number("rate"), Fraction(0)
    else:
        rate, percent = None, inner.number("percent") or Fraction(0)
    inner.finish()
    above = LoadShare(load, (beyond or Fraction(100)) / 100)
    return Excess(above, None if rate is None else rate * minor, percent / 100)


def power_factor(reader: TariffTableReader) -> PowerFactor:
    """Return a table of penalties and incentives by the mean power factor."""
    if reader.commodity is not Commodity.ELECTRICITY:
        reader.fault("is for electricity", "accrues")
    by = reader.text("factor_by", "kVAh")
    if by not in FACTOR_BY:
        reader.fault(f"is {by!r}; allowed are {', '.join(FACTOR_BY)}", "factor_by")
    steps = _factor_steps(reader, "power factor", most=Fraction(1))
    step = reader.step("round_factor", "of power factor") or RoundingStep(Fraction(1, 1000))
    return PowerFactor(steps, FACTOR_BY.get(by, ("import_vah",)), step, tuple(bases_on(reader)))


def load_factor(reader: TariffTableReader, around: Surroundings) -> LoadFactor:
    """Return a table of penalties and incentives by the load factor, in percent."""
    if "demand" not in reader:
        reader.fault(
            'is missing: a load factor is of a demand, such as {unit = "kVA", billed = "contracted"}',
            "demand",
        )
    basis, inner = _inner_basis(reader, around)
    inner.finish()
    steps = _factor_steps(reader, "load factor")
    step = reader.step("round_factor", "percent of load factor") or RoundingStep(Fraction(1, 100))
    return LoadFactor(steps, basis, step, tuple(bases_on(reader)))


def _factor_steps(
    reader: TariffTableReader, factor: str, most: Fraction | None = None
) -> tuple[FactorStep, ...]:
    """Return the entries of a table by a factor, which is below `most` where that is given."""
    steps: list[FactorStep] = []
    below: Fraction | None = Fraction(0)
    readers = reader.tables("table", "entry")
    for item in readers:
        bound = item.number("up_to", None)
        below = rising(item, "up_to", bound, below, f"of {factor}")
        if bound is not None and most is not None and bound >= most:
            item.fault(f"is {exact_text(bound)}; a {factor} is below 1, such as 0.90", "up_to")
        sign = -1 if "incentive" in item else 1
        if sign < 0:
            one_of(item, "penalty", "incentive")
        value = item.number("incentive" if sign < 0 else "penalty", Fraction(0))
        per, counted_from = item.number("per", None), item.number("from", None)
        item.finish()
        if per is not None and not per:
            item.fault("must be a step above zero, such as 0.01", "per")
            per = None
        if (per is None) != (counted_from is None):
            item.fault(f"goes with from: the {factor} from which steps are counted", "per")
        if value is not None:
            steps.append(FactorStep(bound, value * sign / 100, per, counted_from or Fraction(0)))
    if readers and below is not None:
        reader.fault(f"the last entry must be open: a higher {factor} has no entry", "table")
    return tuple(steps)
