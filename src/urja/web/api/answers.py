"""What the API answers, by name and type: from these come the documents and the descriptions of them.

Instants are ISO 8601 with the offset of the utility's zone, money is in minor units beside its currency, energy in Wh.
"""

from datetime import date, datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType


class Shown(Struct, frozen=True, kw_only=True):
    """Base of what is answered."""


class Page[T](Shown, frozen=True, kw_only=True):
    """A page of a list."""

    items: list[T]
    next: str | None
    """The cursor of the next page; null on the last."""


class Consent(Shown, frozen=True, kw_only=True):
    """What a person has agreed to."""

    purpose: str
    given_at: datetime
    withdrawn_at: datetime | None


class Protection(Shown, frozen=True, kw_only=True):
    """Why a person's supply is not cut, and until when."""

    kind: str
    valid_from: datetime
    valid_to: datetime | None


class ConsumerAccount(Shown, frozen=True, kw_only=True):
    """An account that a person may see, as owner or member of the household."""

    account_id: int
    role: str


class Consumer(Shown, frozen=True, kw_only=True):
    """A person or firm that a supply is agreed with, or that may see an account."""

    id: int
    name: str
    email: str
    phone: str | None
    language: str
    address: str
    """Where letters go, if not to the premise."""
    anonymised_at: datetime | None
    """When what named them was taken away."""
    consents: list[Consent]
    protections: list[Protection]
    accounts: list[ConsumerAccount]


class Correction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a person is put right; what is left out stays."""

    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    language: str | UnsetType = UNSET
    address: str | UnsetType = UNSET


class Premise(Shown, frozen=True, kw_only=True):
    """A place that is supplied."""

    id: int
    code: str | None
    kind: str
    name: str
    address: str
    pin_code: str
    latitude: float | None
    longitude: float | None
    part_of: int | None
    """The premise that it is a part of: a flat's tower, a tower's society."""


class Placement(Shown, frozen=True, kw_only=True):
    """Where a service point hangs in the administration or the grid, now."""

    tree: str
    level: str
    code: str
    phase: str
    valid_from: datetime


class ServicePoint(Shown, frozen=True, kw_only=True):
    """A connection. The consumer number is its own."""

    id: int
    consumer_number: str
    commodity: str
    purpose: str
    disconnected_at: datetime | None
    premise: Premise
    placements: list[Placement]


class NodeName(Shown, frozen=True, kw_only=True):
    """A place in the administration or the grid."""

    id: int
    tree: str
    level: str
    code: str
    name: str


class Node(NodeName, frozen=True, kw_only=True):
    """A place in the administration or the grid, with what hangs under it, at itself or further below."""

    consumer_service_points: int
    """Consumers' service points."""
    other_service_points: int
    """The utility's own, common areas, bulk supplies ..."""
    meters: int
    not_communicating: int | None
    """Supplies of which nothing has come in for a day. Known of now alone: null of another moment."""
    disconnected: int | None
    """Supplies that are disconnected: whose relay the meter has confirmed to be open; null of another moment."""
    no_power: int | None
    """Connected supplies whose meter has no power; null of another moment."""
    not_heard_from: int | None
    """Connected supplies of which nobody knows whether they have power; null of another moment."""


class Nodes(Shown, frozen=True, kw_only=True):
    """Several nodes."""

    items: list[Node]


class NodeInTree(Shown, frozen=True, kw_only=True):
    """A node with the nodes that it hangs under, from the root down, and those that hang under it."""

    node: Node
    path: list[NodeName]
    children: list[Node]


class NodeServicePoint(Shown, frozen=True, kw_only=True):
    """A service point that hangs at a node itself."""

    service_point_id: int
    consumer_number: str
    premise: str
    purpose: str
    phase: str
    serial: str
    """Of its meter; empty without one."""


class Installation(Shown, frozen=True, kw_only=True):
    """Where a device hangs, and as what."""

    service_point_id: int
    consumer_number: str
    role: str
    valid_from: datetime
    commissioned_at: datetime | None
    """Since when it has passed a call, and what it pushes bills; null before."""
    taken_over_at: datetime | None
    """Since when it bills by reads that it has not pushed, where it came in service already; else null."""
    ratio_primary: int
    ratio_secondary: int


class Device(Shown, frozen=True, kw_only=True):
    """A meter. Keys are never shown."""

    id: int
    serial: str
    device_type: str
    stock: str
    held_by: str
    firmware: str
    interval_s: int
    max_power_w: int
    load_switch: bool
    forward_only: bool
    nameplate: dict[str, Any]
    sim: str | None
    """For staff; to consumers null."""
    address: str | None
    """Where a meter is that does not dial: `host:port`, or its place on a line of HDLC; for staff."""
    installation: Installation | None


class Terms(Shown, frozen=True, kw_only=True):
    """On which terms an agreement holds, for a time."""

    tariff_code: str
    sanctioned_load_w: int
    category: str
    policy: str
    """The code of the policy that governs it whatever its category; empty where the category says so."""
    payment_mode: str
    metering_mode: str
    valid_from: datetime
    valid_to: datetime | None


