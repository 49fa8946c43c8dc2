"""Meter types compiled for the head end: how each push becomes records. Shipped types and loaded ones."""

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
    """A device type, its push layouts, and the kind of push of each layout."""

    device_type: DeviceType
    layouts: LayoutSet
    pushes: tuple[PushObjectList, ...] = ()
    """The push lists that the meter has stated; for other pushes the type's lists apply."""

    @classmethod
    def of(cls, device_type: DeviceType, pushes: tuple[PushObjectList, ...] = ()) -> "CompiledType":
        """Compile a type with its layouts. Share one instance: layouts compare by identity."""
        return cls(device_type, LayoutSet.of(device_type, pushes), pushes)

    def push_key(self, layout_name: str) -> str:
        """The kind of push of a layout of this type: `block`, `instantaneous` or `alert`."""
        return layout_name.rsplit("/", 1)[1]


@cache
def _shipped(name: str, pushes: tuple[PushObjectList, ...]) -> CompiledType:
    return CompiledType.of(load_device_type(name), pushes)


class KnownTypes:
    """Types by name: shipped ones, and those that the pipeline has signed and put into the broker's store."""

    def __init__(self, key: bytes) -> None:
        """`key` verifies the pipeline's signatures; with an empty one, only shipped types are known."""
        self._key = key
        self._newest: dict[str, int] = {}
        """When the newest entry of each name was written (microseconds since the Unix epoch)."""
        self._entries: dict[str, list[dict[str, str]]] = {}
        """The files that each type was built from."""
        self._loaded: dict[str, tuple[DeviceType, ...]] = {}
        """The versions in force of each type, the newest first."""
        self._compiled: dict[tuple[str, str, tuple[PushObjectList, ...]], CompiledType] = {}
        self.unreadable: dict[str, str] = {}
        """Names in the store whose entries are refused, and why. Meters of a type that is not known stop, and no
        others."""

    def get(self, name: str, firmware: str = "", pushes: tuple[PushObjectList, ...] = ()) -> CompiledType:
        """The compiled type of a name, with the push lists of a meter; one instance for all meters with the same
        lists.

        Of several versions it is the one that names the meter's firmware, otherwise the newest.

        Raises CompanionError saying why there is none, and LocalError for push lists that cannot be decoded.
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
        """Apply a change of a type in the store: added, changed or removed. The previous content is not used any
        more.

        An entry that is not signed by the pipeline, or is older than the present one, changes nothing; one that is
        signed and cannot be used stops the type. Returns False where its meters have nothing to follow, because the
        pipeline writes unchanged types again from time to time.
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
        """The signed entry; None where the type was removed. Raises ForgedError."""
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
