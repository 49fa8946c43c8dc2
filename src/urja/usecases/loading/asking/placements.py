"""Rows of placements: where a connection hangs from a day on."""

from collections.abc import Iterator, Sequence

from urja.apps.journal.operation import Doing, UseCase
from urja.usecases.loading.asking import hanging
from urja.usecases.loading.staging import Load, Row
from urja.usecases.network import MoveServicePoint
from urja.usecases.places import places_of


def look_ahead(load: Load, rows: Sequence[Row]) -> None:
    load.doing.find_ahead(places_of, [row["consumer_number"] for row in rows])
    hanging.look_ahead(load, rows)


def asked(load: Load, doing: Doing, row: Row) -> Iterator[UseCase]:  # noqa: ARG001
    hanging.faults(doing, row)
    place = doing.find(places_of, row["consumer_number"])
    moved = hanging.differing(place, row)
    if place is None or moved:
        yield MoveServicePoint(
            consumer_number=row["consumer_number"], moved_at=row["since"] or doing.recorded_at, **moved
        )
