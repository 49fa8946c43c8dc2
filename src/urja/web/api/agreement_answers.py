"""Answers about agreements and their terms, and orders that change payment modes."""

from datetime import date, datetime

from urja.base.untyped_values import JsonObject
from urja.web.api.answers import Shown


class Terms(Shown, frozen=True, kw_only=True):
    """The terms of an agreement in a period."""

    tariff_code: str
    sanctioned_load_w: int
    category: str
    policy: str
    """Code of a policy of its own; empty where its category selects the policy."""
    payment_mode: str
    metering_mode: str
    sanctioned_load_va: int | None
    """Null where the terms do not state it, as for the contracted loads."""
    contracted_load_w: int | None
    contracted_load_va: int | None
    carpet_area_dm2: int | None
    """Carpet area in hundredths of a square metre; null where the terms do not state it."""
    valid_from: datetime
    valid_to: datetime | None


class Agreement(Shown, frozen=True, kw_only=True):
    """An agreement: the account that pays for a service point in a period."""

    id: int
    account_id: int
    service_point_id: int
    consumer_number: str
    consumer_id: int | None
    billing_day: int | None
    bill_from: date | None
    """Day of the month on which its billing periods begin; null where its tariff says it."""
    valid_from: datetime
    valid_to: datetime | None
    terms: list[Terms]


class ModeChange(Shown, frozen=True, kw_only=True):
    """An order that changes the payment mode of many supplies, and its progress."""

    id: int
    """Number of the operation, as in the audit."""
    payment_mode: str
    """The mode that its supplies have afterwards."""
    effective_on: date
    no_disconnection_from: datetime | None
    """From then on no balance disconnects a supply that waits; null where they become prepaid."""
    arguments: JsonObject
    """Tariff, deposits and instalments."""
    reason: str
    actor: str
    requested_at: datetime
    stopped_at: datetime | None
    ended_at: datetime | None
    """When its last row ended; null while a row waits."""
    states: dict[str, int]
    """Number of its rows in your area that are `waiting`, `done`, `refused`, `left`."""
    converted: dict[str, int]
    """Sums over the rows that are `done`: amounts in minor units, and numbers of instalment plans."""


class ModeChangeRow(Shown, frozen=True, kw_only=True):
    """A row of a mode change: one supply and what became of it."""

    row: int
    consumer_number: str
    state: str
    agreement_id: int | None
    account_id: int | None
    service_point_id: int | None
    operation_id: int | None
    """The conversion, as in the audit."""
    ended_at: datetime | None
    detail: str
    """Why it was refused."""
    result: JsonObject
    """Amounts at the conversion in minor units, and `plan`: `kept`, `new` or empty."""
