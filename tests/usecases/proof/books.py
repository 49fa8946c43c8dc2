"""The tables as plain values, and the laws that hold for them after every step.

Each law is written again in plain Python over rows: it uses neither the database's constraints nor the code under
test.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import psycopg
from tests.apps.town import HALF_HOUR
from tests.usecases.proof.town import COMMODITIES, METERS
from tests.usecases.proof.truth import ceiling, floor

from urja.quantities.catalogue import BY_ID, BY_NAME

EVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
BILLING: Final = "billing"
_ROLES: Final = {1: BILLING, 2: "check", 3: "generation", 4: "source"}
ESTIMATED: Final = 3


@dataclass(frozen=True, order=True)
class Installed:
    """A meter at a place in a role, for a time."""

    point: str
    role: str
    begins: datetime
    ends: datetime
    serial: str
    ratio: tuple[int, int] = (1, 1)


@dataclass(frozen=True, order=True)
class Agreed:
    """An agreement, for a time."""

    point: str
    begins: datetime
    ends: datetime
    id: int = 0


@dataclass(frozen=True)
class Terms:
    """What an agreement is about, for a time."""

    agreement_id: int
    begins: datetime
    ends: datetime
    tariff: str
    load_w: int


@dataclass(frozen=True)
class Block:
    """A stored half-hour in its newest version."""

    point: str
    serial: str
    begins: datetime
    wh: int

    @property
    def ends(self) -> datetime:
        return self.begins + HALF_HOUR


@dataclass(frozen=True)
class Anchor:
    """A register that energy is billed from, in its newest version."""

    at: datetime
    wh: int
    estimated: bool


@dataclass(frozen=True, order=True)
class Placed:
    """The place of a node or service point in a tree, for a time: nodes are `level code`."""

    point: str
    tree: str
    node: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Stored:
    """A stored interval or daily register with each of its quantities; the two instants of a register are one."""

    point: str
    serial: str
    begins: datetime
    ends: datetime
    names: tuple[str, ...]
    values: list[int | None]


@dataclass(frozen=True)
class Books:
    """The rows of one moment."""

    installed: tuple[Installed, ...]
    billed_from: dict[Installed, datetime]
    """Since when a billing meter is billed by; only of those that have passed commissioning."""
    agreed: tuple[Agreed, ...]
    terms: tuple[Terms, ...]
    purposes: dict[str, str]
    blocks: tuple[Block, ...]
    anchors: dict[tuple[str, str], list[Anchor]]
    """By place and meter, in order."""
    placed: tuple[Placed, ...]
    placed_under: tuple[Placed, ...]
    """The node that a node is under; its `point` is the node, its `tree` the level above."""
    stray: tuple[str, ...]
    """Recorded rows of an unknown operation."""

    @classmethod
    def read(cls, connection: psycopg.Connection[Any]) -> "Books":
        installed, billed_from = [], {}
        for point, role, begins, ends, serial, primary, secondary, commissioned in connection.execute(_HUNG):
            one = Installed(point, _ROLES[role], begins, ends or EVER, serial, (primary, secondary))
            installed.append(one)
            if one.role == BILLING and commissioned is not None:
                billed_from[one] = max(begins, commissioned)
        anchors = defaultdict(list)
        for point, serial, at, wh, status in connection.execute(_ANCHORS):
            anchors[point, serial].append(Anchor(at, wh, status == ESTIMATED))
        return cls(
            tuple(installed),
            billed_from,
            tuple(
                Agreed(point, begins, ends or EVER, id_)
                for point, begins, ends, id_ in connection.execute(_AGREED)
            ),
            tuple(
                Terms(id_, begins, ends or EVER, *more)
                for id_, begins, ends, *more in connection.execute(_TERMS)
            ),
            dict(connection.execute("SELECT consumer_number, purpose FROM network_service_point").fetchall()),
            tuple(Block(*row) for row in connection.execute(_BLOCKS)),
            dict(anchors),
            *(
                tuple(
                    Placed(point, tree, node, begins, ends or EVER)
                    for point, tree, node, begins, ends in connection.execute(query).fetchall()
                )
                for query in (_PLACED, _HANGS_ON)
            ),
            tuple(
                f"{table} {row_id} names operation {operation}"
                for table, row_id, operation in connection.execute(_STRAY).fetchall()
            ),
        )


_HUNG = """
SELECT s.consumer_number, p.role, p.valid_from, p.valid_to, d.serial, p.ratio_primary, p.ratio_secondary, p.commissioned_at
FROM assets_device_period p JOIN network_service_point s ON s.id = p.service_point_id
JOIN assets_device d ON d.id = p.device_id ORDER BY 1, 2, 3
"""
_AGREED = """
SELECT s.consumer_number, a.valid_from, a.valid_to, a.id
FROM contracts_agreement a JOIN network_service_point s ON s.id = a.service_point_id ORDER BY 1, 2
"""
_TERMS = """
SELECT agreement_id, valid_from, valid_to, tariff_code, sanctioned_load_w FROM contracts_agreement_terms ORDER BY 1, 2
"""
_BLOCKS = """
SELECT DISTINCT ON (i.service_point_id, i.device_id, i.start_at) s.consumer_number, d.serial, i.start_at, i.values[1]
FROM readings_interval i JOIN network_service_point s ON s.id = i.service_point_id
JOIN assets_device d ON d.id = i.device_id ORDER BY i.service_point_id, i.device_id, i.start_at, i.version DESC
"""
_ANCHORS = """
SELECT DISTINCT ON (r.service_point_id, r.device_id, r.read_at) s.consumer_number, d.serial, r.read_at, r.values[1], r.status
FROM readings_register r JOIN network_service_point s ON s.id = r.service_point_id
JOIN assets_device d ON d.id = r.device_id
WHERE r.kind IN (2, 3, 5) ORDER BY r.service_point_id, r.device_id, r.read_at, r.version DESC, r.kind
"""
_PLACED = """
SELECT s.consumer_number, p.tree, n.level || ' ' || n.code, p.valid_from, p.valid_to
FROM network_placement p JOIN network_service_point s ON s.id = p.service_point_id JOIN network_node n ON n.id = p.node_id
"""
_STORED = """
SELECT s.consumer_number, d.serial, r.begins, r.ends, c.quantities, r.values FROM (
    SELECT DISTINCT ON (service_point_id, device_id, start_at) service_point_id, device_id, start_at AS begins,
        start_at + interval '30 minutes' AS ends, channel_set, values
    FROM readings_interval ORDER BY service_point_id, device_id, start_at, version DESC
) r JOIN network_service_point s ON s.id = r.service_point_id JOIN assets_device d ON d.id = r.device_id
JOIN readings_channel_set c ON c.id = r.channel_set
UNION ALL SELECT s.consumer_number, d.serial, r.read_at, r.read_at, c.quantities, r.values FROM readings_register r
JOIN network_service_point s ON s.id = r.service_point_id JOIN assets_device d ON d.id = r.device_id
JOIN readings_channel_set c ON c.id = r.channel_set WHERE r.kind = 2 AND r.status <> 3
"""
_HANGS_ON = """
SELECT c.level || ' ' || c.code, n.level, n.level || ' ' || n.code, p.valid_from, p.valid_to
FROM network_node_period p JOIN network_node c ON c.id = p.node_id JOIN network_node n ON n.id = p.parent_id
"""
_RECORDED = (
    "network_premise", "network_service_point", "network_node", "network_node_period", "network_placement",
    "assets_device", "assets_device_period", "assets_seal", "people_person", "people_consent", "people_protection",
    "identity_account_access", "identity_employment", "contracts_agreement", "contracts_agreement_terms",
    "billing_deposit", "billing_deposit_demand", "billing_arrear",
)  # fmt: skip
_STRAY = " UNION ALL ".join(
    f"SELECT '{table}', t.id, t.operation_id FROM {table} t "
    "WHERE t.operation_id IS NOT NULL AND NOT EXISTS (SELECT FROM journal_operation o WHERE o.id = t.operation_id)"
    for table in _RECORDED
)


def stored(connection: psycopg.Connection[Any]) -> list[Stored]:
    """All that meters sent and that was kept, with all its quantities."""
    return [
        Stored(*key, tuple(BY_ID[number].name for number in quantities), values)
        for *key, quantities, values in connection.execute(_STORED).fetchall()
    ]


def untrue(rows: Iterable[Stored]) -> Iterator[str]:
    """Which stored values are not what their meters sent; and rows of another commodity than their place supplies."""
    for row in rows:
        sent = METERS[row.serial].sent(row.names, row.begins, row.ends)
        if row.values != sent:
            yield f"{row.serial} sent {sent} of {row.names} for {row.ends}, stored at {row.point} is {row.values}"
        if BY_NAME[row.names[0]].commodity != COMMODITIES[row.point]:
            yield f"{row.point} is supplied with {COMMODITIES[row.point]}, and has {row.names[0]} of {row.begins}"


def laws(books: Books) -> Iterator[str]:
    """What contradicts them."""
    yield from books.stray
    yield from _one_at_a_time(
        "place and role", ((h.point, h.role, h.begins, h.ends) for h in books.installed)
    )
    yield from _one_at_a_time("meter", ((h.serial, "", h.begins, h.ends) for h in books.installed))
    yield from _one_at_a_time("agreement", ((a.point, "", a.begins, a.ends) for a in books.agreed))
    yield from _one_at_a_time("place in tree", ((p.point, p.tree, p.begins, p.ends) for p in books.placed))
    yield from _one_at_a_time("parent", ((p.point, "", p.begins, p.ends) for p in books.placed_under))
    yield from _counted_twice(books)
    for installed in books.installed:
        if METERS[installed.serial].type.commodity != COMMODITIES[installed.point]:
            yield f"{installed} measures another commodity than the place is supplied with"
    for agreed in books.agreed:
        if books.purposes[agreed.point] != "consumer":
            yield f"{agreed.point} is no consumer's and has an agreement"
        terms = [terms for terms in books.terms if terms.agreement_id == agreed.id]
        if not terms or (terms[0].begins, terms[-1].ends) != (agreed.begins, agreed.ends):
            yield f"the terms of {agreed} are {terms}"
        if any((one.tariff == "piped") != (COMMODITIES[agreed.point] == "gas") for one in terms):
            yield f"a tariff for another commodity bills {agreed}: {terms}"
        if any(one.ends != following.begins for one, following in pairwise(terms)):
            yield f"the terms of {agreed} do not follow each other: {terms}"
    for block in books.blocks:
        meter = METERS[block.serial]
        drawn = meter.register_wh(block.ends) - meter.register_wh(block.begins)
        if block.wh != drawn:
            yield f"{block.serial} drew {drawn} Wh from {block.begins}, stored are {block.wh} at {block.point}"
        if sum(_holds(agreed, block) for agreed in books.agreed if agreed.point == block.point) > 1:
            yield f"{block} belongs to several agreements"
    for (point, serial), anchors in books.anchors.items():
        for anchor in anchors:
            stood = METERS[serial].register_wh(anchor.at)
            if not anchor.estimated and anchor.wh != stood:
                yield f"{serial} stood at {stood} Wh on {anchor.at}, read at {point} were {anchor.wh}"


def _one_at_a_time(what: str, periods: Iterable[tuple[str, str, datetime, datetime]]) -> Iterator[str]:
    of: dict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    for name, more, begins, ends in periods:
        of[name, more].append((begins, ends))
        if ends <= begins:
            yield f"{what} {name} {more}: a time from {begins} to {ends}"
    for named, times in of.items():
        for (_, ends), (begins, _) in pairwise(sorted(times)):
            if begins < ends:
                yield f"two at {what} {named} from {begins} on"


def _counted_twice(books: Books) -> Iterator[str]:
    """A sum over a tree from its leaves to its root meets each place once at each level, at any instant."""
    for at in {placed.begins for placed in (*books.placed, *books.placed_under)}:
        above = {one.point: one.node for one in books.placed_under if one.begins <= at < one.ends}
        sums: Counter[str] = Counter()
        roots: Counter[str] = Counter()
        for placed in books.placed:
            if not placed.begins <= at < placed.ends:
                continue
            node, levels = placed.node, [placed.node.split()[0]]
            sums[f"{placed.tree} {levels[0]}"] += 1
            while node in above:
                node = above[node]
                levels.append(node.split()[0])
            if len(set(levels)) != len(levels):
                yield f"{placed.point} is counted twice at {at}: {levels}"
            roots[placed.tree] += 1
        leaves = {tree: sum(n for name, n in sums.items() if name.startswith(tree)) for tree in roots}
        if leaves != dict(roots):
            yield f"at {at} roots count {dict(roots)} places, leaves {leaves}"


def _holds(period: Installed | Agreed, block: Block) -> bool:
    return period.begins <= block.begins and block.ends <= period.ends


def agreement_of(books: Books, block: Block) -> Agreed | None:
    """Who pays for a block by itself; none without an agreement."""
    billed = any(
        installed.point == block.point
        and installed.serial == block.serial
        and _holds(installed, block)
        and since <= block.begins
        for installed, since in books.billed_from.items()
    )
    found = [agreed for agreed in books.agreed if agreed.point == block.point and _holds(agreed, block)]
    return found[0] if billed and found else None


def roles(books: Books, block: Block) -> set[str]:
    """What the meter was for at the place in any of that time: `billing` only where an agreement is possible."""
    return {
        installed.role if books.purposes[installed.point] == "consumer" else books.purposes[installed.point]
        for installed in books.installed
        if (installed.point, installed.serial) == (block.point, block.serial)
        and installed.begins < block.ends
        and block.begins < installed.ends
    }


@dataclass(frozen=True)
class Span:
    """Energy between two instants, at least and at most: exact where both ends were read."""

    least: int = 0
    most: int = 0

    def __add__(self, other: "Span") -> "Span":
        return Span(self.least + other.least, self.most + other.most)

    def __contains__(self, wh: int) -> bool:
        return self.least <= wh <= self.most


def due(books: Books, agreed: Agreed, begins: datetime, ends: datetime) -> Span:
    """What an agreement owes for [begins, ends) of its time, by the meters' own registers."""
    total = Span()
    for installed, since in books.billed_from.items():
        first, last = max(begins, agreed.begins, since), min(ends, agreed.ends, installed.ends)
        if installed.point == agreed.point and first < last:
            low, high = _stood(books, installed, first), _stood(books, installed, last)
            total += Span(high.least - low.most, high.most - low.least)
    return total


def _stood(books: Books, installed: Installed, at: datetime) -> Span:
    """Where the register of a meter stands at an instant, as far as it was read: with its ratio.

    From the last read on whole half-hours are known; that in which an instant lies may count or not.
    """
    read = [
        anchor for anchor in books.anchors.get((installed.point, installed.serial), ()) if anchor.at <= at
    ][-1:]
    assert read, f"{installed} was never read up to {at}"
    anchor, meter = read[0], METERS[installed.serial]
    least = most = anchor.wh
    if anchor.at < at and ceiling(anchor.at) <= floor(at):
        counted_from = meter.register_wh(ceiling(anchor.at))
        least += meter.register_wh(floor(at)) - counted_from
        most += meter.register_wh(ceiling(at)) - counted_from
    primary, secondary = installed.ratio
    return Span(least * primary // secondary, most * primary // secondary)
