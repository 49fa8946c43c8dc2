"""Nodes of both trees with their service points and meters: now, or at an instant by the knowledge of another.

The caller's present area decides which nodes are visible, also for the past: those with a service point or meter of
that area under them.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from urja.apps.identity.queries.roles import Read
from urja.apps.overviews.queries import areas
from urja.apps.overviews.queries.network_trees import (
    Counts,
    NodeOfTree,
    ServicePointAtNode,
    Trees,
    TreesNow,
    trees_at,
    within,
)
from urja.web.api import answers, network_answers
from urja.web.api.lists import KnownAt, MomentQuery, ValidAt, last_seen, moment_of, page_of, refused
from urja.web.api.routes import Ask, ListQuery


class NodesQuery(MomentQuery, frozen=True, kw_only=True):
    code: Annotated[str, Meta(description="the nodes with this code, anywhere in either tree")] | None = None


def nodes(ask: Ask) -> network_answers.Nodes:
    """The roots of both trees; of a code, its nodes."""
    trees, code = trees_at(moment_of(ask), ask.now), ask.query.code
    found = trees.roots() if code is None else trees.named(code)
    return network_answers.Nodes(
        items=_nodes_of(ask, trees, found, areas.all_service_points(ask.area, ask.now))
    )


def node(ask: Ask) -> network_answers.NodeInTree:
    """A node, with those above and those right below it."""
    trees, among = trees_at(moment_of(ask), ask.now), areas.all_service_points(ask.area, ask.now)
    found = _node(ask, trees, among)
    return network_answers.NodeInTree(
        node=_node_of(ask, found, trees.counts([found], among).get(found.id, Counts())),
        path=[_name_of(above) for above in trees.path(found)],
        children=_nodes_of(ask, trees, trees.children(found), among),
    )


class NodeServicePointsQuery(ListQuery, frozen=True, kw_only=True):
    valid_at: ValidAt | None = None
    known_at: KnownAt | None = None


def service_points_of_node(ask: Ask) -> answers.Page[network_answers.NodeServicePoint]:
    """Service points directly under a node, by consumer number."""
    trees, among = trees_at(moment_of(ask), ask.now), areas.all_service_points(ask.area, ask.now)
    after = last_seen(ask, str) or ""
    found = trees.service_points_at(_node(ask, trees, among), ask.query.limit + 1, after, among)
    return page_of(
        ask, found, lambda shown: [_node_service_point(one) for one in shown], lambda one: one.consumer_number
    )


def _node_service_point(one: ServicePointAtNode) -> network_answers.NodeServicePoint:
    return network_answers.NodeServicePoint(
        service_point_id=one.service_point_id,
        consumer_number=one.consumer_number,
        premise=one.premise,
        purpose=one.purpose,
        phase=one.phase,
        serial=one.serial,
    )


def _node(ask: Ask, trees: Trees, among: Sequence[int] | None) -> NodeOfTree:
    """The node of a route, in the caller's area."""
    found = trees.node(ask.parts["id"])
    if found is None:
        then = "" if moment_of(ask) is None else " by what was known then"
        raise ask.missing(f"node {ask.parts['id']}{then}")
    if not within(found, among, trees, TreesNow(ask.now)):
        refused(ask)
        raise ask.missing(f"node {ask.parts['id']}")
    return found


def _nodes_of(
    ask: Ask, trees: Trees, found: Sequence[NodeOfTree], among: Sequence[int] | None
) -> list[network_answers.Node]:
    counts = trees.counts(found, among)
    return [
        _node_of(ask, one, counts.get(one.id, Counts())) for one in found if among is None or one.id in counts
    ]


def _node_of(ask: Ask, found: NodeOfTree, counts: Counts) -> network_answers.Node:
    now = moment_of(ask) is None
    money = now and ask.caller.area(Read.TOTALS) is not None
    return network_answers.Node(
        id=found.id,
        tree=found.tree,
        level=found.level,
        code=found.code,
        name=found.name,
        consumer_service_points=counts.connections,
        other_service_points=counts.others,
        meters=counts.meters,
        not_communicating=counts.not_communicating if now else None,
        disconnected=counts.disconnected if now else None,
        no_power=counts.no_power if now else None,
        not_heard_from=counts.not_heard_from if now else None,
        credit_minor=counts.credit_minor if money else None,
        owed_minor=counts.owed_minor if money else None,
        gas_credit_minor=counts.gas_credit_minor if money else None,
        gas_owed_minor=counts.gas_owed_minor if money else None,
    )


def _name_of(found: NodeOfTree) -> network_answers.NodeName:
    return network_answers.NodeName(
        id=found.id, tree=found.tree, level=found.level, code=found.code, name=found.name
    )
