"""Operations on agreements: who pays for a service point, from when to when, and on which terms."""

from datetime import date, datetime
from typing import Literal

import msgspec

from urja.apps.journal.operation import Operation


class IncomingConsumer(Operation, kw_only=True):
    """The consumer for whom an agreement is made: a known person, or a new one from the given name and addresses."""

    consumer_id: int | None = None
    """Number of a known person; left out, the person is found by the e-mail address, or created."""
    name: str = ""
    email: str = ""
    """The address for signing in; a person who is known by it is taken as the consumer."""
    phone: str | None = None
    """Where messages are sent, in the usual notations: 98123 45678, 98123-45678."""
    language: str = "en"


class MoveIn(IncomingConsumer, kw_only=True):
    """Start an agreement at a vacant service point: account, terms, access, opening credit and security deposit."""

    consumer_number: str
    at: datetime
    tariff_code: str
    sanctioned_load_w: int
    sanctioned_load_va: int | None = None
    """Sanctioned load in VA; left out, the terms do not state it, as for the two below."""
    contracted_load_w: int | None = None
    contracted_load_va: int | None = None
    carpet_area_dm2: int | None = None
    """Carpet area in hundredths of a square metre; left out, the terms do not state it."""
    category: str = ""
    """Consumer category, which selects the policy; empty for the default policy."""
    policy: str = ""
    """Code of a policy for this supply alone, whatever its category; empty for none."""
    payment_mode: str = "prepaid"
    """`prepaid` or `postpaid`."""
    metering_mode: str = "forward"
    """`forward` or `net`."""
    billing_day: int | None = None
    """Day of the month, 1 to 28, on which billing periods begin, for the whole agreement; left out, the tariff's day."""
    bill_from: date | None = None
    """Local day from which fixed charges are due although the supply may not be in service yet; left out, they begin
    with the supply.
    """
    register_wh: int | None = None
    """Import register read at that instant, in Wh; left out where the register is known at that instant."""
    register_l: int | None = None
    """The same of a gas meter, in litres."""
    credit_minor: int = 0
    """Opening credit that was paid, in minor units."""
    deposit_minor: int = 0
    """Security deposit that was taken, in minor units; 0 for prepaid supplies."""
    currency: str = "INR"


class MoveOut(Operation, kw_only=True):
    """End a consumer's agreement: the register is read, and the remaining balance is refunded or transferred.

    The balance stays on the account until every day up to then is charged and no charge is provisional.
    """

    consumer_number: str
    at: datetime
    register_wh: int | None = None
    """Import register read at that instant, in Wh; left out where the register is known at that instant."""
    register_l: int | None = None
    """The same of a gas meter, in litres."""
    transfer_to: int | None = None
    """Number of the account that receives the remaining balance; left out, it is refunded."""
    consented: bool = False
    """The consumer has agreed to the transfer."""
    hold_vacant: bool = True
    """Keep the supply disconnected until the next move-in."""


class TransferOwnership(IncomingConsumer, kw_only=True):
    """Transfer a supply to another consumer at an instant: a new account, the same terms, no interruption of supply."""

    consumer_number: str
    at: datetime
    register_wh: int | None = None
    """Import register read at that instant, in Wh; left out where the register is known at that instant."""
    register_l: int | None = None
    """The same of a gas meter, in litres."""
    remaining: Literal["refund", "transfer"] = "refund"
    """`transfer`: the remaining balance of the old account goes to the new one."""
    consented: bool = False
    """The previous owner has agreed to that transfer."""
    credit_minor: int = 0
    """Opening credit that the new owner has paid, in minor units."""
    deposit_minor: int = 0
    policy: str | None = None
    """Code of a policy for this supply alone from then on, empty for none; left out, it does not change."""
    billing_day: int | None = None
    """Day of the month, 1 to 28, on which the new owner's billing periods begin; left out, the previous agreement's
    day.
    """


class ChangeOfTerms(Operation, kw_only=True):
    """Fields that all changes of terms share: the service point and the day."""

    consumer_number: str
    effective_on: date
    """Local day from whose first instant the new terms apply; on the agreement's first day, from the agreement's
    start.
    """


class ChangeLoad(ChangeOfTerms, kw_only=True):
    """Change the loads or the carpet area of a supply. Only charges that depend on them are calculated again; the meter's
    load limit follows the sanctioned load.
    """

    sanctioned_load_w: int
    """In W."""
    sanctioned_load_va: int | None = None
    """Sanctioned load in VA; left out, it does not change, as for those below."""
    contracted_load_w: int | None = None
    contracted_load_va: int | None = None
    carpet_area_dm2: int | None = None
    """Carpet area in hundredths of a square metre."""


class ChangeCategory(ChangeOfTerms, kw_only=True):
    """Rate a supply by another tariff and change its category, which selects the policy unless the supply has its
    own.
    """

    tariff_code: str
    category: str | None = None
    """Consumer category, empty for the default policy; left out, it does not change."""


class ChangePolicy(ChangeOfTerms, kw_only=True):
    """Give a supply a policy of its own whatever its category, or let the category select the policy again."""

    policy: str = ""
    """Code of a loaded policy; empty for the policy of the category."""
    reason: str


class Bill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An unpaid bill, or the unpaid part of one."""

    bill: str
    """Number of the bill."""
    due_on: date
    """First due date. Dues become time-barred by it, even where they were billed again later."""
    principal_minor: int
    """In minor units."""
    surcharge_minor: int = 0
    """Late-payment surcharge in minor units. Schemes that waive dues waive the surcharge and never the principal."""


class Conversion(ChangeOfTerms, kw_only=True):
    """Fields that conversions in both directions share; not an operation itself."""

    bills: tuple[Bill, ...] = ()
    """Dues that are kept beside the balance from then on: of the last bill and of those before it, or what a prepaid
    balance owes.
    """
    billed_here: bool = True
    """The bills cover charges that were posted here, so their amount leaves the balance. False where another system
    billed them.
    """
    tariff_code: str | None = None
    """Where supplies of that payment mode have a tariff of their own."""


class ConvertToPrepaid(Conversion, kw_only=True):
    """Convert a postpaid supply to prepaid from a day on. A plan of instalments goes on.

    Where the day before is not closed with a register read, the supply waits as a change of payment modes of its own,
    and is refused after 30 days.
    """

    credit_minor: int = 0
    """Credit of the last bill that no posting here contains, in minor units."""
    deposit: Literal["arrears", "balance", "keep"] = "arrears"
    """Use of a security deposit that was taken elsewhere: `arrears` pays the arrears first and credits the remainder to the
    balance; `balance` credits all of it; `keep` leaves it as it is. One that was charged here is credited whole.
    """


class ConvertToPostpaid(Conversion, kw_only=True):
    """Convert a prepaid supply to postpaid from a day on. Its credit stays, and a plan of instalments goes on."""

    deposit_minor: int = 0
    """Security deposit that was taken for it, in minor units."""
    deposit_due_minor: int = 0
    """Security deposit that becomes due, in minor units; it is charged to the account on its day."""
    deposit_due_on: date | None = None
    """Due date of it, or of its first instalment; left out, a month after the change."""
    deposit_instalments: int = 1
    """Number of monthly instalments in which it is due."""
