"""Agreements begin, change and end: who pays for a connection, and by which terms."""

from datetime import date, datetime
from typing import Literal

import msgspec

from urja.apps.journal.operation import Operation


class IncomingConsumer(Operation, kw_only=True):
    """Somebody for whom an agreement is made: a person who is known, or one that is made of what is given."""

    consumer_id: int | None = None
    """Number of a person who is known; else they are found by the e-mail address, or made."""
    name: str = ""
    email: str = ""
    """What they sign in with; one who is known by it is that person."""
    phone: str | None = None
    """Where their messages go, as people write it: 98123 45678, 98123-45678."""
    language: str = "en"


class MoveIn(IncomingConsumer, kw_only=True):
    """Somebody takes supply at a connection that nobody has: account, terms, access, opening credit and deposit."""

    consumer_number: str
    at: datetime
    tariff_code: str
    sanctioned_load_w: int
    category: str = ""
    """Which policy governs it; empty for the one that governs everybody else."""
    policy: str = ""
    """The code of a policy of its own, whatever its category has; empty for none."""
    payment_mode: str = "prepaid"
    metering_mode: str = "forward"
    billing_day: int | None = None
    """On which day of a month its billing periods begin, 1 to 28, to its end; left out, its tariff says so."""
    register_wh: int | None = None
    """The import register as read at that moment; left out where it is known then."""
    credit_minor: int = 0
    """An opening credit that was paid."""
    deposit_minor: int = 0
    """A security deposit that was taken; prepaid supplies give none."""
    currency: str = "INR"


class MoveOut(Operation, kw_only=True):
    """Whoever has a connection leaves it: the register is read, and what is left is paid back or transferred.

    Once every day up to then is charged and none of it is provisional; until then it stays on the account.
    """

    consumer_number: str
    at: datetime
    register_wh: int | None = None
    """The import register as read at that moment; left out where it is known then."""
    transfer_to: int | None = None
    """Number of the account that the rest goes to; left out, it is paid back."""
    consented: bool = False
    """The consumer has agreed to the transfer."""
    hold_vacant: bool = True
    """Hold the supply off until somebody moves in."""


class TransferOwnership(IncomingConsumer, kw_only=True):
    """The same supply is somebody else's from an instant on: another account, the same terms, and light all the time."""

    consumer_number: str
    at: datetime
    register_wh: int | None = None
    """The import register as read at that moment; left out where it is known then."""
    remaining: Literal["refund", "transfer"] = "refund"
    """`transfer`: what is left on the old account goes to the new one."""
    consented: bool = False
    """Whoever has it so far has agreed to that."""
    credit_minor: int = 0
    """An opening credit that the new owner has paid."""
    deposit_minor: int = 0
    policy: str | None = None
    """The code of a policy of its own from then on, empty for none; left out, it stays as it is."""
    billing_day: int | None = None
    """On which day of a month the new owner's billing periods begin, 1 to 28; left out, as the agreement before has it."""


class ChangeOfTerms(Operation, kw_only=True):
    """What changes of terms have in common: whose, and from which day on."""

    consumer_number: str
    effective_on: date
    """The local day from whose first instant on the new terms hold; on the agreement's first day, from its beginning."""


class ChangeLoad(ChangeOfTerms, kw_only=True):
    """Sanction another load. Only what is priced by the load is charged anew; the meter's load limit follows."""

    sanctioned_load_w: int


class ChangeCategory(ChangeOfTerms, kw_only=True):
    """Rate a supply by another tariff, and let another policy govern it, unless it has one of its own."""

    tariff_code: str
    category: str | None = None
    """Which policy governs it: empty for the one that governs everybody else; left out, it stays as it is."""


class ChangePolicy(ChangeOfTerms, kw_only=True):
    """Let a policy of its own govern a supply whatever its category, or let its category say so again."""

    policy: str = ""
    """The code of a loaded policy; empty for the one that its category has."""
    reason: str


class Bill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bill that is not paid, or what is left of it."""

    bill: str
    """Its number."""
    due_on: date
    """When it first was due: dues are time-barred by it, however often they were billed again."""
    principal_minor: int
    surcharge_minor: int = 0
    """For paying late. Schemes that waive dues waive this and no principal."""


class ConvertToPrepaid(ChangeOfTerms, kw_only=True):
    """Let a supply that is paid for by bills be prepaid from a day on."""

    bills: tuple[Bill, ...] = ()
    """What is owed by the last bill: it and those before it."""
    billed_here: bool = True
    """The bills are of what was posted here: they leave the balance. Not so where another system billed them."""
    credit_minor: int = 0
    """What the last bill left in the consumer's favour and no posting here knows of."""
    deposit: Literal["arrears", "balance", "keep"] = "arrears"
    """A security deposit pays the arrears and what is left of it comes to the balance; all of it does; or none."""
    tariff_code: str | None = None
    """Where prepaid supplies have a tariff of their own."""


class ConvertToPostpaid(ChangeOfTerms, kw_only=True):
    """Let a prepaid supply be paid for by bills from a day on. Its credit stays; a plan of instalments ends."""

    deposit_minor: int = 0
    """A security deposit that was taken for it."""
    tariff_code: str | None = None
