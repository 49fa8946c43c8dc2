"""Nodes by name, and the service points under them."""

from datetime import datetime
from typing import Final

from django.db import connection

from urja.apps.network.models import Node


def service_points_under(node: Node, at: datetime) -> list[int]:
    """Return the service points under a node at an instant (UTC), at any depth."""
    with connection.cursor() as cursor:
        cursor.execute(_UNDER, {"node": node.id, "tree": node.tree, "at": at})
        return [id_ for (id_,) in cursor.fetchall()]


_UNDER: Final = """
WITH RECURSIVE node AS (
    SELECT %(node)s::bigint AS id
    UNION
    SELECT p.node_id FROM network_node_period p JOIN node ON node.id = p.parent_id
    WHERE p.valid_from <= %(at)s AND coalesce(p.valid_to, 'infinity') > %(at)s
)
SELECT service_point_id FROM network_placement
WHERE tree = %(tree)s AND node_id IN (TABLE node) AND valid_from <= %(at)s AND coalesce(valid_to, 'infinity') > %(at)s
"""


def node_named(words: str) -> Node | None:
    """Return the node with a level and a code, such as `section North-2` or `transformer T1`, or None."""
    level, _, code = words.strip().partition(" ")
    return Node.objects.filter(level=level, code=code.strip()).first()
