"""Rows of networks: nodes, created or changed, each with its parent."""

from collections.abc import Iterator, Sequence
from typing import Final

from urja.apps.journal.operation import Execution, UseCase
from urja.apps.network.models import NodePeriod
from urja.usecases.loading.kinds.networks import LEVELS
from urja.usecases.loading.staging import Load, Row
from urja.usecases.network import MoveNode, PutNode, licensees_of, nodes_of

_COLUMNS: Final = {name: name for name in ("name", "latitude", "longitude", "rating_va", "licensee")}


def prefetch(load: Load, rows: Sequence[Row]) -> None:
    load.execution.find_ahead(nodes_of, [one for row in rows for one in (_named(row), _above(row))])
    load.execution.find_ahead(licensees_of, [row["licensee"] for row in rows])


def operations_of(load: Load, execution: Execution, row: Row) -> Iterator[UseCase]:
    named, above = _named(row), _above(row)
    if row["rating_va"] is not None and row["level"] != "transformer":
        row.fault("rating_va", "only a transformer has a rating", "leave it empty")
    since = row["since"] or execution.recorded_at
    values = load.said(row, _COLUMNS)
    known = execution.find(nodes_of, named)
    if known is None:
        yield PutNode(node=named, values=values, parent=above or "", since=since)
        return
    yield PutNode(node=named, values=values)
    now = NodePeriod.objects.filter(node=known, valid_to=None).select_related("parent").first()
    if above is not None and (now is None or str(now.parent) != above):
        if now is not None and row["since"] is None:
            row.fault("since", f"it is placed under {now.parent.code}", "give the day of the move")
        yield MoveNode(node=named, parent=above, moved_at=since)


def _named(row: Row) -> str:
    return f"{row['level']} {row['code']}"


def _above(row: Row) -> str | None:
    """Return the parent; where its level is left out, the level above."""
    if not row["parent"]:
        return None
    above = LEVELS[max(LEVELS.index(row["level"]) - 1, 0)]
    return f"{row['parent_level'] or above} {row['parent']}"
