"""Answers about meters, work orders and jobs for many meters."""

from datetime import datetime

from urja.base.untyped_values import JsonObject
from urja.web.api.answers import Shown


class Installation(Shown, frozen=True, kw_only=True):
    """The service point at which a device is installed, and its role there."""

    service_point_id: int
    consumer_number: str
    role: str
    valid_from: datetime
    commissioned_at: datetime | None
    """When its commissioning passed: from then on its pushed reads are billed; null before."""
    taken_over_at: datetime | None
    """From when it is billed by reads of another system, for a meter taken over in service; else null."""
    ratio_primary: int
    ratio_secondary: int


class Device(Shown, frozen=True, kw_only=True):
    """A meter. Keys are never shown."""

    id: int
    serial: str
    device_type: str
    commodity: str
    """What it measures, as its type says: `electricity` or `gas`."""
    stock: str
    held_by: str
    firmware: str
    interval_s: int
    max_power_w: int
    load_switch: bool
    forward_only: bool
    nameplate: JsonObject
    sim: str | None
    """The SIM number, for staff; null for consumers."""
    address: str | None
    """Address of a meter that the head end calls: `host:port`, or its address on an HDLC bus; for staff."""
    installation: Installation | None


class WorkOrder(Shown, frozen=True, kw_only=True):
    """A task for a person at a service point."""

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
    instructions: JsonObject
    result: JsonObject
    operation_id: int | None


class MeterJob(Shown, frozen=True, kw_only=True):
    """A question or command for one meter or many, and its progress."""

    id: int
    """Number of the operation, as in the audit."""
    kind: str
    arguments: JsonObject
    reason: str
    actor: str
    requested_at: datetime
    expires_at: datetime
    """Rows that are not sent by then expire."""
    cancelled_at: datetime | None
    ended_at: datetime | None
    """When its last row ended; null while a row is pending."""
    states: dict[str, int]
    """Number of its rows in your area that are `waiting`, `sent`, `done`, `refused`, `failed`, `expired`, `cancelled`."""


class MeterResult(Shown, frozen=True, kw_only=True):
    """A row of a meter job: one meter and its result."""

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
    """Reason of the state, where the state does not say it."""
    last_error: str
    """Error of the last attempt, while the row is pending."""
    result: JsonObject
    """Answer of the meter; for a profile, `shown` has columns with name and unit, and the newest rows."""
    withheld: bool
    """Whether an answer is hidden because it needs `read:load_curve`."""
