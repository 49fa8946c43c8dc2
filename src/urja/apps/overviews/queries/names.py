"""Names for the ids in recorded changes: serials, consumer numbers, node codes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from urja.apps.assets.models import Device
from urja.apps.contracts.models import Agreement
from urja.apps.network.models import Node, Premise, ServicePoint
from urja.base.untyped_values import JsonMapping

COLUMNS: Final = ("device_id", "service_point_id", "premise_id", "node_id", "parent_id", "agreement_id")


@dataclass(frozen=True, slots=True)
class Names:
    """Names by id, for each kind of thing. A `parent_id` may be a premise or a node."""

    serials: dict[int, str]
    consumer_numbers: dict[int, str]
    premises: dict[int, str]
    nodes: dict[int, tuple[str, str]]
    """Level and code."""
    agreements: dict[int, str]
    """Consumer number of the agreement's service point."""


def names_in(rows: Iterable[JsonMapping]) -> Names:
    """Return the names of all rows that the columns `COLUMNS` of some rows refer to."""
    found = list(rows)
    ids: dict[str, set[int]] = {
        column: {row[column] for row in found if row.get(column) is not None} for column in COLUMNS
    }
    devices = Device.objects.filter(id__in=ids["device_id"])
    points = ServicePoint.objects.filter(id__in=ids["service_point_id"])
    premises = Premise.objects.filter(id__in=ids["premise_id"] | ids["parent_id"])
    nodes = Node.objects.filter(id__in=ids["node_id"] | ids["parent_id"])
    agreements = Agreement.objects.filter(id__in=ids["agreement_id"])
    return Names(
        serials=dict(devices.values_list("id", "serial")),
        consumer_numbers=dict(points.values_list("id", "consumer_number")),
        premises=dict(premises.values_list("id", "name")),
        nodes={id_: (level, code) for id_, level, code in nodes.values_list("id", "level", "code")},
        agreements=dict(agreements.values_list("id", "service_point__consumer_number")),
    )
