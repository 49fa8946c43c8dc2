"""Data objects (class 1): read by a function of the meter, constant, or stored as the utility writes them."""

from typing import Final

from urja.cosem.apdu import AccessResult
from urja.cosem.axdr import Data, Tag
from urja.cosem.obis import Obis
from urja.meter.object_model import (
    NO_ROLE,
    READERS,
    UTILITY,
    Attribute,
    CosemObject,
    MeterState,
    Reader,
    RefusedError,
    Role,
    Writer,
)

STATUS_FILTER: Final = Obis.parse("0.0.94.91.26.255")
"""Event status word filter: the bits whose change is pushed as an alert."""


def data_object(
    obis: str, read: Reader, readers: frozenset[Role] = READERS, write: Writer | None = None
) -> CosemObject:
    """Return a data object that a function of the meter reads; with `write` the utility may write it."""
    writers = UTILITY if write else NO_ROLE
    return CosemObject(1, 0, Obis.parse(obis), {2: Attribute(read, readers, write, writers)})


def _size(data: Data) -> int:
    """Return the bits or bytes of a string, which a written value must not change; zero for a number."""
    return len(data.value) if data.tag in (Tag.BIT_STRING, Tag.OCTET_STRING) else 0


def stored_object(obis: str, initial: Data) -> CosemObject:
    """Return a data object that the utility writes and the meter only stores (display, filter)."""
    name = Obis.parse(obis)

    def write(meter: MeterState, data: Data) -> None:
        fits = data.tag is initial.tag and _size(data) == _size(initial)
        if not fits:
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        meter.store(name, data)

    return data_object(obis, lambda meter: meter.settings.get(name, initial), write=write)


def constant_object(obis: str, data: Data) -> CosemObject:
    """Return a data object with a value that never changes."""
    return data_object(obis, lambda _meter: data)
