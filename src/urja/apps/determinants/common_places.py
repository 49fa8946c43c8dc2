"""Which common areas a supply shares, and which agreements share those of a premise.

A common area is a service point of the purpose `common_area`. It belongs to the premise that its own premise is part of, such as
a society or a tower, and to its own premise where that is no common area. All agreements inside that premise share it.
"""

from collections.abc import Collection, Mapping
from typing import Final

from django.db import connection

_COMMON: Final = """
common AS (
    SELECT s.id AS point, CASE WHEN p.kind = 'common_area' AND p.parent_id IS NOT NULL THEN p.parent_id ELSE p.id END AS premise
    FROM network.service_point s JOIN network.premise p ON p.id = s.premise_id
    WHERE s.purpose = 'common_area' AND s.commodity = 'electricity'
)
"""
_ABOVE: Final = f"""
WITH RECURSIVE {_COMMON}, up AS (
    SELECT s.id AS place, p.id AS premise, p.parent_id FROM network.service_point s
        JOIN network.premise p ON p.id = s.premise_id WHERE s.id = ANY(%s)
    UNION ALL SELECT up.place, p.id, p.parent_id FROM up JOIN network.premise p ON p.id = up.parent_id
)
SELECT up.place, up.premise, array_agg(c.point ORDER BY c.point) FROM up JOIN common c USING (premise) GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - a constant
_EVER_ABOVE: Final = """
WITH RECURSIVE up AS (
    SELECT s.id AS place, s.premise_id AS premise FROM network.service_point s WHERE s.id = ANY(%(places)s)
    UNION SELECT up.place, above.id FROM up CROSS JOIN LATERAL (
        SELECT p.parent_id FROM network.premise p WHERE p.id = up.premise
        UNION ALL SELECT (h.row ->> 'parent_id')::bigint FROM journal.history h
        WHERE h.table_name = %(premises)s AND h.row_id = up.premise
    ) AS above (id) WHERE above.id IS NOT NULL
)
SELECT place, array_agg(premise ORDER BY premise) FROM up GROUP BY 1
"""
_SHARERS: Final = """
WITH RECURSIVE inside AS (
    SELECT given.id AS top, given.id FROM unnest(%s::bigint[]) AS given (id)
    UNION ALL SELECT i.top, p.id FROM inside i JOIN network.premise p ON p.parent_id = i.id
)
SELECT i.top, array_agg(a.id ORDER BY a.id) FROM inside i
JOIN network.service_point s ON s.premise_id = i.id AND s.purpose = 'consumer' AND s.commodity = 'electricity'
JOIN contracts.agreement a ON a.service_point_id = s.id GROUP BY 1
"""


def common_areas_above(service_point_ids: Collection[int]) -> dict[int, dict[int, tuple[int, ...]]]:
    """Return the common areas that each service point shares: their numbers by the premise that they belong to."""
    found: dict[int, dict[int, tuple[int, ...]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_ABOVE, [list(service_point_ids)])
        for place, premise, points in cursor.fetchall():
            found.setdefault(place, {})[premise] = tuple(points)
    return found


def ever_above(service_point_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the premises that each service point is in, or was in before premises were moved, its own one too."""
    with connection.cursor() as cursor:
        cursor.execute(_EVER_ABOVE, {"places": list(service_point_ids), "premises": "network_premise"})
        return dict(cursor.fetchall())


def common_areas_of(premise_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Return the common areas of premises, by premise."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {_COMMON} SELECT premise, array_agg(point ORDER BY point) FROM common WHERE premise = ANY(%s) GROUP BY 1",  # noqa: S608 - a constant
            [list(premise_ids)],
        )
        return {premise: tuple(points) for premise, points in cursor.fetchall()}


def premises_of(service_point_ids: Collection[int]) -> Mapping[int, int]:
    """Return the premise of each of these service points that is a common area."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {_COMMON} SELECT point, premise FROM common WHERE point = ANY(%s)",  # noqa: S608 - a constant
            [list(service_point_ids)],
        )
        return dict(cursor.fetchall())


def sharers(premise_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the agreements at supplies of electricity inside each premise, also those that have ended."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARERS, [list(premise_ids)])
        return dict(cursor.fetchall())
