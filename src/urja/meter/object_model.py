"""A COSEM object model independent of any meter: objects, access rights, selective access, and the catalogue that
serves it.

One catalogue serves all meters of a device type: an attribute is a function of the meter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Final, Protocol

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult
from urja.cosem.axdr import Data
from urja.cosem.obis import Obis
from urja.meter.engine import Engine
from urja.meter.identity import Identity
from urja.meter.inputs import Input


class Role(IntEnum):
    """The associations of IS 15959, numbered as in their logical names 0.0.40.0.e.255."""

    PUBLIC = 1
    READER = 2
    UTILITY = 3


ALL_ROLES: Final = frozenset(Role)
READERS: Final = frozenset({Role.READER, Role.UTILITY})
UTILITY: Final = frozenset({Role.UTILITY})
NO_ROLE: Final[frozenset[Role]] = frozenset()


class RefusedError(Exception):
    """The request is refused; `reason` is the result code on the wire."""

    def __init__(self, reason: AccessResult) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ByRange:
    """Selective access 1: rows stamped within [`from_s`, `to_s`] (Unix seconds), and the named columns (none: all)."""

    from_s: int
    to_s: int
    columns: tuple[tuple[int, Obis, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ByEntry:
    """Selective access 2: rows and columns by number, from 1; a last number of 0 means the highest."""

    first: int = 1
    last: int = 0
    first_column: int = 1
    last_column: int = 0


Selection = ByRange | ByEntry
ALL: Final = ByEntry()


class MeterState(Protocol):
    """What the object model reads and changes: the meter's engine, its identity and its counters."""

    identity: Identity
    engine: Engine
    settings: dict[Obis, Data]

    def invocation_counter(self, group_e: int) -> int:
        """Return the last counter received (or, for pushes, used) under security setup `group_e`."""
        ...

    def security_client_title(self, role: Role) -> bytes:
        """Return the system title of the client associated under a role, or eight zeros."""
        ...

    def operate(self, order: int) -> None:
        """Execute an order of the disconnect control."""
        ...

    def apply_input(self, what: Input) -> None:
        """Apply an input at the present instant."""
        ...

    def store(self, obis: Obis, data: Data) -> None:
        """Store the value written to a data object."""
        ...

    def change_secret(self, secret: bytes) -> None:
        """Replace the HLS secret of the utility association; raises RefusedError where the new one is not valid."""
        ...

    def transfer_keys(self, wrapped: Mapping[int, bytes]) -> None:
        """Replace keys, given by key id and wrapped with the master key.

        Raises RefusedError where one cannot be unwrapped.
        """
        ...

    def set_clock(self, moment: datetime) -> None:
        """Set the clock to a UTC instant."""
        ...


Reader = Callable[[Any], Data]
Selector = Callable[[object, Selection], Data]
Writer = Callable[[Any, Data], None]
Action = Callable[[Any, Data | None], Data | None]


@dataclass(frozen=True, slots=True)
class Attribute:
    """The functions that read, select from and write one attribute, and the roles that may."""

    read: Reader
    readers: frozenset[Role] = READERS
    write: Writer | None = None
    writers: frozenset[Role] = NO_ROLE
    select: Selector | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One method and the roles that may invoke it."""

    invoke: Action
    callers: frozenset[Role] = UTILITY


@dataclass(frozen=True, slots=True)
class CosemObject:
    """One COSEM object: class, version, logical name, attributes from 2 on (1 is the name), methods."""

    class_id: int
    version: int
    obis: Obis
    attributes: Mapping[int, Attribute]
    methods: Mapping[int, Method] = field(default_factory=dict)

    def attribute(self, number: int) -> Attribute | None:
        """Return an attribute, the logical name included; None where this object has no such number."""
        if number == 1:
            name = axdr.octets(bytes(self.obis))
            return Attribute(lambda _meter: name, self.visible_to())
        return self.attributes.get(number)

    def visible_to(self) -> frozenset[Role]:
        """Return the roles that may read or invoke anything of this object."""
        grants = [attribute.readers for attribute in self.attributes.values()]
        grants += [method.callers for method in self.methods.values()]
        return frozenset().union(*grants)


CURRENT_ASSOCIATION: Final = Obis.parse("0.0.40.0.0.255")


class ObjectCatalogue:
    """All objects of a device type by logical name; the current association (0.0.40.0.0.255) differs by role."""

    def __init__(self, objects: Iterable[CosemObject], current: Mapping[Role, CosemObject]) -> None:
        self._objects = {entry.obis: entry for entry in objects}
        self._current = dict(current)

    def find(self, class_id: int, obis: Obis, role: Role) -> CosemObject:
        """Return an object; raises RefusedError where no object has that name, or it is of another class."""
        entry = self._current[role] if obis == CURRENT_ASSOCIATION else self._objects.get(obis)
        if entry is None:
            raise RefusedError(AccessResult.OBJECT_UNDEFINED)
        if entry.class_id != class_id:
            raise RefusedError(AccessResult.OBJECT_CLASS_INCONSISTENT)
        return entry

    def read(
        self,
        meter: MeterState,
        role: Role,
        target: tuple[int, Obis, int],
        selection: Selection | None = None,
    ) -> Data:
        """Return one attribute for a role (GET); raises RefusedError with the reason for the client."""
        class_id, obis, number = target
        attribute = self._attribute(class_id, obis, number, role)
        if role not in attribute.readers:
            raise RefusedError(AccessResult.READ_WRITE_DENIED)
        if selection is None:
            return attribute.read(meter)
        if attribute.select is None:
            raise RefusedError(AccessResult.SCOPE_OF_ACCESS_VIOLATED)
        return attribute.select(meter, selection)

    def write(self, meter: MeterState, role: Role, target: tuple[int, Obis, int], data: Data) -> None:
        """Write one attribute for a role (SET); raises RefusedError with the reason for the client."""
        class_id, obis, number = target
        attribute = self._attribute(class_id, obis, number, role)
        if attribute.write is None or role not in attribute.writers:
            raise RefusedError(AccessResult.READ_WRITE_DENIED)
        attribute.write(meter, data)

    def invoke(
        self, meter: MeterState, role: Role, target: tuple[int, Obis, int], parameter: Data | None
    ) -> Data | None:
        """Invoke one method for a role (ACTION); raises RefusedError with the reason for the client."""
        class_id, obis, number = target
        method = self.find(class_id, obis, role).methods.get(number)
        if method is None:
            raise RefusedError(AccessResult.OBJECT_UNAVAILABLE)
        if role not in method.callers:
            raise RefusedError(AccessResult.READ_WRITE_DENIED)
        return method.invoke(meter, parameter)

    def _attribute(self, class_id: int, obis: Obis, number: int, role: Role) -> Attribute:
        entry = self.find(class_id, obis, role)
        if role not in entry.visible_to():
            # The same answer as for an attribute that exists: a client without rights must not learn which objects
            # exist.
            raise RefusedError(AccessResult.READ_WRITE_DENIED)
        attribute = entry.attribute(number)
        if attribute is None:
            raise RefusedError(AccessResult.OBJECT_UNAVAILABLE)
        return attribute
