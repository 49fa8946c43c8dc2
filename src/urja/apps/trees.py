"""The administration and the grid as trees: what hangs under each node on a day, and how it fares now.

A service point hangs at one node of a tree at an instant, and a node under one other: so whatever is counted under a
node is counted once, and the children of a node come to what hangs under it. Money is an account's: where somebody
has two supplies under a node, their balance is in its sum once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Q, QuerySet

from urja.apps.readings.overview import SILENT_AFTER
from urja.apps.registry.models import Node, NodePeriod, Tree


@dataclass(frozen=True, slots=True)
class Counts:
    """What hangs under a node. The last four are as of now."""

    connections: int = 0
    """Consumers' service points."""
    others: int = 0
    """The utility's own, common areas, bulk supplies ..."""
    meters: int = 0
    silent: int = 0
    """Supplies with an agreement of which nothing has come in for a day."""
    dark: int = 0
    credit_minor: int = 0
    owed_minor: int = 0


@dataclass(frozen=True, slots=True)
class Hanging:
    """A service point that hangs at a node itself."""

    consumer_number: str
    premise: str
    purpose: str
    phase: str
    serial: str
    dark: bool
    heard_at: datetime | None


def _at(at: datetime) -> Q:
    return Q(valid_from__lte=at) & (Q(valid_to=None) | Q(valid_to__gt=at))


def roots(tree: Tree, at: datetime) -> QuerySet[Node]:
    """The nodes that hang under nothing at an instant."""
    below = NodePeriod.objects.filter(_at(at)).values("node_id")
    return Node.objects.filter(tree=tree).exclude(id__in=below).order_by("level", "code")


def children(node: Node, at: datetime) -> QuerySet[Node]:
    """What hangs under a node at an instant."""
    below = NodePeriod.objects.filter(_at(at), parent=node).values("node_id")
    return Node.objects.filter(id__in=below).order_by("level", "code")


def path(node: Node, at: datetime) -> list[Node]:
    """The nodes from the root down to the one above."""
    above: list[Node] = []
    here = NodePeriod.objects.filter(_at(at), node=node).select_related("parent").first()
    while here is not None:
        above.insert(0, here.parent)
        here = NodePeriod.objects.filter(_at(at), node=here.parent).select_related("parent").first()
    return above


_COUNTS: Final = """
WITH RECURSIVE below AS (
    SELECT id AS top, id AS node FROM unnest(%(nodes)s::bigint[]) AS top (id)
    UNION ALL
    SELECT b.top, p.node_id FROM registry_node_period p JOIN below b ON p.parent_id = b.node
    WHERE p.valid_from <= %(at)s AND coalesce(p.valid_to, 'infinity') > %(at)s
), place AS (
    SELECT b.top, p.service_point_id, s.purpose FROM below b
    JOIN registry_placement p ON p.node_id = b.node
    JOIN registry_service_point s ON s.id = p.service_point_id
    WHERE p.valid_from <= %(at)s AND coalesce(p.valid_to, 'infinity') > %(at)s
        AND (s.disconnected_at IS NULL OR s.disconnected_at > %(at)s)
        AND (%(among)s::bigint[] IS NULL OR p.service_point_id = ANY(%(among)s::bigint[]))
), agreed AS (
    SELECT p.top, g.id, g.account_id, g.valid_from FROM place p
    JOIN registry_agreement g ON g.service_point_id = p.service_point_id
    WHERE g.valid_from <= %(now)s AND coalesce(g.valid_to, 'infinity') > %(now)s
), counted AS (
    SELECT top, count(*) FILTER (WHERE purpose = 'consumer') AS connections,
        count(*) FILTER (WHERE purpose <> 'consumer') AS others
    FROM place GROUP BY top
), metered AS (
    SELECT p.top, count(*) AS meters FROM place p
    JOIN registry_device_period m ON m.service_point_id = p.service_point_id
    WHERE m.valid_from <= %(at)s AND coalesce(m.valid_to, 'infinity') > %(at)s GROUP BY p.top
), faring AS (
    SELECT g.top, count(*) FILTER (WHERE st.supply = 'off') AS dark,
        count(*) FILTER (WHERE greatest(a.latest_end_at, g.valid_from) <= %(silent)s) AS silent
    FROM agreed g
    LEFT JOIN supply_state st ON st.account_id = g.account_id AND st.agreement_id = g.id
    LEFT JOIN readings_accrual a ON a.agreement_id = g.id AND a.latest
    GROUP BY g.top
), money AS (
    SELECT g.top, sum(greatest(l.balance_minor, 0)) AS credit, sum(greatest(-l.balance_minor, 0)) AS owed
    FROM (SELECT DISTINCT top, account_id FROM agreed) g JOIN ledger_account l ON l.id = g.account_id GROUP BY g.top
)
SELECT c.top, c.connections, c.others, coalesce(m.meters, 0), coalesce(f.silent, 0), coalesce(f.dark, 0),
    coalesce(b.credit, 0)::bigint, coalesce(b.owed, 0)::bigint
FROM counted c LEFT JOIN metered m USING (top) LEFT JOIN faring f USING (top) LEFT JOIN money b USING (top)
"""


def counts(
    nodes: Sequence[Node], at: datetime, now: datetime, among: Sequence[int] | None = None
) -> dict[int, Counts]:
    """What hangs under each of some nodes at an instant; of `among` alone, where service points are given.

    Of a node under another one of them both count it. Nothing is said of nodes without anything under them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNTS,
            {
                "nodes": [node.id for node in nodes],
                "at": at,
                "now": now,
                "silent": now - SILENT_AFTER,
                "among": None if among is None else list(among),
            },
        )
        return {top: Counts(*row) for top, *row in cursor.fetchall()}


_HANGING: Final = """
SELECT s.consumer_number, b.name, s.purpose, p.phase, coalesce(d.serial, ''), coalesce(st.supply = 'off', false),
    a.latest_end_at
FROM registry_placement p
JOIN registry_service_point s ON s.id = p.service_point_id
JOIN registry_premise b ON b.id = s.premise_id
LEFT JOIN registry_device_period m ON m.service_point_id = s.id AND m.role IN (1, 4)
    AND m.valid_from <= %(at)s AND coalesce(m.valid_to, 'infinity') > %(at)s
LEFT JOIN registry_device d ON d.id = m.device_id
LEFT JOIN registry_agreement g ON g.service_point_id = s.id
    AND g.valid_from <= %(now)s AND coalesce(g.valid_to, 'infinity') > %(now)s
LEFT JOIN supply_state st ON st.account_id = g.account_id AND st.agreement_id = g.id
LEFT JOIN readings_accrual a ON a.agreement_id = g.id AND a.latest
WHERE p.node_id = %(node)s AND p.valid_from <= %(at)s AND coalesce(p.valid_to, 'infinity') > %(at)s
    AND s.consumer_number > %(after)s
    AND (%(among)s::bigint[] IS NULL OR s.id = ANY(%(among)s::bigint[]))
ORDER BY s.consumer_number LIMIT %(limit)s
"""


def hanging(
    node: Node, at: datetime, now: datetime, limit: int, after: str = "", among: Sequence[int] | None = None
) -> list[Hanging]:
    """What hangs at a node itself, by its number, after one."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HANGING,
            {
                "node": node.id,
                "at": at,
                "now": now,
                "limit": limit,
                "after": after,
                "among": None if among is None else list(among),
            },
        )
        return [Hanging(*row) for row in cursor.fetchall()]
