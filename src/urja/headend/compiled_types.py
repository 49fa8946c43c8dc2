"""Meter types compiled for the head end: how each push becomes records. Shipped types, and those that were loaded."""

from dataclasses import dataclass
from functools import cache

import structlog

from urja.cosem.companion import (
    CompanionError,
    DeviceType,
    TypeFiles,
    build_device_type,
    device_types,
    load_device_type,
)
from urja.cosem.errors import LocalError
from urja.cosem.layout import LayoutSet
from urja.cosem.push_object_list import PushObjectList
from urja.stream.broker import TypeChange
from urja.stream.meter_types import TypeEntry
from urja.stream.signing import ForgedError

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class CompiledType:
    """A device type, its push layouts, and which push each layout is."""

    device_type: DeviceType
    layouts: LayoutSet
    pushes: tuple[PushObjectList, ...] = ()
    """What the meter has told of its pushes; those that it has not are as the type says."""

    @classmethod
    def of(cls, device_type: DeviceType, pushes: tuple[PushObjectList, ...] = ()) -> "CompiledType":
        """The type with its layouts. Share one: layouts compare by identity."""
        return cls(device_type, LayoutSet.of(device_type, pushes), pushes)

    def push_key(self, layout_name: str) -> str:
        """`block`, `instantaneous` or `alert` for a layout of this type."""
        return layout_name.rsplit("/", 1)[1]


@cache
def _shipped(name: str, pushes: tuple[PushObjectList, ...]) -> CompiledType:
    return CompiledType.of(load_device_type(name), pushes)


class KnownTypes:
    """Types by name: what is shipped, and what the pipeline has signed and put into the broker's store."""

    def __init__(self, key: bytes) -> None:
        """`key` verifies what the pipeline signs; without one (empty) only shipped types are known."""
        self._key = key
        self._newest: dict[str, int] = {}
        """When the newest entry of each name was written, so far."""
        self._entries: dict[str, list[dict[str, str]]] = {}
        """What each type was built from."""
        self._loaded: dict[str, tuple[DeviceType, ...]] = {}
        """The versions that are in force, the newest first."""
        self._compiled: dict[tuple[str, str, tuple[PushObjectList, ...]], CompiledType] = {}
        self.unreadable: dict[str, str] = {}
        """Names in the store whose entries are refused, and why. Meters of one that is not known stop, and no others."""

    def get(self, name: str, firmware: str = "", pushes: tuple[PushObjectList, ...] = ()) -> CompiledType:
        """The type of a name, with the pushes that a meter has told of. One for all meters that say the same.

        Of several versions it is the one that names the meter's firmware, else the newest.

        Raises CompanionError saying why there is none, and LocalError for pushes that cannot be decoded so.
        """
        if name in device_types():
            return _shipped(name, pushes)
        if name not in self._loaded:
            refused = self.unreadable.get(name)
            why = (
                f"cannot be used: {refused}"
                if refused
                else "is not known here: load it with urja meter-type load"
            )
            raise CompanionError([f"its meter type {name!r} {why}"])
        versions = self._loaded[name]
        chosen = next((one for one in versions if firmware in one.firmware), versions[0])
        key = (name, chosen.version, pushes)
        if key not in self._compiled:
            self._compiled[key] = CompiledType.of(chosen, pushes)
        return self._compiled[key]

    def apply(self, change: TypeChange) -> bool:
        """A type of the store was added, changed or removed. What it replaces is not used any more.

        What is not the pipeline's, or older than what is known, changes nothing; what is its own and cannot be used, stops
        the type. False where its meters have nothing to follow: the pipeline writes types anew now and then.
        """
        name = change.key
        try:
            entry = self._authentic(change)
        except ForgedError as error:
            self._refuse(name, str(error))
            return name not in self._loaded
        self.unreadable.pop(name, None)
        if entry is not None:
            self._newest[name] = entry.written_us
            if self._entries.get(name) == entry.versions:
                return False
        self._entries.pop(name, None)
        self._loaded.pop(name, None)
        self._compiled = {key: known for key, known in self._compiled.items() if key[0] != name}
        if entry is not None:
            try:
                self._loaded[name] = known = _built(entry)
                self._entries[name] = entry.versions
                log.info("meter type known", type=name, versions=[one.version for one in known])
            except (CompanionError, LocalError) as error:
                self._refuse(name, str(error))
        return True

    def _authentic(self, change: TypeChange) -> TypeEntry | None:
        """What the pipeline has signed; None where the type was removed. Raises ForgedError."""
        if change.signed is None:
            if change.fault:
                raise ForgedError(change.fault)
            return None
        entry = change.signed.verified(self._key)
        if entry.name != change.key:
            raise ForgedError(f"it is the type {entry.name!r}")
        if entry.written_us < self._newest.get(entry.name, 0):
            raise ForgedError("a newer one is known")
        return entry

    def _refuse(self, name: str, why: str) -> None:
        self.unreadable[name] = why
        log.error("a meter type is refused", type=name, why=why)


def _built(entry: TypeEntry) -> tuple[DeviceType, ...]:
    versions = tuple(build_device_type(TypeFiles.of(files)) for files in entry.versions)
    if not versions:
        raise CompanionError(["it has no version"])
    for one in versions:
        if one.name != entry.name or one.name in device_types():
            raise CompanionError([f"it is the type {one.name!r}"])
        LayoutSet.of(one)
    return versions
