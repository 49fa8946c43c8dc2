"""Channel sets as the database numbers them, so that a stored row names its set in two bytes."""

import json
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from urja.base.sql_cursor import Cursor
from urja.quantities.catalogue import Commodity
from urja.quantities.channel_sets import (
    D1_BLOCK,
    D1_REGISTERS,
    INTERVALS_ALONE,
    REGISTERS_ALONE,
    ChannelSet,
    channel_set_of_ids,
)
from urja.stream.records import NULL

D1_BLOCK_SET: Final = 1
"""The number of `D1_BLOCK`."""
D1_REGISTER_SET: Final = 2
"""The number of `D1_REGISTERS`."""

Sets = Mapping[int, ChannelSet]
"""Channel sets by their numbers."""

SHIPPED: Final[Sets] = {
    D1_BLOCK_SET: D1_BLOCK,
    D1_REGISTER_SET: D1_REGISTERS,
    **dict(enumerate((*INTERVALS_ALONE.values(), *REGISTERS_ALONE.values()), 3)),
}
"""The sets that every database has by its migrations; the last four have other numbers where they were there before."""


def hashes(sets: Mapping[Commodity, ChannelSet]) -> str:
    """Return the hashes of sets by their commodity, as the JSON in which SQL looks up that of a service point."""
    return json.dumps({commodity: channels.hash for commodity, channels in sets.items()})


def load(cursor: Cursor) -> dict[int, ChannelSet]:
    """Return all sets by their numbers."""
    cursor.execute("SELECT id, name, quantities FROM readings_channel_set")
    return {number: channel_set_of_ids(name, quantities) for number, name, quantities in cursor.fetchall()}


def add(cursor: Cursor, wanted: Iterable[ChannelSet]) -> None:
    """Number the sets that have no number yet; another process may do so at once."""
    for channels in wanted:
        cursor.execute(
            "INSERT INTO readings_channel_set (name, hash, quantities) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [channels.name, channels.hash, list(channels.ids)],
        )


def column_of(rows: NDArray[np.void], name: str, sets: Sets) -> NDArray[np.int64]:
    """Return the values of a quantity in placed rows; NULL in rows whose set does not have it."""
    found = np.full(len(rows), NULL, np.int64)
    for number in np.unique(rows["channel_set"]).tolist():
        place = sets[number].position(name) if number in sets else None
        if place is not None:
            of_set = rows["channel_set"] == number
            found[of_set] = rows["values"][of_set, place]
    return found
