"""Pages of administration and grid: a node with the nodes and service points under it, now or at a past instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.network.kinds import Commodity, Level, Tree
from urja.apps.overviews.queries import areas
from urja.apps.overviews.queries.bitemporal import AsOf
from urja.apps.overviews.queries.network_trees import (
    Counts,
    NodeOfTree,
    ServicePointAtNode,
    Trees,
    TreesNow,
    trees_at,
    within,
)
from urja.apps.readings.queries.overview import LOSS_LIMIT_PERCENT, feeder_balance, transformer_balance
from urja.web.console import wording
from urja.web.console.as_of_form import FIELDS, AsOfForm, banner_of, form_of
from urja.web.console.operation_page import operations_with_field
from urja.web.console.search_page import address_of
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats

BALANCE_OVER: Final = timedelta(days=1)
SERVICE_POINTS: Final = 200
"""Service points of a node on one page."""


@dataclass(frozen=True, slots=True)
class PageMoment:
    """The instants (valid and known) that a page shows."""

    at: AsOf | None
    """None for the current state."""
    form: AsOfForm
    banner: str
    """Both instants in words; empty for the current state."""
    query: str
    """Query string that keeps a link at the same instants."""

    @property
    def now(self) -> bool:
        return self.at is None


@dataclass(frozen=True, slots=True)
class NodeRow:
    label: str
    name: str
    href: str
    counts: Counts
    credit: str
    owed: str


@dataclass(frozen=True, slots=True)
class TreeView:
    name: str
    title: str
    nodes: list[NodeRow]


@dataclass(frozen=True, slots=True)
class NetworkPage:
    when: PageMoment
    trees: list[TreeView]
    money: bool


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class LossView:
    supplied: str
    consumed: str
    loss: str
    over: bool
    too_little: bool
    """Whether the energy is too little for a meaningful loss."""
    remark: str
    limit: int


@dataclass(frozen=True, slots=True)
class ServicePointRow:
    number: str
    place: str
    href: str
    serial: str
    purpose: str
    state: str
    lacking: bool
    """Whether it has no power or does not communicate."""


@dataclass(frozen=True, slots=True)
class Phase:
    """The service points of one phase, or all of them if the tree has no phases."""

    title: str
    rows: list[ServicePointRow]


@dataclass(frozen=True, slots=True)
class NodePage:
    when: PageMoment
    title: str
    name: str
    unknown: bool
    """Whether the node was not recorded at that time."""
    path: list[Step]
    whole: NodeRow
    nodes: list[NodeRow]
    loss: LossView | None
    phases: list[Phase]
    more: str
    """Address of the next page of service points; empty on the last."""
    money: bool
    actions: list[tuple[str, str]]
    """Meter jobs that the caller may start for this node, as pairs of title and address."""


def when(typed: Mapping[str, str], now: datetime) -> PageMoment:
    """Return the typed instants; the current state if none were typed or they have errors, which the form shows."""
    given = {name: text for name in FIELDS if (text := typed.get(name, "").strip())}
    form, at = form_of(given, now)
    if at is None or not given:
        return PageMoment(None, form, "", "")
    return PageMoment(at, form, banner_of(at), f"?{urlencode(given)}")


def network_page(caller: Caller, at: PageMoment, now: datetime) -> NetworkPage:
    """Return the roots of both trees within the caller's area."""
    trees = trees_at(at.at, now)
    roots, among = trees.roots(), areas.all_service_points(caller.must(Read.SERVICE_POINT), now)
    return NetworkPage(
        when=at,
        trees=[
            TreeView(
                tree,
                _("Administration") if tree is Tree.ADMINISTRATION else _("Grid"),
                _rows([node for node in roots if node.tree == tree], trees, at, among),
            )
            for tree in Tree
        ],
        money=caller.area(Read.TOTALS) is not None,
    )


def node_page(
    level: str, code: str, caller: Caller, at: PageMoment, now: datetime, after: str
) -> NodePage | None:
    """Return a node's page; None if the node is unknown, or outside the caller's area both then and now."""
    trees, among = trees_at(at.at, now), areas.all_service_points(caller.must(Read.SERVICE_POINT), now)
    # Rights are those of today: nodes that have come to the area since are shown, those that have left it are not.
    then = _named(trees, level, code)
    node = then or _named(TreesNow(now), level, code)
    if node is None or not within(node, among, trees, TreesNow(now)):
        return None
    found = trees.service_points_at(node, SERVICE_POINTS + 1, after, among)
    loss = _loss(node, now) if at.now else None
    return NodePage(
        when=at,
        title=_node_name(node),
        name=node.name,
        unknown=then is None,
        path=[Step(_node_name(above), _href(above, at)) for above in trees.path(node)],
        whole=_row(node, trees.counts([node], among).get(node.id, Counts()), at),
        nodes=_rows(trees.children(node), trees, at, among),
        loss=loss,
        phases=_phases(found[:SERVICE_POINTS], at, now),
        more=_more(node, found, at),
        money=caller.area(Read.TOTALS) is not None,
        actions=_actions(node, caller) if at.now else [],
    )


