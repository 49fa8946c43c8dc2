"""The stage `project`: the registry's meters and the loaded meter types into the broker's key-value store.

A head end knows them from there alone, so that it works on while the database is away. The store is a projection:
lost, it is written anew from the registry. Types are signed: they say how bytes become energy.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from urja.apps.meter_types import queries as types
from urja.apps.registry import operations, queries
from urja.apps.registry.queries import DueProjection
from urja.pipeline.stage import Report
from urja.stream.messages import DeviceEntry
from urja.stream.meter_types import SignedType, TypeEntry, sign

log = structlog.get_logger()

AT_ONCE: Final = 1000
LOOK: Final = timedelta(minutes=5)
"""So often it is asked whether the store still holds the types that it was given."""


class Store(Protocol):
    """The key-value store of the broker."""

    async def put_device(self, entry: DeviceEntry) -> int: ...
    async def has_device(self, system_title: bytes) -> bool: ...
    async def put_type(self, name: str, signed: SignedType) -> int: ...
    async def type_names(self) -> list[str]: ...


class Project:
    """The stage."""

    name = "project"

    def __init__(
        self, store: Store, zone: str, *, signing_key: bytes, in_thread: Callable = asyncio.to_thread
    ) -> None:
        self._store = store
        self._zone = ZoneInfo(zone)
        self._signing_key = signing_key
        self._types: dict[str, str] = {}
        """The hash of each type that the store was given by this process."""
        self._look_at: datetime | None = None
        self._in_thread = in_thread
        self._checked = False

    async def run_once(self, now: datetime) -> Report:
        # Types first: a meter waits at the head end for its type.
        brought = await self._project_types(now)
        if not self._checked:
            await self._restore_if_lost()
        due: list[DueProjection] = await self._in_thread(queries.due_projections, AT_ONCE)
        for change in due:
            await self._store.put_device(change.entry)
        if due:
            await self._in_thread(
                queries.mark_projected, {change.entry.device_id: change.version for change in due}
            )
            log.info("meters projected", count=len(due))
        return Report(len(due) + brought)

    async def _project_types(self, now: datetime) -> int:
        """Each type's version that is in force, where the store was given another one or none."""
        if self._look_at is None or now >= self._look_at:
            held = set(await self._store.type_names()) if self._types else set()
            self._types = {name: sha256 for name, sha256 in self._types.items() if name in held}
            self._look_at = now + LOOK
        day = now.astimezone(self._zone).date()
        in_force: dict[str, str] = await self._in_thread(types.in_force, day)
        due = {name: sha256 for name, sha256 in in_force.items() if self._types.get(name) != sha256}
        for name, sha256 in due.items():
            entry = TypeEntry(**await self._in_thread(types.stored, sha256))
            await self._store.put_type(name, sign(entry, self._signing_key))
            self._types[name] = sha256
            log.info("meter type in force", type=name, version=entry.version)
        return len(due)

    async def _restore_if_lost(self) -> None:
        """After a start: where the store does not hold a meter that it was given, it was lost."""
        newest: DeviceEntry | None = await self._in_thread(queries.newest_projected)
        if newest is not None and not await self._store.has_device(newest.system_title):
            count = await self._in_thread(operations.project_all_again)
            log.warning("the projection was lost and is written anew", meters=count)
        self._checked = True
