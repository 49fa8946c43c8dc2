"""The administration and the grid as trees: what is placed under each node, and its state.

At any instant a service point has one node in each tree and a node has one parent. So everything under a node counts
once, and a node's children add up to it. Balances belong to accounts: the balance of a consumer with two supplies under
a node counts once in its total.

`TreesNow` and `TreesThen` answer the same questions, for now and for a bitemporal instant (`bitemporal.AsOf`). Communication,
power and balances are known of now alone.
"""

# ruff: noqa: S608  (statements are put together from constants; values travel as parameters)

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from django.db import connection
from django.db.models import Q, QuerySet

from urja.apps.assets.kinds import DeviceRole
from urja.apps.network.models import Node, NodePeriod
from urja.apps.overviews.queries import bitemporal
from urja.apps.overviews.queries.bitemporal import AsOf
from urja.apps.readings.queries.overview import NOT_COMMUNICATING_AFTER
from urja.apps.supply.queries.power import STATES_OF_SERVICE_POINTS, sleeping_parameters
from urja.base.untyped_values import JsonObject, SqlRow

type NodeOfTree = Node


@dataclass(frozen=True, slots=True)
class Counts:
    """What is under a node. All fields after `meters` are known of now alone, and 0 for another instant."""

    connections: int = 0
    """Service points of consumers."""
    others: int = 0
    """Other service points: the utility's own, common areas, bulk supplies."""
    meters: int = 0
    not_communicating: int = 0
    """Supplies with an agreement from which no interval has come in for a day."""
    disconnected: int = 0
    """Supplies whose meter has confirmed an open relay. The two fields below count connected supplies."""
    no_power: int = 0
    not_heard_from: int = 0
    credit_minor: int = 0
    """Sum of the positive balances of electricity, in minor units."""
    owed_minor: int = 0
    """Sum of the negative balances of electricity as a positive number, in minor units."""
    gas_accounts: int = 0
    gas_credit_minor: int = 0
    gas_owed_minor: int = 0


@dataclass(frozen=True, slots=True)
class ServicePointAtNode:
    """A service point placed directly at a node.

    The last two fields are known of now alone, and where it has an agreement.
    """

    service_point_id: int
    consumer_number: str
    premise: str
    purpose: str
    phase: str
    serial: str
    power: str = ""
    """`powered`, `no_power`, `disconnected` or `not_heard_from` (`urja.core.power`)."""
    power_since: datetime | None = None
    """Instant (UTC) of the newest evidence for it."""


class Trees(Protocol):
    """Queries over both trees at one instant."""

    def roots(self) -> list[Node]:
        """Return the nodes of both trees that have no parent."""

    def node(self, node_id: int) -> Node | None:
        """Return the node of an id; None where it is unknown."""

    def named(self, code: str) -> list[Node]:
        """Return the nodes with a code; levels may share one."""

    def children(self, node: Node) -> list[Node]:
        """Return the nodes directly under a node."""

    def path(self, node: Node) -> list[Node]:
        """Return the nodes from the root down to the parent of a node."""

    def counts(self, nodes: Sequence[Node], among: Sequence[int] | None = None) -> dict[int, Counts]:
        """Return what is under each of some nodes, by node id.

        With `among` only these service points count. Where one node is under another, both count what is below. Nodes
        without a service point below are missing.
        """

    def service_points_at(
        self, node: Node, limit: int, after: str = "", among: Sequence[int] | None = None
    ) -> list[ServicePointAtNode]:
        """Return service points placed at a node itself, by consumer number, from `after` on."""


