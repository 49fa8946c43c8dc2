"""Which columns of a profile or push are stored, as which quantities, in the order of a channel set."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from urja.cosem.companion import column_quantities
from urja.cosem.companion.model import BILLING_DATE, Column, DeviceType, Profile, PushLayout
from urja.quantities.catalogue import BY_NAME, Accumulation, Commodity, Kind, Quantity
from urja.quantities.channel_sets import (
    BILLED,
    D1_BLOCK,
    D1_REGISTERS,
    D2_BLOCK,
    D2_REGISTERS,
    GAS_BLOCK,
    GAS_REGISTERS,
    INTERVALS_ALONE,
    REGISTERS_ALONE,
    ChannelSet,
    ChannelSetError,
)

_BLOCK_KEYS: Final = {
    "voltage": "mean_voltage_cv",
    "current": "mean_current_ca",
    "temperature": "mean_temperature_dc",
    "pressure": "mean_pressure_pa",
    "health": "meter_health",
}
"""Columns of a load profile whose keys are older than the catalogue of quantities."""

_OF_INTERVALS: Final = frozenset({Accumulation.DELTA, Accumulation.MEAN})
_EXPONENTS: Final = {"cV": -2, "cA": -2, "permille": -3, "mHz": -3, "dC": -1, "L": -3}
"""Powers of ten of base units that are parts of the unit on the wire: V, A, count, Hz, degrees Celsius and cubic metres."""
_KNOWN_SETS: Final = {
    True: (D1_BLOCK, D2_BLOCK, GAS_BLOCK),
    False: (D1_REGISTERS, D2_REGISTERS, GAS_REGISTERS),
}
"""Sets of intervals and of registers that profiles with fewer columns take, so that meters of one category have one set."""
_STORED: Final = {"block": True, "daily": False, "instantaneous": False}
"""The profiles and pushes that are stored, and whether their rows are intervals."""
_KEYS: Final = {Commodity.ELECTRICITY: "import_wh", Commodity.GAS: "volume_l"}
"""The columns that have what bills a commodity."""


def quantity_of(column: Column, *, of_intervals: bool, with_maxima: bool = False) -> Quantity | None:
    """Return the quantity that a column of a profile or push is stored as; None for one that is not stored.

    It is what the column names, or what its OBIS code is; of intervals also what its key is over one interval, as some
    makers have increments under codes of their own. Intervals have increments, means and the status word; reads have
    registers and the tamper count, those of a billing profile also maximum demands with their instants (`with_maxima`).
    """
    candidates = [column_quantities.quantity_of(column)]
    if of_intervals:
        candidates += [
            BY_NAME.get(f"interval_{column.key}"),
            BY_NAME.get(_BLOCK_KEYS.get(column.key, "")),
        ]
    return next(
        (
            one
            for one in candidates
            if one is not None and _is_stored(one, of_intervals=of_intervals, with_maxima=with_maxima)
        ),
        None,
    )


def _is_stored(quantity: Quantity, *, of_intervals: bool, with_maxima: bool) -> bool:
    if of_intervals:
        return quantity.accumulation in _OF_INTERVALS or quantity.name == "meter_health"
    if quantity.accumulation is Accumulation.MAXIMUM:
        return with_maxima
    return quantity.accumulation is Accumulation.REGISTER or quantity.name == "tamper_count"


@dataclass(frozen=True, slots=True)
class StoredColumns:
    """The channel set of a profile or push, and which column is at which place of it."""

    channels: ChannelSet
    places: tuple[tuple[int, Column], ...]

    def exponent(self, place: int) -> int:
        """Return the power of ten of the base unit at a place: 0 for Wh, -2 for cV."""
        return _EXPONENTS.get(self.channels.quantities[place].unit, 0)


@lru_cache(maxsize=256)
def stored_columns(
    columns: tuple[Column, ...], *, of_intervals: bool, with_maxima: bool = False
) -> StoredColumns:
    """Return what is stored of a profile or push with these columns.

    The quantities are those of a known set where it has all of them, else the columns' own: what is billed first, the
    others by their numbers, so that the order in which a maker captures them makes no other set. A maximum of which the
    profile does not capture the instant is left out, and so is an instant without its maximum.
    Raises ChannelSetError where no column is billed, and for what no set can have; `stored_problems` says so of a type.
    """
    found = {
        quantity: column
        for column in columns
        if (quantity := quantity_of(column, of_intervals=of_intervals, with_maxima=with_maxima)) is not None
    }
    names = {quantity.name for quantity in found}
    found = {
        quantity: column
        for quantity, column in found.items()
        if quantity.accumulation is not Accumulation.MAXIMUM or _other_half(quantity) in names
    }
    channels = next(
        (
            known
            for known in _KNOWN_SETS[of_intervals]
            if known.quantities[0] in found and found.keys() <= set(known.quantities)
        ),
        None,
    )
    if channels is None:
        ordered = sorted(found, key=_place)
        channels = ChannelSet("block" if of_intervals else "registers", tuple(ordered))
    places = tuple(
        (place, found[quantity]) for place, quantity in enumerate(channels.quantities) if quantity in found
    )
    return StoredColumns(channels, places)


def _other_half(quantity: Quantity) -> str:
    """Return the name of a maximum's instant, and of an instant's maximum."""
    return quantity.name.removesuffix("_at") if quantity.kind is Kind.TIME else f"{quantity.name}_at"


def _place(quantity: Quantity) -> tuple[bool, int, bool]:
    """Return the key that orders quantities: what is billed first, each instant behind its maximum."""
    is_instant = quantity.kind is Kind.TIME
    number = BY_NAME[_other_half(quantity)].id if is_instant else quantity.id
    return quantity.name not in BILLED, number, is_instant


def billing_columns(known: DeviceType) -> StoredColumns | None:
    """Return what is stored of a type's billing profile: totals, zones, and maximum demands with their instants.

    None where the type has no such profile, where it captures no billing date, and where its columns make no channel set: such a
    profile is shown and not stored.
    """
    profile = known.profiles.get("billing")
    if profile is None or BILLING_DATE not in {column.obis for column in profile.columns}:
        return None
    try:
        stored = stored_columns(profile.columns, of_intervals=False, with_maxima=True)
    except ChannelSetError:
        return None
    commodity = stored.channels.quantities[0].commodity
    return stored if commodity == Commodity(known.commodity) else None


def stored_problems(where: str, key: str, columns: tuple[Column, ...], commodity: Commodity) -> Iterator[str]:
    """Yield why the columns of a profile or push cannot be stored as quantities that bill a commodity."""
    if key not in _STORED or not columns:
        return
    of_intervals = _STORED[key]
    named = [(column.key, quantity_of(column, of_intervals=of_intervals)) for column in columns]
    for quantity, count in Counter(quantity for _, quantity in named if quantity is not None).items():
        if count > 1:
            keys = " and ".join(repr(name) for name, one in named if one == quantity)
            yield f"{where}: columns {keys} would both be stored as {quantity.name!r}: leave out all but one"
    [wanted] = (INTERVALS_ALONE if of_intervals else REGISTERS_ALONE)[commodity].names
    if BY_NAME[wanted] not in [quantity for _, quantity in named]:
        yield (
            f"{where}: no column is stored as {wanted!r}, which is billed: correct the OBIS code or the quantity"
            f" of the column {_KEYS[commodity]!r}"
        )
        return
    try:
        stored_columns(columns, of_intervals=of_intervals)
    except ChannelSetError as error:
        yield f"{where}: its columns cannot be stored together: {error}"


def stored_sets(known: DeviceType) -> frozenset[ChannelSet]:
    """Return the channel sets in which readings of a type are stored. Raises ChannelSetError as `stored_columns`."""
    layouts: list[Profile | PushLayout] = [*known.profiles.values(), *known.pushes.values()]
    billing = billing_columns(known)
    return frozenset(
        stored_columns(layout.columns, of_intervals=_STORED[layout.key]).channels
        for layout in layouts
        if layout.key in _STORED
    ) | frozenset(() if billing is None else (billing.channels,))
