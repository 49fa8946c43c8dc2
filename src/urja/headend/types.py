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
from urja.cosem.pushlist import PushList
from urja.stream.broker import TypeChange
from urja.stream.meter_types import SignedType
from urja.stream.signing import ForgedError

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class CompiledType:
    """A device type, its push layouts, and which push each layout is."""

    device_type: DeviceType
    layouts: LayoutSet
    pushes: tuple[PushList, ...] = ()
    """What the meter has told of its pushes; those that it has not are as the type says."""

    @classmethod
    def of(cls, device_type: DeviceType, pushes: tuple[PushList, ...] = ()) -> "CompiledType":
        """The type with its layouts. Share one: layouts compare by identity."""
        return cls(device_type, LayoutSet.of(device_type, pushes), pushes)

    def push_key(self, layout_name: str) -> str:
        """`block`, `instantaneous` or `alert` for a layout of this type."""
        return layout_name.rsplit("/", 1)[1]


@cache
def _shipped(name: str, pushes: tuple[PushList, ...]) -> CompiledType:
    return CompiledType.of(load_device_type(name), pushes)


class KnownTypes:
    """Types by name: what is shipped, and what the pipeline has signed and put into the broker's store."""

    def __init__(self, key: bytes) -> None:
        """`key` verifies what the pipeline signs; without one (empty) only shipped types are known."""
        self._key = key
        self._entries: dict[str, bytes] = {}
        """What each type was built from."""
        self._loaded: dict[str, tuple[DeviceType, ...]] = {}
        """The versions that are in force, the newest first."""
        self._compiled: dict[tuple[str, str, tuple[PushList, ...]], CompiledType] = {}
        self.unreadable: dict[str, str] = {}
        """Names in the store whose types cannot be used, and why. Their meters stop, and no others."""

    def get(self, name: str, firmware: str = "", pushes: tuple[PushList, ...] = ()) -> CompiledType:
        """The type of a name, with the pushes that a meter has told of. One for all meters that say the same.

        Of several versions it is the one that names the meter's firmware, else the newest.

        Raises CompanionError saying why there is none, and LocalError for pushes that cannot be decoded so.
        """
        if name in device_types():
            return _shipped(name, pushes)
        if name in self.unreadable:
            raise CompanionError([f"its meter type {name!r} cannot be used: {self.unreadable[name]}"])
        if name not in self._loaded:
            raise CompanionError(
                [f"its meter type {name!r} is not known here: load it with urja meter-type load"]
            )
        versions = self._loaded[name]
        chosen = next((one for one in versions if firmware in one.firmware), versions[0])
        key = (name, chosen.version, pushes)
        if key not in self._compiled:
            self._compiled[key] = CompiledType.of(chosen, pushes)
        return self._compiled[key]

    def apply(self, change: TypeChange) -> bool:
        """A type of the store was added, changed or removed, or is none. What it replaces is not used any more.

        False where nothing became different: the pipeline writes types anew now and then.
        """
        name = change.key
        if change.signed is not None and self._entries.get(name) == change.signed.payload:
            return False
        self._entries.pop(name, None)
        self._loaded.pop(name, None)
        self.unreadable.pop(name, None)
        self._compiled = {key: known for key, known in self._compiled.items() if key[0] != name}
        if change.fault:
            self._refuse(name, change.fault)
        elif change.signed is not None:
            try:
                self._loaded[name] = known = self._built(name, change.signed)
                self._entries[name] = change.signed.payload
                log.info("meter type known", type=name, versions=[one.version for one in known])
            except (CompanionError, LocalError, ForgedError) as error:
                self._refuse(name, str(error))
        return True

    def _refuse(self, name: str, why: str) -> None:
        self.unreadable[name] = why
        log.error("a meter type cannot be used", type=name, why=why)

    def _built(self, name: str, signed: SignedType) -> tuple[DeviceType, ...]:
        entry = signed.verified(self._key)
        versions = tuple(build_device_type(TypeFiles.of(files)) for files in entry.versions)
        if not versions:
            raise CompanionError(["it has no version"])
        for one in versions:
            if one.name != name or one.name in device_types():
                raise CompanionError([f"it is the type {one.name!r}"])
            LayoutSet.of(one)
        return versions