# One statement for all nodes of a page. Each service point occurs once below a node, so plain counts are right;
# balances are summed over DISTINCT accounts, because an account may pay for several service points.
_COUNTS: Final = f"""
WITH RECURSIVE below AS (
    SELECT id AS top, id AS node FROM unnest(%(nodes)s::bigint[]) AS top (id)
    UNION ALL
    SELECT b.top, p.node_id FROM network.node_period p JOIN below b ON p.parent_id = b.node
    WHERE p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s
), place AS (
    SELECT b.top, p.service_point_id, s.purpose, s.commodity FROM below b
    JOIN network.placement p ON p.node_id = b.node
    JOIN network.service_point s ON s.id = p.service_point_id
    WHERE p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s
        AND (s.disconnected_at IS NULL OR s.disconnected_at > %(now)s)
        AND (%(among)s::bigint[] IS NULL OR p.service_point_id = ANY(%(among)s::bigint[]))
), {STATES_OF_SERVICE_POINTS}, agreed AS (
    SELECT p.top, p.commodity, g.id, g.account_id, g.valid_from, g.service_point_id FROM place p
    JOIN contracts.agreement g ON g.service_point_id = p.service_point_id
    WHERE g.valid_from <= %(now)s AND coalesce(g.valid_to, 'infinity') > %(now)s
), counted AS (
    SELECT top, count(*) FILTER (WHERE purpose = 'consumer') AS connections,
        count(*) FILTER (WHERE purpose <> 'consumer') AS others
    FROM place GROUP BY top
), metered AS (
    SELECT p.top, count(*) AS meters FROM place p
    JOIN assets.device_period m ON m.service_point_id = p.service_point_id
    WHERE m.valid_from <= %(now)s AND coalesce(m.valid_to, 'infinity') > %(now)s GROUP BY p.top
), supply_counts AS (
    SELECT g.top, count(*) FILTER (WHERE s.state = 'disconnected') AS disconnected,
        count(*) FILTER (WHERE s.state = 'no_power') AS no_power,
        count(*) FILTER (WHERE s.state = 'not_heard_from') AS not_heard_from,
        count(*) FILTER (WHERE v.in_service_at IS NOT NULL
            AND greatest(a.latest_end_at, g.valid_from, v.in_service_at) <= %(not_communicating)s) AS not_communicating
    FROM agreed g
    LEFT JOIN assets.supply_in_service v ON v.service_point_id = g.service_point_id
    LEFT JOIN state s ON s.service_point_id = g.service_point_id
    LEFT JOIN readings.accrual a ON a.agreement_id = g.id AND a.latest
    GROUP BY g.top
), money AS (
    SELECT g.top, g.commodity, count(*) AS accounts,
        sum(greatest(l.balance_minor, 0)) AS credit, sum(greatest(-l.balance_minor, 0)) AS owed
    FROM (SELECT DISTINCT top, commodity, account_id FROM agreed) g JOIN books.account l ON l.id = g.account_id
    GROUP BY g.top, g.commodity
)
SELECT c.top, c.connections, c.others, coalesce(m.meters, 0), coalesce(f.not_communicating, 0), coalesce(f.disconnected, 0),
    coalesce(f.no_power, 0), coalesce(f.not_heard_from, 0),
    coalesce(e.credit, 0)::bigint, coalesce(e.owed, 0)::bigint,
    coalesce(b.accounts, 0), coalesce(b.credit, 0)::bigint, coalesce(b.owed, 0)::bigint
FROM counted c LEFT JOIN metered m USING (top) LEFT JOIN supply_counts f USING (top)
LEFT JOIN money e ON e.top = c.top AND e.commodity = 'electricity'
LEFT JOIN money b ON b.top = c.top AND b.commodity = 'gas'
"""


