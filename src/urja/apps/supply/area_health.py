"""Collection in areas: which administrative nodes are judged by themselves, since when, and by which a supply goes.

An area is an administrative node with at least `cut.least_area_meters` meters beneath it, at any level. A supply goes by
the nearest such node above it, and by the whole installation where there is none. So a dead section stops its own
disconnections, also where the utility is well, and no others; and a few lost meters in a small section stop none.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction

from django.db import connection, transaction

from urja.apps.supply.models import AreaHealth
from urja.core.policy import Health

type MetersByNode = Mapping[int, tuple[int, int]]
"""By administrative node: how many meters beneath it are to have data, and how many have fresh ones."""

_ROLLED_UP = """
WITH RECURSIVE above AS (
    SELECT node_id AS placed, node_id AS node FROM unnest(%(nodes)s::bigint[]) AS node_id
    UNION
    SELECT above.placed, n.parent_id FROM above JOIN network.node_period n ON n.node_id = above.node
        AND n.valid_from <= %(now)s AND (n.valid_to IS NULL OR n.valid_to > %(now)s)
)
SELECT placed, node FROM above
"""

_NEAREST = """
WITH RECURSIVE above AS (
    SELECT p.service_point_id, p.node_id AS node FROM network.placement p
    WHERE p.tree = 'administration' AND p.service_point_id = ANY(%(service_points)s)
        AND p.valid_from <= %(now)s AND (p.valid_to IS NULL OR p.valid_to > %(now)s)
    UNION
    SELECT above.service_point_id, n.parent_id FROM above JOIN network.node_period n ON n.node_id = above.node
        AND n.valid_from <= %(now)s AND (n.valid_to IS NULL OR n.valid_to > %(now)s)
    WHERE NOT above.node = ANY(%(areas)s)
)
SELECT service_point_id, node FROM above WHERE node = ANY(%(areas)s)
"""


def record(placed: MetersByNode, least_meters: int, least_fresh: Fraction, now: datetime) -> None:
    """Judge all areas by the meters that are placed directly at each node, and store what has changed at `now` (UTC)."""
    judged = {
        node: (young >= least_fresh * meters, meters, young)
        for node, (meters, young) in _with_nodes_above(placed, now).items()
        if meters >= least_meters
    }
    with transaction.atomic():
        known = {row.node_id: row for row in AreaHealth.objects.filter(until_at=None).select_for_update()}
        ended = [
            row.id for node, row in known.items() if node not in judged or judged[node][0] != row.collection
        ]
        AreaHealth.objects.filter(id__in=ended).update(until_at=now)
        AreaHealth.objects.bulk_create(
            AreaHealth(node_id=node, from_at=now, collection=well, meters=meters, meters_young=young)
            for node, (well, meters, young) in judged.items()
            if node not in known or known[node].id in ended
        )


def _with_nodes_above(placed: MetersByNode, now: datetime) -> dict[int, tuple[int, int]]:
    """Return the meters beneath each node, from those that are placed directly at nodes."""
    beneath: dict[int, tuple[int, int]] = {}
    if not placed:
        return beneath
    with connection.cursor() as cursor:
        cursor.execute(_ROLLED_UP, {"nodes": list(placed), "now": now})
        for at, node in cursor.fetchall():
            meters, young = beneath.get(node, (0, 0))
            beneath[node] = (meters + placed[at][0], young + placed[at][1])
    return beneath


def in_force() -> tuple[frozenset[int], frozenset[int]]:
    """Return the areas in which collection is well, and those in which it is ill, by node."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT node_id, collection FROM supply_area_health WHERE until_at IS NULL")
        judged = dict(cursor.fetchall())
    well = frozenset(node for node, collection in judged.items() if collection)
    return well, frozenset(judged) - well


def forget(before: datetime) -> None:
    """Delete judgements that ended before an instant (UTC)."""
    AreaHealth.objects.filter(until_at__lt=before).delete()


def of_service_points(service_point_ids: Iterable[int], health: Health, now: datetime) -> dict[int, Health]:
    """Return the health by which each supply goes that is in an area which is judged by itself; others are left out."""
    areas = health.well_areas | health.ill_areas
    if not areas:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _NEAREST, {"service_points": list(service_point_ids), "areas": list(areas), "now": now}
        )
        return {service_point: health.within(node) for service_point, node in cursor.fetchall()}
