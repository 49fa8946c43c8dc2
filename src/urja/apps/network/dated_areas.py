"""The administrative areas of service points on a day: placements and the hierarchy as they were then."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from urja.base.sql_cursor import Cursor


class _Span(NamedTuple):
    """The node above another, or above a service point, between two instants."""

    from_at: datetime
    to_at: datetime | None
    node_id: int


class DatedAreas:
    """Areas of some service points, such as `section North-2` and the nodes above it, at any instant."""

    def __init__(self, cursor: Cursor, service_point_ids: Collection[int]) -> None:
        """Read the placements of the service points, and the whole hierarchy of the administration."""
        self._placements = _spans(
            cursor,
            "SELECT service_point_id, valid_from, valid_to, node_id FROM network_placement"
            " WHERE tree = 'administration' AND service_point_id = ANY(%s)",
            [list(service_point_ids)],
        )
        self._parents = _spans(
            cursor, "SELECT node_id, valid_from, valid_to, parent_id FROM network_node_period"
        )
        cursor.execute("SELECT id, level || ' ' || code FROM network_node WHERE tree = 'administration'")
        self._names: dict[int, str] = dict(cursor.fetchall())

    def before(self, service_point_id: int, at: datetime) -> tuple[str, ...]:
        """Return the areas of a service point just before an instant (UTC), the smallest first; empty where it is in none."""
        found: list[str] = []
        node_id = _in_force(self._placements.get(service_point_id, ()), at)
        # A node's parent is of a level before its own, so that the way up ends.
        while node_id is not None:
            found.append(self._names[node_id])
            node_id = _in_force(self._parents.get(node_id, ()), at)
        return tuple(found)


def _spans(cursor: Cursor, statement: str, parameters: Iterable[object] = ()) -> dict[int, list[_Span]]:
    found: dict[int, list[_Span]] = {}
    cursor.execute(statement, list(parameters))
    for below, from_at, to_at, node_id in cursor.fetchall():
        found.setdefault(below, []).append(_Span(from_at, to_at, node_id))
    return found


def _in_force(spans: Iterable[_Span], at: datetime) -> int | None:
    return next(
        (one.node_id for one in spans if one.from_at < at and (one.to_at is None or at <= one.to_at)), None
    )
