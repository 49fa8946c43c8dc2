"""Rows of placements: the nodes that a service point is placed under from a day on."""

from collections.abc import Iterator, Sequence

from urja.apps.journal.operation import Execution, UseCase
from urja.usecases.loading.row_operations import placement_columns
from urja.usecases.loading.staging import Load, Row
from urja.usecases.network import MoveServicePoint
from urja.usecases.service_points import service_points_of


def prefetch(load: Load, rows: Sequence[Row]) -> None:
    load.execution.find_ahead(service_points_of, [row["consumer_number"] for row in rows])
    placement_columns.prefetch(load, rows)


def operations_of(load: Load, execution: Execution, row: Row) -> Iterator[UseCase]:  # noqa: ARG001 - the signature is shared
    placement_columns.faults(execution, row)
    service_point = execution.find(service_points_of, row["consumer_number"])
    moved = placement_columns.differing(service_point, row)
    if service_point is None or moved:
        yield MoveServicePoint(
            consumer_number=row["consumer_number"], moved_at=row["since"] or execution.recorded_at, **moved
        )
