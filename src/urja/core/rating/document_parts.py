"""Readers of what several kinds of lines of a tariff document have: slabs, bounds, bases, proration."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from urja.core.rating.accruals import BaseLine, Prorate, Scaling, Slab
from urja.core.rating.table_reader import TariffTableReader
from urja.core.units import exact_text as _plain


def signed(reader: TariffTableReader, minor: int) -> int:
    """Return how many minor units a major unit has; negative where the line is a credit (a subsidy by the kWh)."""
    return -minor if flag(reader, "credit") else minor


def flag(reader: TariffTableReader, key: str) -> bool:
    """Return true or false; false where it is missing or wrong."""
    value = reader.take(key, default=False)
    if not isinstance(value, bool):
        reader.fault(f"must be true or false, not {value!r}", key)
    return value is True


def one_of(reader: TariffTableReader, key: str, other: str) -> None:
    """Report a key that states again what another key states."""
    if key in reader:
        reader.fault(f"is given beside {other}; keep one of them", key)
        reader.take(key)


def rising(
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


def scaling_of(reader: TariffTableReader, unit: str = "") -> Scaling:
    """Return how bounds by the month are scaled to a period; `unit` is that of the bounds, if not the billed one."""
    return Scaling(
        prorate=reader.choice("prorate", Prorate, Prorate.MONTH_FRACTION),
        round_width=reader.step("round_width", unit or reader.unit),
    )


def slab_table(reader: TariffTableReader, minor: int, unit: str) -> tuple[Slab, ...]:
    """Return slabs without gap or overlap, the last one open; rates in minor units."""
    readers = reader.tables("slabs", "slab")
    slabs = [_slab(item, minor, unit) for item in readers]
    whole = [(item, slab) for item, slab in zip(readers, slabs, strict=True) if slab is not None]
    if len(whole) == len(readers) and whole:
        _check_slabs(whole, unit)
    return tuple(slab for _, slab in whole)


def _slab(reader: TariffTableReader, minor: int, unit: str) -> Slab | None:
    low = reader.number("from")
    high = reader.number("up_to", None)
    rate = reader.number("rate")
    reader.finish()
    if low is None or rate is None or (high is None and "up_to" in reader):
        return None
    if high is not None and high <= low:
        reader.fault(
            f"ends at {_plain(high)} {unit}, which is not above its beginning, {_plain(low)} {unit}", "up_to"
        )
        return None
    return Slab(low, high, rate * minor)


def _check_slabs(slabs: list[tuple[TariffTableReader, Slab]], unit: str) -> None:
    first_reader, first = slabs[0]
    if first.from_kwh != 0:
        first_reader.fault(
            f"the first slab begins at {_plain(first.from_kwh)} {unit}; it must begin at 0", "from"
        )
    for (_, below), (reader, above) in pairwise(slabs):
        if below.up_to_kwh is None:
            reader.fault("follows a slab without an upper bound: only the last slab may be open", "from")
        elif above.from_kwh < below.up_to_kwh:
            shared = f"{_plain(above.from_kwh)} to {_plain(min(below.up_to_kwh, above.up_to_kwh or below.up_to_kwh))}"
            reader.fault(f"overlaps the slab before it: {shared} {unit} is in both", "from")
        elif above.from_kwh > below.up_to_kwh:
            gap = f"{_plain(below.up_to_kwh)} to {_plain(above.from_kwh)}"
            reader.fault(f"leaves a gap after the slab before it: {gap} {unit} has no price", "from")
    last_reader, last = slabs[-1]
    if last.up_to_kwh is not None:
        last_reader.fault(
            f"the last slab must be open: a use above {_plain(last.up_to_kwh)} {unit} has no price", "up_to"
        )


def bases_on(reader: TariffTableReader) -> Iterator[BaseLine]:
    """Yield the lines that a line is calculated from."""
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
