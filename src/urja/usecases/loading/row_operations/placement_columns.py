"""Where a row's connection hangs: its section, its transformer or pole, its phase."""

from collections.abc import Sequence
from typing import Any

from urja.apps.journal.operation import Execution
from urja.apps.network.kinds import Tree
from urja.apps.network.models import Node, NodePeriod, Placement, ServicePoint
from urja.usecases.loading.staging import Load, Row
from urja.usecases.network import nodes_of


def look_ahead(load: Load, rows: Sequence[Row]) -> None:
    load.execution.find_ahead(
        nodes_of,
        [
            f"{level} {row[level]}"
            for row in rows
            for level in ("section", "transformer", "pole")
            if row[level]
        ],
    )


def administration(row: Row) -> str:
    return f"section {row['section']}" if row["section"] else ""


def grid(row: Row) -> str:
    """The pole, where the row knows it; else the transformer."""
    level = "pole" if row["pole"] else "transformer"
    return f"{level} {row[level]}" if row[level] else ""


def faults(execution: Execution, row: Row) -> None:
    """What a row says that does not fit together."""
    pole, transformer = (
        execution.find(nodes_of, f"{level} {row[level]}") if row[level] else None
        for level in ("pole", "transformer")
    )
    if row["pole"] and row["transformer"]:
        if transformer is None:
            row.fault("transformer", f"there is no transformer {row['transformer']}", "mend the code")
        elif pole is not None and _transformer_of(pole) != row["transformer"]:
            row.fault(
                "pole", f"the pole does not hang on transformer {row['transformer']}", "mend one of the codes"
            )
    if row["phase"] and not grid(row):
        row.fault("phase", "it hangs on nothing", "name the transformer or the pole, or leave it empty")


def _transformer_of(node: Node) -> str | None:
    """The code of the transformer that a pole hangs on, or of the node itself."""
    if node.level == "transformer":
        return node.code
    period = NodePeriod.objects.filter(node=node, valid_to=None).select_related("parent").first()
    return None if period is None else period.parent.code


def placements(place: ServicePoint) -> dict[str, Placement]:
    """Where a connection hangs now, by tree."""
    found = Placement.objects.filter(service_point=place, valid_to=None).select_related("node")
    return {one.tree: one for one in found}


def differing(place: ServicePoint | None, row: Row) -> dict[str, Any]:
    """What a row says otherwise than it is, as `MoveServicePoint` names it. On a pole of its transformer it stays."""
    here = {} if place is None else placements(place)
    moved = {}
    now = here.get(Tree.ADMINISTRATION)
    if administration(row) and (now is None or str(now.node) != administration(row)):
        moved["administration"] = administration(row)
    now = here.get(Tree.GRID)
    named = grid(row)
    stays = now is not None and (
        str(now.node) == named or (not row["pole"] and _transformer_of(now.node) == row["transformer"])
    )
    if named and not stays:
        moved["grid"] = named
    if named and row["phase"] and (now is None or now.phase != row["phase"]):
        moved["phase"] = row["phase"]
    return moved