_SERVICE_POINTS: Final = f"""
WITH place AS (
    SELECT service_point_id FROM network.placement
    WHERE node_id = %(node)s AND valid_from <= %(now)s AND coalesce(valid_to, 'infinity') > %(now)s
), {STATES_OF_SERVICE_POINTS}
SELECT s.id, s.consumer_number, b.name, s.purpose, p.phase, coalesce(d.serial, ''), coalesce(state.state, ''), state.since
FROM network.placement p
JOIN network.service_point s ON s.id = p.service_point_id
JOIN network.premise b ON b.id = s.premise_id
-- Roles 1 and 4 are the billing meter and the source meter; a check meter is no service point's own.
LEFT JOIN assets.device_period m ON m.service_point_id = s.id AND m.role IN (1, 4)
    AND m.valid_from <= %(now)s AND coalesce(m.valid_to, 'infinity') > %(now)s
LEFT JOIN assets.device d ON d.id = m.device_id
LEFT JOIN state ON state.service_point_id = s.id
WHERE p.node_id = %(node)s AND p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s
    AND (s.disconnected_at IS NULL OR s.disconnected_at > %(now)s)
    AND s.consumer_number > %(after)s
    AND (%(among)s::bigint[] IS NULL OR s.id = ANY(%(among)s::bigint[]))
ORDER BY s.consumer_number LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class TreesNow:
    """Both trees as they are now, with communication, power and balances."""

    now: datetime

    def roots(self) -> list[Node]:
        below = self._periods().values("node_id")
        return list(Node.objects.exclude(id__in=below).order_by("level", "code"))

    def node(self, node_id: int) -> Node | None:
        return Node.objects.filter(id=node_id).first()

    def named(self, code: str) -> list[Node]:
        return list(Node.objects.filter(code=code).order_by("level"))

    def children(self, node: Node) -> list[Node]:
        below = self._periods().filter(parent=node).values("node_id")
        return list(Node.objects.filter(id__in=below).order_by("level", "code"))

    def path(self, node: Node) -> list[Node]:
        above: list[Node] = []
        here = self._period(node)
        while here is not None:
            above.insert(0, here.parent)
            here = self._period(here.parent)
        return above

    def _period(self, node: Node) -> NodePeriod | None:
        return self._periods().filter(node=node).select_related("parent").first()

    def _periods(self) -> QuerySet[NodePeriod]:
        lasts = Q(valid_to=None) | Q(valid_to__gt=self.now)
        return NodePeriod.objects.filter(lasts, valid_from__lte=self.now)

    def counts(self, nodes: Sequence[Node], among: Sequence[int] | None = None) -> dict[int, Counts]:
        given: JsonObject = {
            "nodes": [node.id for node in nodes],
            "now": self.now,
            "not_communicating": self.now - NOT_COMMUNICATING_AFTER,
            "among": _array(among),
            **sleeping_parameters(self.now),
        }
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS, given)
            return {top: Counts(*row) for top, *row in cursor.fetchall()}

    def service_points_at(
        self, node: Node, limit: int, after: str = "", among: Sequence[int] | None = None
    ) -> list[ServicePointAtNode]:
        given: JsonObject = {
            "node": node.id,
            "now": self.now,
            "limit": limit,
            "after": after,
            "among": _array(among),
            **sleeping_parameters(self.now),
        }
        with connection.cursor() as cursor:
            cursor.execute(_SERVICE_POINTS, given)
            return [ServicePointAtNode(*row) for row in cursor.fetchall()]


_COUNTS_THEN: Final = """
WITH below AS MATERIALIZED (
    SELECT top, node_id FROM network_below(%(nodes)s::bigint[], %(valid_at)s, %(known_at)s)
)
SELECT b.top, count(*) FILTER (WHERE p.purpose = 'consumer'), count(*) FILTER (WHERE p.purpose <> 'consumer'),
    sum(p.meters)::bigint
FROM below b
JOIN assets_placed(ARRAY(SELECT DISTINCT node_id FROM below), %(valid_at)s, %(known_at)s) p USING (node_id)
WHERE %(among)s::bigint[] IS NULL OR p.service_point_id = ANY(%(among)s::bigint[])
GROUP BY b.top
"""

_SERVICE_POINTS_THEN: Final = """
SELECT service_point_id, phase FROM assets_placed(ARRAY[%(node)s::bigint], %(valid_at)s, %(known_at)s)
WHERE consumer_number > %(after)s
    AND (%(among)s::bigint[] IS NULL OR service_point_id = ANY(%(among)s::bigint[]))
