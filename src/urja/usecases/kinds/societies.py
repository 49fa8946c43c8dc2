"""The operation that sets up a society: its towers, flats, common areas, bulk supply and generator."""

from datetime import datetime

import msgspec

from urja.apps.journal.operation import Operation


class Tower(msgspec.Struct, kw_only=True, frozen=True):
    """A tower whose floors all have the same flats: 101 to 1204 is floors 1 to 12 with the flats 01 to 04."""

    name: str
    first_flat: int
    """Floor and two digits of the flat: 101 is the first flat of the first floor, 1 that of the ground floor."""
    last_flat: int


class SetUpSociety(Operation, kw_only=True):
    """Create a society with its towers, flats, common areas, bulk supply and generator, all without meters."""

    name: str
    towers: tuple[Tower, ...]
    common_areas: tuple[str, ...] = ()
    """Names of common areas that have meters of their own."""
    bulk: bool = False
    """The society has a bulk supply."""
    generator: bool = False
    """The society has a diesel generator."""
    prefix: str = ""
    """Beginning of the consumer numbers; empty for the initials of the name."""
    code: str = ""
    """Code of the society, by which areas name it; empty for the prefix without its dash."""
    address: str = ""
    pin_code: str = ""
    connected_at: datetime
    administration: str = ""
    """Level and code, such as `section North-2`."""
    grid: str = ""
    """Level and code, such as `transformer T1`."""
