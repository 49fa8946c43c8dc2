"""The operation that posts maintenance dues to the flats of a society."""

from datetime import date

import msgspec

from urja.apps.journal.operation import Operation


class FlatAmount(msgspec.Struct, frozen=True, kw_only=True):
    """The amount of one flat, where it differs."""

    consumer_number: str
    due_minor: int
    """In minor units; 0 leaves the flat out."""


class PostMaintenance(Operation, kw_only=True):
    """Post the maintenance dues of a month to all flats of a society; always with the requester's passkey.

    Each flat with an agreement in force gets a due. It is apart from electricity: no supply is disconnected for it.
    """

    premise_code: str
    """Code of the society."""
    month: date
    """Any day of the month that the dues are for."""
    due_name: str = "Maintenance"
    """What residents see; a society posts one due of a name for a month to each flat."""
    each_minor: int = 0
    """Amount of each flat, in minor units; 0 where only the listed flats owe."""
    flats: tuple[FlatAmount, ...] = ()
    """Flats with another amount, such as by area or kind."""