ORDER BY consumer_number LIMIT %(limit)s
"""

_ROOTS_THEN: Final = "SELECT network_roots(%(valid_at)s, %(known_at)s)"
_NAMED_THEN: Final = "SELECT node_id FROM network_nodes(%(valid_at)s, %(known_at)s, %(code)s)"


_SHOWN: Final = (DeviceRole.BILLING, DeviceRole.SOURCE)
"""Roles of the meter by which a service point is listed: the billing meter, or the one that measures what is fed in."""


@dataclass(frozen=True, slots=True)
class TreesThen:
    """Both trees as they were valid at one instant, as known at another."""

    at: AsOf

    def roots(self) -> list[Node]:
        return self._nodes(node_id for (node_id,) in self._asked(_ROOTS_THEN))

    def node(self, node_id: int) -> Node | None:
        return next(iter(self._nodes([node_id])), None)

    def named(self, code: str) -> list[Node]:
        return self._nodes(node_id for (node_id,) in self._asked(_NAMED_THEN, code=code))

    def children(self, node: Node) -> list[Node]:
        return self._nodes(period.node_id for period in self._periods(node, "parent_id"))

    def path(self, node: Node) -> list[Node]:
        above: list[Node] = []
        here = self._periods(node, "node_id")
        while here:
            above[:0] = self._nodes([here[0].parent_id])
            here = self._periods(above[0], "node_id")
        return above

    def _periods(self, node: Node, by: str) -> list[NodePeriod]:
        return [
            one for one in bitemporal.rows(NodePeriod, [node.id], self.at.known_at, by) if self.at.holds(one)
        ]

    def _nodes(self, ids: Iterable[int]) -> list[Node]:
        return sorted(bitemporal.rows(Node, ids, self.at.known_at), key=lambda node: (node.level, node.code))

    def counts(self, nodes: Sequence[Node], among: Sequence[int] | None = None) -> dict[int, Counts]:
        found = self._asked(_COUNTS_THEN, nodes=[node.id for node in nodes], among=_array(among))
        return {top: Counts(*row) for top, *row in found}

    def service_points_at(
        self, node: Node, limit: int, after: str = "", among: Sequence[int] | None = None
    ) -> list[ServicePointAtNode]:
        given = {"node": node.id, "limit": limit, "after": after, "among": _array(among)}
        phases: dict[int, str] = dict(self._asked(_SERVICE_POINTS_THEN, **given))
        installed = bitemporal.installations(phases, self.at)
        serials = {one.service_point_id: one.device.serial for one in installed if one.role in _SHOWN}
        return [
            ServicePointAtNode(
                service_point_id=place.id,
                consumer_number=place.consumer_number,
                premise=place.premise.name,
                purpose=place.purpose,
                phase=phases[place.id],
                serial=serials.get(place.id, ""),
            )
            for place in sorted(
                bitemporal.service_points(phases, self.at), key=lambda place: place.consumer_number
            )
        ]

    def _asked(self, statement: str, **given: Any) -> list[SqlRow]:
        with connection.cursor() as cursor:
            instants = {"valid_at": self.at.valid_at, "known_at": self.at.known_at}
            cursor.execute(statement, instants | given)
            return list(cursor.fetchall())


def _array(among: Sequence[int] | None) -> list[int] | None:
    return None if among is None else list(among)


def within(node: Node, among: Sequence[int] | None, *moments: Trees) -> bool:
    """Return whether a node has one of the service points in `among` under it, in any of these trees.

    True where `among` is None, which means all service points.
    """
    return among is None or any(node.id in trees.counts([node], among) for trees in moments)


def trees_at(at: AsOf | None, now: datetime) -> Trees:
    """Return the trees at a bitemporal instant (UTC); without one those of now."""
    return TreesNow(now) if at is None else TreesThen(at)
