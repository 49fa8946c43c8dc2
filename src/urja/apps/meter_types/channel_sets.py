"""The channel sets of all meter types, by which ingest tells a set of a meter from one that a thief made up."""

from collections.abc import Set as AbstractSet

import structlog
from psycopg import Cursor

from urja.cosem.companion import (
    CompanionError,
    TypeFiles,
    build_device_type,
    device_types,
    load_device_type,
)
from urja.cosem.companion.stored_columns import stored_sets
from urja.quantities.channel_sets import ChannelSet

log = structlog.get_logger()


class TypeSets:
    """The channel sets of shipped and loaded meter types; each version is read and built once."""

    def __init__(self) -> None:
        self._of_versions: dict[str, frozenset[ChannelSet]] = {}

    def __call__(self, cursor: Cursor) -> AbstractSet[ChannelSet]:
        """Return the sets of all types that are shipped, or loaded by now, in any version."""
        cursor.execute(
            "SELECT sha256, text FROM meter_types_version WHERE sha256 <> ALL (%s)", [list(self._of_versions)]
        )
        for sha256, text in cursor.fetchall():
            self._of_versions[sha256] = _sets_of(text)
        shipped = (stored_sets(load_device_type(name)) for name in device_types())
        return frozenset[ChannelSet]().union(*shipped, *self._of_versions.values())


def _sets_of(text: str) -> frozenset[ChannelSet]:
    try:
        return stored_sets(build_device_type(TypeFiles.from_text(text)))
    except CompanionError as error:
        # Loaded by an earlier release with weaker checks: no head end reads meters by it either.
        log.error("a loaded meter type cannot be used", why=str(error))  # noqa: TRY400 - the sentence says it all
        return frozenset()
