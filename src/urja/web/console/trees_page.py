"""The trees as pages: a node with what hangs under it, today or on another day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps import trees
from urja.apps.readings.overview import LOSS_LIMIT_PERCENT, transformer_balance
from urja.apps.registry import access
from urja.apps.registry.access import Caller
from urja.apps.registry.models import Level, Node, Tree
from urja.apps.registry.roles import Read
from urja.apps.trees import Counts, Hanging
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.web.console import wording
from urja.web.console.moments import moment_of
from urja.web.console.search_page import address_of
from urja.web.portal import formats
from urja.web.portal.clock import zone

BALANCE_OVER: Final = timedelta(days=1)
PLACES: Final = 200
"""Connections of a node on one page."""


@dataclass(frozen=True, slots=True)
class When:
    """The day that a page is about; `today` is empty on another one."""

    at: datetime
    iso: str
    label: str
    today: bool

    @property
    def query(self) -> str:
        return "" if self.today else f"?at={self.iso}"


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
class TreesPage:
    when: When
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
    """So little flows that the share lost says nothing."""
    remark: str
    limit: int


@dataclass(frozen=True, slots=True)
class HangingRow:
    number: str
    place: str
    href: str
    serial: str
    purpose: str
    state: str
    dark: bool


@dataclass(frozen=True, slots=True)
class Phase:
    """The connections of one phase; or all, where a tree knows none."""

    title: str
    rows: list[HangingRow]


@dataclass(frozen=True, slots=True)
class NodePage:
    when: When
    title: str
    name: str
    here: str
    path: list[Step]
    whole: NodeRow
    nodes: list[NodeRow]
    loss: LossView | None
    phases: list[Phase]
    more: str
    money: bool


def when(text: str, now: datetime) -> When:
    """A day as typed, at its end; today, and now, where it is empty or no day."""
    today = local_day(now, zone())
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    if day == today or not today.year - 100 < day.year < today.year + 100:
        return When(now, today.isoformat(), formats.day(today), today=True)
    ends = midnight(day + ONE_DAY, zone()) - timedelta.resolution
    return When(ends, day.isoformat(), formats.day(day), today=False)


def trees_page(caller: Caller, at: When, now: datetime) -> TreesPage:
    """The roots of both trees, as far as the caller's area reaches."""
    among = _among(caller, now)
    return TreesPage(
        when=at,
        trees=[
            TreeView(
                tree,
                _("Administration") if tree is Tree.ADMINISTRATION else _("Grid"),
                _rows(list(trees.roots(tree, at.at)), at, now, among),
            )
            for tree in Tree
        ],
        money=caller.area(Read.TOTALS) is not None,
    )


def node_page(node: Node, caller: Caller, at: When, now: datetime, after: str) -> NodePage | None:
    """What hangs under a node; None where nothing of it is in the caller's area."""
    among = _among(caller, now)
    whole = _rows([node], at, now, among)
    if not whole:
        return None
    found = trees.hanging(node, at.at, now, PLACES + 1, after, among)
    loss = _loss(node, now) if node.level == Level.TRANSFORMER and at.today else None
    return NodePage(
        when=at,
        title=_called(node),
        name=node.name,
        here=_href(node, at),
        path=[Step(_called(above), _href(above, at)) for above in trees.path(node, at.at)],
        whole=whole[0],
        nodes=_rows(list(trees.children(node, at.at)), at, now, among),
        loss=loss,
        phases=_phases(found[:PLACES], now),
        more=found[PLACES - 1].consumer_number if len(found) > PLACES else "",
        money=caller.area(Read.TOTALS) is not None,
    )


def _among(caller: Caller, now: datetime) -> list[int] | None:
    """The service points that the caller may see; None for all of them."""
    area = caller.must(Read.USAGE_POINT)
    if area.everywhere:
        return None
    return access.all_places(area, now)


def _rows(nodes: list[Node], at: When, now: datetime, among: Sequence[int] | None) -> list[NodeRow]:
    """Nodes with what hangs under them; who may not see everything sees those alone that have something of theirs."""
    found = trees.counts(nodes, at.at, now, among)
    shown = nodes if among is None else [node for node in nodes if node.id in found]
    return [_row(node, found.get(node.id, Counts()), at) for node in shown]


def _row(node: Node, counts: Counts, at: When) -> NodeRow:
    return NodeRow(
        label=_called(node),
        name=node.name,
        href=_href(node, at),
        counts=counts,
        credit=formats.money(counts.credit_minor),
        owed=formats.money(counts.owed_minor),
    )


def _called(node: Node) -> str:
    return _("%(level)s %(code)s") % {"level": wording.level(node.level), "code": node.code}


def _href(node: Node, at: When) -> str:
    return reverse("console:node", args=[node.level, node.code]) + at.query


def _loss(node: Node, now: datetime) -> LossView | None:
    balance = next(iter(transformer_balance(now - BALANCE_OVER, now, node.code)), None)
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


def _phases(found: list[Hanging], now: datetime) -> list[Phase]:
    """By phase, those that nobody knows last."""
    phases = sorted({one.phase for one in found}, key=lambda phase: (not phase, phase))
    return [
        Phase(
            title=_("Phase %(phase)s") % {"phase": phase}
            if phase
            else (_("Phase not known") if len(phases) > 1 else _("Connections here")),
            rows=[_hanging(one, now) for one in found if one.phase == phase],
        )
        for phase in phases
    ]


def _hanging(one: Hanging, now: datetime) -> HangingRow:
    heard = _("heard of %(moment)s") % {"moment": moment_of(one.heard_at, now)} if one.heard_at else ""
    return HangingRow(
        number=one.consumer_number,
        place=wording.place(one.premise, one.consumer_number),
        href=address_of(one.consumer_number),
        serial=one.serial,
        purpose="" if one.purpose == "consumer" else wording.purpose(one.purpose),
        state=" · ".join(filter(None, (_("dark") if one.dark else "", heard))),
        dark=one.dark,
    )