def _actions(node: NodeOfTree, caller: Caller) -> list[tuple[str, str]]:
    query = urlencode({"under": f"{node.level} {node.code}"})
    return sorted(
        (wording.operation(kind), f"{reverse('console:operation', args=[kind])}?{query}")
        for kind in operations_with_field("under", caller)
    )


def _named(trees: Trees, level: str, code: str) -> NodeOfTree | None:
    return next((one for one in trees.named(code) if one.level == level), None)


def _more(node: NodeOfTree, found: list[ServicePointAtNode], at: PageMoment) -> str:
    """Return the address of the next page of service points, or an empty string."""
    if len(found) <= SERVICE_POINTS:
        return ""
    after = urlencode({"after": found[SERVICE_POINTS - 1].consumer_number})
    return f"{_href(node, at)}{'?' if at.now else '&'}{after}"


def _rows(
    nodes: list[NodeOfTree], trees: Trees, at: PageMoment, among: Sequence[int] | None
) -> list[NodeRow]:
    """Return rows of nodes with their counts; a caller with a limited area gets only nodes with service points in it."""
    found = trees.counts(nodes, among)
    shown = nodes if among is None else [node for node in nodes if node.id in found]
    return [_row(node, found.get(node.id, Counts()), at) for node in shown]


def _row(node: NodeOfTree, counts: Counts, at: PageMoment) -> NodeRow:
    return NodeRow(
        label=_node_name(node),
        name=node.name,
        href=_href(node, at),
        counts=counts,
        credit=_by_commodity(counts, counts.credit_minor, counts.gas_credit_minor),
        owed=_by_commodity(counts, counts.owed_minor, counts.gas_owed_minor),
    )


def _by_commodity(counts: Counts, electricity_minor: int, gas_minor: int) -> str:
    """Return an amount of each commodity, of gas where it is supplied under the node."""
    found = {Commodity.ELECTRICITY: electricity_minor}
    if counts.gas_accounts:
        found[Commodity.GAS] = gas_minor
    return wording.by_commodity({commodity: formats.money(minor) for commodity, minor in found.items()})


def _node_name(node: NodeOfTree) -> str:
    return _("%(level)s %(code)s") % {"level": wording.level(node.level), "code": node.code}


def _href(node: NodeOfTree, at: PageMoment) -> str:
    return reverse("console:node", args=[node.level, node.code]) + at.query


def _loss(node: NodeOfTree, now: datetime) -> LossView | None:
    balance_of = {Level.TRANSFORMER: transformer_balance, Level.FEEDER: feeder_balance}.get(Level(node.level))
    if balance_of is None:
        return None
    balance = next(iter(balance_of(now - BALANCE_OVER, now, node.code)), None)
    percent = balance.loss_percent if balance is not None and balance.metered else None
    if balance is None or percent is None:
        return None
    return LossView(
        supplied=formats.energy(balance.supplied_wh),
        consumed=formats.energy(balance.consumed_wh),
        loss=wording.percent(percent),
        over=balance.beyond_limits,
        too_little=balance.too_little,
        remark=_("over %(count)s complete intervals up to %(moment)s")
        % {
            "count": balance.intervals,
            "moment": moment_of(balance.known_to_at, now) if balance.known_to_at else "–",
        },
        limit=LOSS_LIMIT_PERCENT,
    )


def _phases(found: list[ServicePointAtNode], at: PageMoment, now: datetime) -> list[Phase]:
    """Return service points by phase; those with an unknown phase come last."""
    phases = sorted({one.phase for one in found}, key=lambda phase: (not phase, phase))
    return [
        Phase(
            title=_("Phase %(phase)s") % {"phase": phase}
            if phase
            else (_("Phase unknown") if len(phases) > 1 else _("Service points here")),
            rows=[_service_point_row(one, at, now) for one in found if one.phase == phase],
        )
        for phase in phases
    ]


def _service_point_row(one: ServicePointAtNode, at: PageMoment, now: datetime) -> ServicePointRow:
    return ServicePointRow(
        number=one.consumer_number,
        place=wording.service_point_name(one.premise, one.consumer_number),
        href=address_of(one.consumer_number) + at.query,
        serial=one.serial,
        purpose="" if one.purpose == "consumer" else wording.purpose(one.purpose),
        state=_power(one, now),
        lacking=one.power not in ("", "powered"),
    )


def _power(one: ServicePointAtNode, now: datetime) -> str:
    """Return the power state in words, with the time of its evidence."""
    if not one.power or one.power_since is None:
        return wording.power(one.power) if one.power else ""
    words = {"state": wording.power(one.power), "moment": moment_of(one.power_since, now)}
    match one.power:
        case "powered" | "disconnected":
            return _("%(state)s, last communication %(moment)s") % words
        case _:
            return _("%(state)s since %(moment)s") % words
