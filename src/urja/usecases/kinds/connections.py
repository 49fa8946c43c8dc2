"""Connections are made, disconnected, reconnected and protected; outside systems tell of theirs."""

from datetime import datetime

from urja.apps.journal.operation import Operation


class NewConnection(Operation, kw_only=True):
    """A service point at a premise, known or new, with its place in the administration and in the grid."""

    consumer_number: str
    connected_at: datetime
    """From when on it hangs in the trees."""
    premise_code: str = ""
    """Of a premise that is there, or of the new one; empty: a new one without a code."""
    premise_name: str = ""
    """Of a new premise."""
    premise_kind: str = "house"
    part_of: str = ""
    """Code of the society, tower or complex that a new premise is part of."""
    address: str = ""
    pin_code: str = ""
    purpose: str = "consumer"
    commodity: str = "electricity"
    licensee: str = ""
    """Code of the licensee; empty where there is one utility and nothing to be told apart."""
    administration: str = ""
    """A level and a code, such as `section North-2`."""
    grid: str = ""
    """A level and a code, such as `transformer T1` or `pole P-77`."""
    phase: str = ""
    """`R`, `Y`, `B` or `RYB`; empty where nobody knows."""
    note: str = ""
    """For whoever goes there."""
    due_at: datetime | None = None


class DisconnectTemporarily(Operation, kw_only=True):
    """Hold a supply off for a reason; the stage `decide` switches, by the meter or by somebody's hand.

    A protected home is held off only for what no protection binds (`core.policy.HOLDS`); for the rest the hours of its
    policy are waited for.
    """

    consumer_number: str
    reason: str
    """`overload`, `request` (the consumer's own), `safety`, `tamper`, `vacant`. A disputed bill is none."""
    note: str


class Reconnect(Operation, kw_only=True):
    """Take one reason to hold a supply off away; it comes back when none is left."""

    consumer_number: str
    reason: str
    note: str = ""


class DisconnectPermanently(Operation, kw_only=True):
    """A connection ends: its last read, its agreement, and its meter, which is taken away now or by a work order."""

    consumer_number: str
    at: datetime
    register_wh: int | None = None
    """The import register as read at that moment; left out where it is known then."""
    meter_removed: bool = False
    """The meter was taken away then; else somebody is sent to do so."""
    estimated: bool = False
    """It was taken away and nobody will read it any more: its last register is estimated, and says so."""
    transfer_to: int | None = None
    """Number of the account that the rest goes to; left out, it is paid back."""
    consented: bool = False
    note: str = ""


class ReopenServicePoint(Operation, kw_only=True):
    """A connection that had ended may be supplied again: a meter, its commissioning and somebody's moving in follow."""

    consumer_number: str
    note: str


class Protect(Operation, kw_only=True):
    """Give the customer of a supply a protected status."""

    consumer_number: str
    kind_of_protection: str
    """`medical`, `never_cut`."""
    evidence: str
    """What proves it: a certificate's number, an order."""
    protected_from: datetime
    protected_until: datetime | None = None


class EndProtection(Operation, kw_only=True):
    """End a protected status at an instant, which may be to come."""

    consumer_number: str
    kind_of_protection: str
    ended_at: datetime
    reason: str


class RecordLetter(Operation, kw_only=True):
    """Note that a letter which announces the disconnection of a supply was posted to its customer."""

    consumer_number: str
    posted_at: datetime
    reference: str
    """What proves it: the number of the registered letter, of the dispatch register."""


class UpsertFromSystem(Operation, kw_only=True):
    """What an outside system says of a person, a premise or a service point that it knows by its own number.

    The object is made where it is not known, changed where it is. A service point is known by its consumer number too,
    a person who signs in by the e-mail address.
    """

    system: str
    """Such as `sap-isu`."""
    object: str
    """`person`, `premise` or `service_point`."""
    external_id: str
    """What the system calls it."""
    attributes: dict[str, str | None]
    """What it says, as text; from then on it owns these. None is nothing."""
