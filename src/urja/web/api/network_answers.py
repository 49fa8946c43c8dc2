"""Answers about premises, service points, the trees above them, and the energy of a month in a premise."""

from datetime import datetime

from urja.web.api.answers import Shown


class Premise(Shown, frozen=True, kw_only=True):
    """A premise that is supplied: a flat, a tower, a society, a house."""

    id: int
    code: str | None
    kind: str
    name: str
    address: str
    pin_code: str
    latitude: float | None
    longitude: float | None
    part_of: int | None
    """The premise that contains it: a flat's tower, a tower's society."""


class Placement(Shown, frozen=True, kw_only=True):
    """The place of a service point in the administration or the grid, at present."""

    tree: str
    level: str
    code: str
    phase: str
    valid_from: datetime


class ServicePoint(Shown, frozen=True, kw_only=True):
    """A service point. Its consumer number stays when the consumer changes."""

    id: int
    consumer_number: str
    commodity: str
    purpose: str
    disconnected_at: datetime | None
    premise: Premise
    placements: list[Placement]


class NodeName(Shown, frozen=True, kw_only=True):
    """A node of the administration or the grid."""

    id: int
    tree: str
    level: str
    code: str
    name: str


class Node(NodeName, frozen=True, kw_only=True):
    """A node with the numbers of service points and meters under it, directly or further below."""

    consumer_service_points: int
    """Consumers' service points."""
    other_service_points: int
    """The utility's own supplies, common areas, bulk supplies and the like."""
    meters: int
    not_communicating: int | None
    """Supplies whose meter has not communicated for a day; null for an instant in the past."""
    disconnected: int | None
    """Supplies whose relay the meter has confirmed to be open; null for an instant in the past."""
    no_power: int | None
    """Connected supplies whose meter has no power; null for an instant in the past."""
    not_heard_from: int | None
    """Connected supplies of which it is not known whether they have power; null for an instant in the past."""
    credit_minor: int | None
    """Sum of the positive balances of electricity; null for an instant in the past, and without the right to read totals."""
    owed_minor: int | None
    """Sum of the negative balances of electricity as a positive number; null as above. Gas is no part of either."""
    gas_credit_minor: int | None
    """As `credit_minor`, of gas."""
    gas_owed_minor: int | None
    """As `owed_minor`, of gas."""


class Nodes(Shown, frozen=True, kw_only=True):
    """A list of nodes."""

    items: list[Node]


class NodeInTree(Shown, frozen=True, kw_only=True):
    """A node with the nodes above it, from the root down, and the nodes directly under it."""

    node: Node
    path: list[NodeName]
    children: list[Node]


class NodeServicePoint(Shown, frozen=True, kw_only=True):
    """A service point that is placed directly under a node."""

    service_point_id: int
    consumer_number: str
    premise: str
    purpose: str
    phase: str
    serial: str
    """Serial number of its meter; empty without one."""


class ServicePointTotals(Shown, frozen=True, kw_only=True):
    """The energy (Wh) or volume of gas (litres) of one service point in a month."""

    service_point_id: int
    consumer_number: str
    purpose: str
    premise_id: int
    premise: str
    part_of: int | None
    commodity: str
    energy_wh: int | None
    """Null for gas, and where the month has no data."""
    estimated_wh: int | None
    """Null for gas."""
    volume_l: int | None
    """Null for electricity, and where the month has no data."""
    estimated_l: int | None
    """Null for electricity."""


class PremiseTotals(Shown, frozen=True, kw_only=True):
    """The energy (Wh) and the gas (litres) of the consumers and common areas of a part, such as a tower."""

    premise_id: int
    premise: str
    kind: str
    energy_wh: int
    volume_l: int
    service_points: int


class Totals(Shown, frozen=True, kw_only=True):
    """Energy (Wh) and gas (litres) of a local month in a premise, never added to each other. Bulk supply and generator are separate: flats are behind them."""

    premise_id: int
    premise: str
    month: str
    consumers_wh: int
    common_area_wh: int
    bulk_wh: int
    dg_wh: int
    consumers_l: int
    common_area_l: int
    bulk_l: int
    service_points_without_data: int
    """Service points without data; they are in no total."""
    parts: list[PremiseTotals]
    service_points: list[ServicePointTotals]
