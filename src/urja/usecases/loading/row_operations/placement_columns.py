"""Columns that place a service point: its section, its transformer or pole, its phase."""

from collections.abc import Sequence

from urja.apps.journal.operation import Execution
from urja.apps.network.kinds import Tree
from urja.apps.network.models import Node, NodePeriod, Placement, ServicePoint
from urja.base.untyped_values import JsonObject
from urja.usecases.loading.staging import Load, Row
from urja.usecases.network import nodes_of


def prefetch(load: Load, rows: Sequence[Row]) -> None:
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
    """Return the pole where the row names it, otherwise the transformer."""
    level = "pole" if row["pole"] else "transformer"
    return f"{level} {row[level]}" if row[level] else ""


def faults(execution: Execution, row: Row) -> None:
    """Find columns of a row that contradict each other."""
    pole, transformer = (
        execution.find(nodes_of, f"{level} {row[level]}") if row[level] else None
        for level in ("pole", "transformer")
    )
    if row["pole"] and row["transformer"]:
        if transformer is None:
            row.fault("transformer", f"there is no transformer {row['transformer']}", "correct the code")
        elif pole is not None and _transformer_of(pole) != row["transformer"]:
            row.fault(
                "pole",
                f"the pole is not placed under transformer {row['transformer']}",
                "correct one of the codes",
            )
    if row["phase"] and not grid(row):
        row.fault(
            "phase", "it has no transformer or pole", "give the transformer or the pole, or leave it empty"
        )


def _transformer_of(node: Node) -> str | None:
    """Return the code of the transformer that a pole is placed under, or of the node itself."""
    if node.level == "transformer":
        return node.code
    period = NodePeriod.objects.filter(node=node, valid_to=None).select_related("parent").first()
    return None if period is None else period.parent.code


def placements(service_point: ServicePoint) -> dict[str, Placement]:
    """Return the current placements of a service point, by tree."""
    found = Placement.objects.filter(service_point=service_point, valid_to=None).select_related("node")
    return {one.tree: one for one in found}


def differing(service_point: ServicePoint | None, row: Row) -> JsonObject:
    """Return what a row would change, as arguments of `MoveServicePoint`. A pole of the named transformer is no
    change.
    """
    here = {} if service_point is None else placements(service_point)
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
