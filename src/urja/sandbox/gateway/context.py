"""What every part of the gateway works with: book, outbox, business time, and the outcomes of payments."""

import asyncio
import json
import sqlite3
import string
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from urja.base.clock import Clock
from urja.base.settings import UtilitySettings
from urja.sandbox.book import Book
from urja.sandbox.faults import seeded_random
from urja.sandbox.gateway.arguments import GatewayArguments
from urja.sandbox.http import RefusedError
from urja.sandbox.outbox import Outbox

_BASE62: Final = string.digits + string.ascii_letters


class PaymentOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """The faults of one payment; durations are business seconds.

    `late_s`: until the bank answers, with the payment reported as failed before if `as_failed`. `reverse_s`: from
    capture until the money is returned. `dispute_s`: from capture until the payer disputes it, `decided_s`: from then
    until that is decided, for the merchant if `dispute_won`.
    """

    declined: bool = False
    late_s: float | None = None
    as_failed: bool = False
    reverse_s: float | None = None
    dispute_s: float | None = None
    decided_s: float = 86_400.0
    dispute_won: bool = False

    def names(self) -> list[str]:
        """Return the names of the faults that occur."""
        struck = {
            "decline": self.declined,
            "late": self.late_s is not None,
            "reverse": self.reverse_s is not None,
            "dispute": self.dispute_s is not None,
        }
        return [name for name, strikes in struck.items() if strikes]


@dataclass(frozen=True, slots=True)
class GatewayContext:
    """The resources of one gateway."""

    given: GatewayArguments
    utility: UtilitySettings
    book: Book
    outbox: Outbox
    clock: Clock
    changed: asyncio.Event
    """Set when a row was added to `due`."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone whose midnight ends a day of settlement."""
        return ZoneInfo(self.utility.timezone)

    def now_s(self) -> int:
        """Return business time in Unix seconds."""
        return int(self.clock.now().timestamp())

    def new_id(self, kind: str, table: str) -> str:
        """Return an identifier in Razorpay's form: the kind and fourteen characters.

        It depends on the time, so that a new book under the same seed does not repeat the identifiers of the old one.
        """
        number = self.book.value(f"SELECT coalesce(max(n), 0) + 1 FROM {table}")  # noqa: S608 - our own names
        chance = seeded_random(self.given.seed, kind, number, self.now_s())
        return f"{kind}_" + "".join(chance.choices(_BASE62, k=14))

    def plan(self, after_s: float, what: str, subject: str) -> None:
        """Store an action to carry out `after_s` business seconds from now."""
        self.book.insert("due", due_at=self.now_s() + round(after_s), what=what, subject=subject)
        self.changed.set()

    def emit(
        self, name: str, lane: str, key: tuple[str | int, ...], payload: dict[str, dict[str, object]]
    ) -> None:
        """Store a webhook with the present state of the entities in `payload`, in the caller's transaction."""
        event = {
            "entity": "event",
            "account_id": "acc_UrjaSandbox001",
            "event": name,
            "contains": list(payload),
            "payload": {kind: {"entity": entity} for kind, entity in payload.items()},
            "created_at": self.now_s(),
        }
        self.outbox.put(self.new_id("evt", "webhook"), name, lane, key, msgspec.json.encode(event))

    def payment_fate(self, number: int) -> PaymentOutcome:
        """Return the seeded outcome of the payment with this number in the book."""
        rates, chance = self.given.payments, seeded_random(self.given.seed, "payment", number)
        declined, late, reversed_ = (chance.random() for _ in range(3))
        late_s, reverse_s = chance.uniform(*rates.late_s), chance.uniform(*rates.reverse_s)
        as_failed = chance.random() < 0.5
        # Drawn last: seeds from before there were disputes still give the same payments.
        disputed, won = chance.random(), chance.random() < 0.5
        dispute_s, decided_s = chance.uniform(*rates.dispute_s), chance.uniform(*rates.decided_s)
        is_reversed = reversed_ < rates.reverse
        is_disputed = disputed < rates.dispute and not is_reversed
        if declined < rates.decline:
            return PaymentOutcome(declined=True)
        is_late = late < rates.late
        outcome = PaymentOutcome(
            late_s=late_s if is_late else None,
            as_failed=is_late and as_failed,
            reverse_s=reverse_s if is_reversed else None,
        )
        if is_disputed:
            return msgspec.structs.replace(outcome, dispute_s=dispute_s, decided_s=decided_s, dispute_won=won)
        return outcome


def find(book: Book, table: str, identifier: str) -> sqlite3.Row:
    """Return the row with an identifier. Raises RefusedError, in Razorpay's words, where there is none."""
    row = book.one(f"SELECT * FROM {table} WHERE id = ?", identifier)  # noqa: S608 - our own names
    if row is None:
        raise RefusedError("The id provided does not exist", field="id")
    return row


def money(given: dict[str, object], name: str = "amount", *, least: int = 100, most: int = 50_000_000) -> int:
    """Return a whole number of paise from a request. Raises RefusedError for anything else."""
    value = given.get(name)
    if type(value) is not int:
        raise RefusedError(f"The {name} must be an integer.", field=name)
    if value < least:
        raise RefusedError(f"The {name} must be at least {least} paise.", field=name)
    if value > most:
        raise RefusedError(f"The {name} exceeds the maximum amount allowed.", field=name)
    return value


def currency(given: dict[str, object]) -> str:
    """Return the currency of a request. Raises RefusedError for any but rupees."""
    if given.get("currency", "INR") != "INR":
        raise RefusedError("Currency is not supported", field="currency")
    return "INR"


def text(given: dict[str, object], name: str, limit: int) -> str | None:
    """Return a text of a request, None where it is left out. Raises RefusedError for one that is too long."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit:
        raise RefusedError(f"The {name} may not be greater than {limit} characters.", field=name)
    return value


def notes(given: dict[str, object]) -> str:
    """Return the notes of a request as JSON. Raises RefusedError beyond 15 notes of 256 characters each."""
    value = given.get("notes") or {}
    if not isinstance(value, dict) or len(value) > 15:
        raise RefusedError("Number of fields in notes should be less than or equal to 15", field="notes")
    if any(not isinstance(note, str | int) or len(str(note)) > 256 for note in value.values()):
        raise RefusedError("A note may not be greater than 256 characters.", field="notes")
    return json.dumps({key: str(note) for key, note in value.items()})
