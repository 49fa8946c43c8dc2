"""The stage `project`: the registry's meters into the broker's key-value store, where head ends follow them.

A head end knows a meter from there alone, so that it works on while the database is away. The store is a
projection: lost, it is written anew from the registry.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import structlog

from urja.apps.registry import operations, queries
from urja.apps.registry.queries import DueProjection
from urja.pipeline.stage import Report
from urja.stream.messages import DeviceEntry

log = structlog.get_logger()

AT_ONCE: Final = 1000


class Store(Protocol):
    """The key-value store of the broker."""

    async def put_device(self, entry: DeviceEntry) -> int: ...
    async def has_device(self, system_title: bytes) -> bool: ...


class Project:
    """The stage."""

    name = "project"

    def __init__(self, store: Store, *, in_thread: Callable = asyncio.to_thread) -> None:
        self._store = store
        self._in_thread = in_thread
        self._checked = False

    async def run_once(self, now: datetime) -> Report:  # noqa: ARG002 - what is due does not depend on the time
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
        return Report(len(due))

    async def _restore_if_lost(self) -> None:
        """After a start: where the store does not hold a meter that it was given, it was lost."""
        newest: DeviceEntry | None = await self._in_thread(queries.newest_projected)
        if newest is not None and not await self._store.has_device(newest.system_title):
            count = await self._in_thread(operations.project_all_again)
            log.warning("the projection was lost and is written anew", meters=count)
        self._checked = True
