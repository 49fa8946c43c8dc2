"""Operations that change the payment mode of many agreements."""

from datetime import date
from typing import Literal

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class ChangeModes(Operation, kw_only=True):
    """Change the payment mode of many supplies from a day on: of a list, or of all under a node.

    Each is converted as by a conversion of its own, in the order of the list, once the day has begun. A plan of
    instalments goes on. The rest can be stopped at any time.
    """

    undoable = False
    instead = say("stop it: what is not converted yet stays as it is; order the other mode for the rest")
    either = ("consumer_numbers", "under")

    payment_mode: Literal["postpaid", "prepaid"]
    """The payment mode that the supplies have afterwards."""
    effective_on: date
    """Local day from whose first instant the new mode applies, today or later."""
    consumer_numbers: tuple[str, ...] = ()
    under: str = ""
    """Instead of a list: a level and a code, such as `section North-2`, for all supplies under it with an agreement on
    that day.
    """
    good_rows_only: bool = False
    """Go ahead with the supplies that can be converted, even where others cannot."""
    tariff_code: str | None = None
    """Where supplies of that payment mode have a tariff of their own."""
    instalments: int = 0
    """Number of monthly instalments by which dues are paid, where no plan is in force; 0 for none. Above 0 a negative
    balance becomes dues in either direction; in a change to prepaid it always does.
    """
    first_due_on: date | None = None
    """Date of the first instalment; left out, a month after the change."""
    deposit: Literal["arrears", "balance", "keep"] = "arrears"
    """Of a change to prepaid: use of security deposits that were taken elsewhere. `arrears` pays the dues first and credits
    the remainder to the balance; `balance` credits all of it; `keep` leaves them. Those charged here are credited whole.
    """
    deposit_minor: int = 0
    """Of a change to postpaid: security deposit that becomes due from each supply without one, in minor units; it is
    charged to the account on its day.
    """
    deposit_due_on: date | None = None
    """Due date of that deposit, or of its first instalment; left out, a month after the change."""
    deposit_instalments: int = 1
    """Number of monthly instalments of that deposit."""
    no_disconnection_from: date | None = None
    """Of a change to postpaid: local day from which no balance disconnects a supply whose turn has not come; left out,
    the day of the change.
    """
    reason: str


class StopModeChange(Operation, kw_only=True):
    """Stop a change of payment modes. What is converted stays converted; the rest keeps its mode."""

    undoable = False
    instead = say("order the change for the rest again")

    mode_change_id: int
    """Number of the order."""
    reason: str