class Agreement(Shown, frozen=True, kw_only=True):
    """Who pays for a service point, for a time."""

    id: int
    account_id: int
    service_point_id: int
    consumer_number: str
    consumer_id: int | None
    billing_day: int | None
    """On which day of a month its billing periods begin; null where its tariff says so."""
    valid_from: datetime
    valid_to: datetime | None
    terms: list[Terms]


class Interval(Shown, frozen=True, kw_only=True):
    """Energy in one interval, in its newest version."""

    start_at: datetime
    length_s: int
    import_wh: int
    export_wh: int | None
    status: str
    """`measured`, `known_zero`, `estimated`, `edited` or `suspect`."""
    device_id: int


class Readings(Shown, frozen=True, kw_only=True):
    """An agreement's intervals in a bounded time."""

    agreement_id: int
    begins_at: datetime
    ends_at: datetime
    items: list[Interval]


class Instalments(Shown, frozen=True, kw_only=True):
    """A plan by which old dues are paid off while it holds."""

    every: str
    """`day` or `month`."""
    amount_minor: int
    """Of each; the last one is what is left."""
    valid_from: datetime
    """The midnight of the day on which the first is due."""


class Power(Shown, frozen=True, kw_only=True):
    """Whether a supply has power, by the newest evidence: a meter without power says nothing."""

    state: str
    """`powered`, `no_power` (at the meter), `disconnected` (by its relay) or `not_heard_from`."""
    since: datetime | None
    """Since when it is so; null while powered, and where it is not known."""
    last_heard_at: datetime | None
    """Of a powered supply the instant of the evidence."""
    reasons: list[str]
    """Why it is disconnected: what holds it off."""
    at_meter: str
    """`powered`, `no_power` or `not_heard_from`, also where the relay is open."""
    sentence: str
    """The same for a person."""


class Balance(Shown, frozen=True, kw_only=True):
    """What is left on an account now: the one figure that pages, alerts and decisions use."""

    account_id: int
    balance_minor: int
    currency: str
    as_of: datetime | None
    """End of the last reading that it rests on."""
    posted_minor: int
    """The sum of the entries."""
    pending_minor: int
    """What was used since, and is not posted yet."""
    credits_minor: int
    """On their way; no part of the balance."""
    estimated_wh: int
    days_left: float | None
    """At the usual cost of a day, with its instalment of old dues where there is one."""
    dues_minor: int
    """Owed by old bills beside the balance."""
    instalments: Instalments | None
    """By which they are paid off; null where no plan holds."""
    supply: str
    """`on`, `off` or `unknown`: what the meter confirmed last of its relay. Whether there is power is `power`."""
    power: Power | None
    """Null where no meter bills the supply."""
    standing: str | None
    """As the policy calls it; null where none governs the account."""
    sentence: str | None
    """The same for a person, in the language that Accept-Language asks for."""


class Entry(Shown, frozen=True, kw_only=True):
    """One posting. An amount is what it did to the account: a charge is negative."""

    account_id: int
    seq: int
    line: str
    title: str
    origin: str
    amount_minor: int
    balance_after_minor: int
    currency: str
    service_date: date
    posted_at: datetime
    accounting_month: date


class Row(Shown, frozen=True, kw_only=True):
    """`quantity` in `unit` times `rate_minor` is the charge, half-up to the minor unit; `amount_minor` is its effect."""

    label: str
    quantity: str
    unit: str
    rate_minor: str
    amount_minor: int


class RegisterRead(Shown, frozen=True, kw_only=True):
    """A register read that a posting rests on."""

    read_at: datetime
    register_wh: int
    kind: str
    status: str
    source: str
    device_id: int


class TariffUsed(Shown, frozen=True, kw_only=True):
    """A version that a posting was rated by."""

    code: str
    version: str
    sha256: str


class EntryWithArithmetic(Shown, frozen=True, kw_only=True):
    """A posting and all that it was made from."""

    entry: Entry
    rows: list[Row]
    """Their amounts sum to the entry's."""
    opening: RegisterRead | None
    reads: list[RegisterRead]
    tariffs: list[TariffUsed]
    advance_wh: int
    energy_wh: int
    blocks_wh: int
    residual_wh: int
    provisional: bool
    notes: list[str]


class ServicePointTotals(Shown, frozen=True, kw_only=True):
    """What one service point has taken in a month."""

    service_point_id: int
    consumer_number: str
    purpose: str
    premise_id: int
    premise: str
    part_of: int | None
    energy_wh: int | None
    """Null where nothing is known of the month."""
    estimated_wh: int


class PremiseTotals(Shown, frozen=True, kw_only=True):
    """What the consumers and the common areas of a part (a tower) have taken together."""

    premise_id: int
    premise: str
    kind: str
    energy_wh: int
    service_points: int


class Totals(Shown, frozen=True, kw_only=True):
    """Energy of a local month in a premise. Bulk supply and generator stand for themselves: flats are behind them."""

    premise_id: int
    premise: str
    month: str
    consumers_wh: int
    common_area_wh: int
    bulk_wh: int
    dg_wh: int
    service_points_without_data: int
    """Service points of which nothing is known; they are in no sum."""
    parts: list[PremiseTotals]
    service_points: list[ServicePointTotals]


