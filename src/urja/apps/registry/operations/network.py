"""The trees: nodes, what they hang on, and what hangs on them."""

from collections.abc import Iterator
from datetime import datetime

from urja.apps.registry.errors import TransformerConflict
from urja.apps.registry.models import Level, Node, NodePeriod, Placement, ServicePoint, Tree
from urja.apps.registry.operations.doing import Doing, Operation, next_id, next_number, perform
from urja.base.ids import bucket_of


class PutUpTransformer(Operation, kw_only=True):
    """A transformer on a feeder; the feeder too, where nobody has heard of it."""

    code: str
    feeder: str
    name: str = ""

    def faults(self, doing: Doing) -> Iterator[str]:  # noqa: ARG002
        if Node.objects.filter(level=Level.TRANSFORMER, code=self.code).exists():
            yield f"there is a transformer {self.code} already"

    def carry_out(self, doing: Doing) -> None:
        feeder = Node.objects.filter(level=Level.FEEDER, code=self.feeder).first()
        if feeder is None:
            feeder = _make_node(doing, Level.FEEDER, self.feeder, "")
        transformer = _make_node(doing, Level.TRANSFORMER, self.code, self.name)
        NodePeriod.objects.create(
            id=next_number(),
            node=transformer,
            parent=feeder,
            valid_from=doing.recorded_at,
            **doing.stamp,
        )
        doing.outcome["node_id"] = transformer.id


def put_up_transformer(code: str, *, feeder: str, name: str = "", recorded_at: datetime, actor: str) -> Node:
    """A transformer by its code; the one that is there, where it is there on the same feeder.

    Raises TransformerConflict where the code is known on another feeder.
    """
    known = transformer(code)
    if known is None:
        perform(PutUpTransformer(code=code, feeder=feeder, name=name), recorded_at=recorded_at, actor=actor)
        return Node.objects.get(level=Level.TRANSFORMER, code=code)
    hangs_on = (
        NodePeriod.objects.filter(node=known, valid_to=None).values_list("parent__code", flat=True).first()
    )
    if hangs_on != feeder:
        raise TransformerConflict(f"transformer {code} hangs on feeder {hangs_on}, not on {feeder}")
    return known


def transformer(code: str) -> Node | None:
    """The transformer of a code."""
    return Node.objects.filter(level=Level.TRANSFORMER, code=code).first()


def place(
    doing: Doing, service_point: ServicePoint, node: Node, valid_from: datetime, phase: str = ""
) -> Placement:
    """Hang a service point in the tree of a node."""
    return Placement.objects.create(
        id=next_id(bucket_of(service_point.id)),
        service_point=service_point,
        tree=node.tree,
        node=node,
        phase=phase,
        valid_from=valid_from,
        **doing.stamp,
    )


def _make_node(doing: Doing, level: Level, code: str, name: str) -> Node:
    return Node.objects.create(
        id=next_number(), tree=Tree.GRID, level=level, code=code, name=name, **doing.stamp
    )
