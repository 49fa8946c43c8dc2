"""The network and areas: nodes, their parents, and the service points placed under them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from urja.apps.journal.operation import Execution, UseCase, next_id, next_number
from urja.apps.network.kinds import LEVELS, Level, Tree
from urja.apps.network.models import Licensee, Node, NodePeriod, Placement, ServicePoint
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject
from urja.usecases.errors import TransformerConflictError
from urja.usecases.kinds import network
from urja.usecases.meter_installation import future_faults
from urja.usecases.operation_execution import perform
from urja.usecases.service_points import no_service_point_fault


class AddTransformer(network.AddTransformer, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if Node.objects.filter(level=Level.TRANSFORMER, code=self.code).exists():
            yield say("transformer {code} exists already", code=self.code)

    def carry_out(self, execution: Execution) -> None:
        feeder = Node.objects.filter(level=Level.FEEDER, code=self.feeder).first()
        if feeder is None:
            feeder = _make_node(execution, Level.FEEDER, self.feeder, "")
        transformer = _make_node(execution, Level.TRANSFORMER, self.code, self.name)
        NodePeriod.objects.create(
            id=next_number(),
            node=transformer,
            parent=feeder,
            valid_from=execution.recorded_at,
            **execution.stamp,
        )
        execution.outcome["node_id"] = transformer.id


class PutNode(UseCase, kw_only=True):
    """A node, created with its parent where it is not known, changed where it is."""

    node: str
    """Level and code, such as `feeder F1`."""
    values: JsonObject
    """Values of its columns, the licensee by its code; columns that are left out do not change."""
    parent: str = ""
    """The parent of a new node, such as `substation SS2`."""
    since: datetime | None = None

    def faults(self, execution: Execution) -> Iterator[str]:
        licensee = self.values.get("licensee")
        if licensee and execution.find(licensees_of, licensee) is None:
            yield say("there is no licensee {licensee}", licensee=licensee)
        if self.since is not None:
            yield from future_faults(execution, self.since)
        if self.parent:
            level, above = (Level(named.partition(" ")[0]) for named in (self.node, self.parent))
            yield from _level_faults(level, above) or node_faults(self.parent, None, execution)

    def carry_out(self, execution: Execution) -> None:
        values = dict(self.values)
        if "licensee" in values:
            values["licensee"] = execution.find(licensees_of, values["licensee"])
        node = execution.find(nodes_of, self.node)
        if node is not None:
            new = {name: value for name, value in values.items() if getattr(node, name) != value}
            if new:
                execution.change(node, **new)
            return
        level, _, code = self.node.partition(" ")
        node = Node.objects.create(
            id=next_number(), tree=tree_of(Level(level)), level=level, code=code, **values, **execution.stamp
        )
        execution.made(nodes_of, self.node, node)
        if self.parent:
            NodePeriod.objects.create(
                id=next_number(),
                node=node,
                parent_id=execution.find_existing(nodes_of, self.parent).id,
                valid_from=self.since or execution.recorded_at,
                **execution.stamp,
            )


def tree_of(level: Level) -> Tree:
    """Return the tree of a level."""
    return next(tree for tree, levels in LEVELS.items() if level in levels)


def _level_faults(level: Level, above: Level) -> list[str]:
    """Return why a node of a level cannot be placed under one of another level."""
    levels = LEVELS[tree_of(level)]
    higher = levels[: levels.index(level)]
    if above in higher:
        return []
    return [
        say(
            "a {level} is placed under a higher level of the same hierarchy: {levels}",
            level=level,
            levels=", ".join(higher) or "none",
        )
    ]


class MoveNode(network.MoveNode, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        named_faults = [*node_faults(self.node), *node_faults(self.parent)]
        if not (self.node and self.parent):
            named_faults.append(say("name the node and its new parent, each by level and code"))
        yield from named_faults
        yield from future_faults(execution, self.moved_at)
        if named_faults:
            return
        node, above = node_of(self.node), node_of(self.parent)
        if faults := _level_faults(Level(node.level), Level(above.level)):
            yield from faults
            return
        yield from _move_faults(
            self.node,
            NodePeriod.objects.filter(node=node).select_related("parent"),
            lambda period: period.parent == above,
            self.moved_at,
        )

    def carry_out(self, execution: Execution) -> None:
        node = node_of(self.node)
        for period in NodePeriod.objects.filter(node=node, valid_to=None):
            execution.change(period, valid_to=self.moved_at)
        NodePeriod.objects.create(
            id=next_number(),
            node=node,
            parent=node_of(self.parent),
            valid_from=self.moved_at,
            **execution.stamp,
        )
        execution.outcome["node_id"] = node.id


class MoveServicePoint(network.MoveServicePoint, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        service_point = ServicePoint.objects.filter(consumer_number=self.consumer_number).first()
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
        if not (self.administration or self.grid or self.phase):
            yield say("give a section, a transformer or pole, or a phase")
        if self.phase not in network.PHASES:
            yield say(
                "a phase is {choices}, not {given}", choices=", ".join(network.PHASES[1:]), given=self.phase
            )
        yield from future_faults(execution, self.moved_at)
        named_faults = [
            *node_faults(self.administration, Tree.ADMINISTRATION),
            *node_faults(self.grid, Tree.GRID),
        ]
        yield from named_faults
        if service_point is None or named_faults:
            return
        for tree, named in self._asked():
            yield from self._tree_faults(service_point, tree, named)

    def _asked(self) -> Iterator[tuple[Tree, str]]:
        """Yield the trees to move in, with the new node; empty where only the phase changes."""
        if self.administration:
            yield Tree.ADMINISTRATION, self.administration
        if self.grid or self.phase:
            yield Tree.GRID, self.grid

    def _tree_faults(self, service_point: ServicePoint, tree: Tree, named: str) -> Iterator[str]:
        placements = Placement.objects.filter(service_point=service_point, tree=tree).select_related("node")
        if not named and not placements.filter(valid_to=None).exists():
            yield say(
                "service point {number} is not placed in the grid: give its transformer or pole with the phase",
                number=self.consumer_number,
            )
            return
        phase = self.phase if tree == Tree.GRID else ""
        yield from _move_faults(
            say("service point {number}", number=self.consumer_number),
            placements,
            lambda placement: (
                (not named or placement.node == node_of(named)) and phase in ("", placement.phase)
            ),
            self.moved_at,
        )

    def carry_out(self, execution: Execution) -> None:
        point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        for tree, named in self._asked():
            before = Placement.objects.filter(service_point=point, tree=tree, valid_to=None).first()
            if before is not None:
                execution.change(before, valid_to=self.moved_at)
            assert named or before is not None, "the guard has asked for a name"
            node = node_of(named) if named or before is None else before.node
            phase = (self.phase or (before.phase if before else "")) if tree == Tree.GRID else ""
            place_service_point(execution, point, node, self.moved_at, phase)
        execution.service_point_id = point.id


def _move_faults(
    what: str, periods: QuerySet[Any], is_there: Callable[[Any], bool], moved_at: datetime
) -> Iterator[str]:
    """Yield why an object cannot be moved from an instant on: later records are never overwritten."""
    now = periods.filter(valid_to=None).first()
    later = periods.filter(valid_from__gte=moved_at).order_by("valid_from").first()
    ended = periods.filter(valid_to__gt=moved_at).order_by("valid_to").first()
    since = later.valid_from if later is not None else ended.valid_to if ended is not None else None
    if since is not None:
        yield say(
            "the placement of {what} changed at {since} already: give a later instant, or undo that operation first",
            what=what,
            since=since.isoformat(),
        )
    elif now is not None and is_there(now):
        yield say("{what} is placed there since {since} already", what=what, since=now.valid_from.isoformat())


def add_transformer(code: str, *, feeder: str, name: str = "", recorded_at: datetime, actor: str) -> Node:
    """Return the transformer of a code, added where it is not known.

    Raises TransformerConflictError where the code is known on another feeder, RefusedError as `perform` does.
    """
    known = transformer(code)
    if known is None:
        perform(AddTransformer(code=code, feeder=feeder, name=name), recorded_at=recorded_at, actor=actor)
        return Node.objects.get(level=Level.TRANSFORMER, code=code)
    hangs_on = (
        NodePeriod.objects.filter(node=known, valid_to=None).values_list("parent__code", flat=True).first()
    )
    if hangs_on != feeder:
        raise TransformerConflictError(f"transformer {code} is on feeder {hangs_on}, not on {feeder}")
    return known


def node_faults(named: str, tree: Tree | None = None, execution: Execution | None = None) -> Iterator[str]:
    """Yield what is wrong with the name of a node, in one tree or in either; an empty name means no node."""
    if not named:
        return
    level, _, code = named.partition(" ")
    trees = Tree if tree is None else [tree]
    levels = [one.value for of in trees for one in LEVELS[of]]
    if level not in levels:
        yield say(
            "{named} is no node of the {tree}: give a level ({levels}) and a code",
            named=repr(named),
            tree=" or the ".join(of.value for of in trees),
            levels=", ".join(levels),
        )
    elif (nodes_of([named]).get(named) if execution is None else execution.find(nodes_of, named)) is None:
        yield say("there is no {level} {code}", level=level, code=code.strip())


def nodes_of(named: list[str]) -> dict[str, Node]:
    """Return nodes by level and code, such as `transformer T1`."""
    split = {one: (level, code.strip()) for one in named for level, _, code in [one.partition(" ")]}
    found = {
        (node.level, node.code): node
        for node in Node.objects.filter(
            level__in={level for level, _ in split.values()}, code__in={code for _, code in split.values()}
        )
    }
    return {one: found[key] for one, key in split.items() if key in found}


def node_of(named: str) -> Node:
    """Return the node of a level and code. Raises KeyError where there is none."""
    return nodes_of([named])[named]


def licensees_of(codes: list[str]) -> dict[str, Licensee]:
    """Return licensees by code."""
    return {one.code: one for one in Licensee.objects.filter(code__in=codes)}


def transformer(code: str) -> Node | None:
    """Return the transformer of a code, or None."""
    return Node.objects.filter(level=Level.TRANSFORMER, code=code).first()


def place_service_point(
    execution: Execution, service_point: ServicePoint, node: Node, valid_from: datetime, phase: str = ""
) -> Placement:
    """Place a service point under a node, in that node's tree."""
    return Placement.objects.create(
        id=next_id(bucket_of(service_point.id)),
        service_point=service_point,
        tree=node.tree,
        node=node,
        phase=phase,
        valid_from=valid_from,
        **execution.stamp,
    )


def _make_node(execution: Execution, level: Level, code: str, name: str) -> Node:
    return Node.objects.create(
        id=next_number(), tree=Tree.GRID, level=level, code=code, name=name, **execution.stamp
    )