class WorkOrder(Shown, frozen=True, kw_only=True):
    """Something that a person has to go and do."""

    id: int
    kind: str
    state: str
    service_point_id: int
    consumer_number: str
    device_id: int | None
    assignee_id: int | None
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    instructions: dict[str, Any]
    result: dict[str, Any]
    operation_id: int | None


class MeterJob(Shown, frozen=True, kw_only=True):
    """What was asked of one meter or of many by one operation, and how far that is."""

    id: int
    """The number of the operation, as the audit has it."""
    kind: str
    arguments: dict[str, Any]
    reason: str
    actor: str
    requested_at: datetime
    expires_at: datetime
    """What is not sent by then is not sent any more."""
    cancelled_at: datetime | None
    ended_at: datetime | None
    """When the last of its rows ended; null while any is under way."""
    states: dict[str, int]
    """How many of its rows that you may see are `waiting`, `sent`, `done`, `refused`, `failed`, `expired`, `cancelled`."""


class MeterResult(Shown, frozen=True, kw_only=True):
    """A row of a meter job: one meter, and what came of it."""

    row: int
    requested_as: str
    """The meter as the request named it."""
    state: str
    device_id: int | None
    serial: str
    service_point_id: int | None
    consumer_number: str
    sent_at: datetime | None
    ended_at: datetime | None
    detail: str
    """Why it ended as it did, where that is not plain from the state."""
    last_error: str
    """Of what is under way: what the last attempt met."""
    result: dict[str, Any]
    """What the meter said; of a profile `shown` has columns with name and unit, and the newest rows."""
    withheld: bool
    """Whether there is an answer that takes `read:load_curve` to be seen."""


class AuditEntry(Shown, frozen=True, kw_only=True):
    """An operation that was done. What names people is left out of what was asked for: read the person."""

    id: int
    kind: str
    content: dict[str, Any]
    outcome: dict[str, Any]
    actor: str
    recorded_at: datetime
    undone_by: int | None
    service_point_id: int | None


class PersonalRead(Shown, frozen=True, kw_only=True):
    """Somebody has read another's personal data."""

    id: int
    user_id: int | None
    token_id: int | None
    consumer_id: int
    what: str
    read_at: datetime


class Tariff(Shown, frozen=True, kw_only=True):
    """A version of a tariff."""

    id: int
    code: str
    version: str
    valid_from: date
    sha256: str


class TariffDocument(Shown, frozen=True, kw_only=True):
    """A version with its text, as it rates."""

    tariff: Tariff
    text: str


class OperationRequest(Shown, frozen=True, kw_only=True):
    """An operation that was asked for, and what became of it."""

    id: int
    kind: str
    state: str
    """`waiting`, `done` or `refused`."""
    dry_run: bool
    requested_at: datetime
    answered_at: datetime | None
    faults: list[str]
    operation_id: int | None
    """Its entry in the audit; null of a dry run."""
    outcome: dict[str, Any]
    """The keys of what it made."""
    effects: dict[str, Any]
    """What changes, row by row."""


class OperationKind(Shown, frozen=True, kw_only=True):
    """An operation that there is."""

    kind: str
    summary: str
    roles: list[str]
    """Who may; empty: a command on the machine itself."""
    allowed: bool
    """Whether you may, somewhere."""


class Operations(Shown, frozen=True, kw_only=True):
    """All operations."""

    items: list[OperationKind]


class RoleHeld(Shown, frozen=True, kw_only=True):
    """A role and where it holds."""

    role: str
    everywhere: bool
    nodes: list[int]
    premises: list[int]
    accounts: list[int]


class Me(Shown, frozen=True, kw_only=True):
    """Whoever asks."""

    user_id: int | None
    token: str | None
    """The prefix of the key."""
    scopes: list[str]
    requests_per_minute: int
    expires_at: datetime | None
    roles: list[RoleHeld]
    permissions: list[str]
    """What the roles and the scopes allow together."""


class ExportedAgreement(Shown, frozen=True, kw_only=True):
    """An agreement of somebody, with where its readings are."""

    agreement: Agreement
    premise: str
    readings: str
    """Address of the intervals; a month at a time."""


class ExportedAccount(Shown, frozen=True, kw_only=True):
    """An account of somebody, whole."""

    account_id: int
    role: str
    currency: str
    agreements: list[ExportedAgreement]
    entries: list[Entry]
    messages: list["Message"]


class Message(Shown, frozen=True, kw_only=True):
    """What an account was told."""

    kind: str
    requested_at: datetime
    delivered_at: datetime | None
    channel: str
    recipient: str
    text: str


class Evidence(Shown, frozen=True, kw_only=True):
    """What proves a protection."""

    kind: str
    evidence: str
    valid_from: datetime
    valid_to: datetime | None


class Export(Shown, frozen=True, kw_only=True):
    """Everything that is kept of a person."""

    exported_at: datetime
    consumer: Consumer
    last_signed_in_at: datetime | None
    protections: list[Evidence]
    accounts: list[ExportedAccount]
    read_by: list[PersonalRead]
    """Who has read it."""
