"""Operations on service points: create, disconnect, reconnect, protect, and take over from outside systems."""

from datetime import datetime

from urja.apps.journal.operation import Operation


class NewConnection(Operation, kw_only=True):
    """Create a service point at a known or new premise, and place it in the administration and in the grid."""

    consumer_number: str
    connected_at: datetime
    """From when on it is placed under the nodes that are named."""
    premise_code: str = ""
    """Code of a known premise, or of the new one; empty creates a premise without a code."""
    premise_name: str = ""
    """Name of a new premise."""
    premise_kind: str = "house"
    """`house`, `flat`, `shop`, `office`, `society`, `tower`, `complex`, `common_area` or `network`."""
    part_of: str = ""
    """Code of the society, tower or complex that a new premise belongs to."""
    address: str = ""
    pin_code: str = ""
    purpose: str = "consumer"
    commodity: str = "electricity"
    licensee: str = ""
    """Code of the licensee; empty where the installation serves one utility only."""
    administration: str = ""
    """Level and code, such as `section North-2`."""
    grid: str = ""
    """Level and code, such as `transformer T1` or `pole P-77`."""
    phase: str = ""
    """`R`, `Y`, `B` or `RYB`; empty where it is not known."""
    note: str = ""
    """Note for the fitter."""
    due_at: datetime | None = None


class DisconnectTemporarily(Operation, kw_only=True):
    """Disconnect a supply for a reason; the stage `decide` opens the relay, or opens a work order where it cannot.

    A protected household is disconnected only for reasons that protection does not cover (`core.policy.HOLDS`); for
    the other reasons the permitted hours of its policy apply.
    """

    consumer_number: str
    reason: str
    """`overload`, `request` (by the consumer), `safety`, `tamper`, `vacant`. A disputed bill is not a reason."""
    note: str


class Reconnect(Operation, kw_only=True):
    """Release one reason for which a supply is disconnected; it is reconnected when no reason remains."""

    consumer_number: str
    reason: str
    """`overload`, `request` (by the consumer), `safety`, `tamper`, `vacant`: that for which it is disconnected."""
    note: str = ""


class DisconnectPermanently(Operation, kw_only=True):
    """End a service point: its last read and its agreement, and its meter, which is removed now or by a work order."""

    consumer_number: str
    at: datetime
    register_wh: int | None = None
    """Import register read at that instant, in Wh; left out where the register is known at that instant."""
    register_l: int | None = None
    """The same of a gas meter, in litres."""
    meter_removed: bool = False
    """The meter was removed at that instant; otherwise a work order asks for its removal."""
    estimated: bool = False
    """The meter was removed and its register can no longer be read: the last read is estimated, and marked so."""
    transfer_to: int | None = None
    """Number of the account that receives the remaining balance; left out, it is refunded."""
    consented: bool = False
    note: str = ""


class ReopenServicePoint(Operation, kw_only=True):
    """Open a permanently disconnected service point again; installation, commissioning and move-in follow."""

    consumer_number: str
    note: str


class Protect(Operation, kw_only=True):
    """Give the consumer of a supply a protected status."""

    consumer_number: str
    kind_of_protection: str
    """`medical`, `never_cut`."""
    evidence: str
    """Proof, such as the number of a certificate or an order."""
    protected_from: datetime
    protected_until: datetime | None = None


class EndProtection(Operation, kw_only=True):
    """End a protected status at an instant, which may be in the future."""

    consumer_number: str
    kind_of_protection: str
    ended_at: datetime
    reason: str


class RecordLetter(Operation, kw_only=True):
    """Record that a letter which announces a disconnection was posted to the consumer."""

    consumer_number: str
    posted_at: datetime
    reference: str
    """Proof of posting: the number of the registered letter or of the entry in the dispatch register."""


class UpsertFromSystem(Operation, kw_only=True):
    """Store what an outside system reports about a person, a premise or a service point that it knows by its own
    number.

    The object is created where it is not known and changed where it is. A service point is also recognised by its
    consumer number, a person who signs in by the e-mail address.
    """

    system: str
    """Such as `sap-isu`."""
    object: str
    """`person`, `premise` or `service_point`."""
    external_id: str
    """Number of the object in that system."""
    attributes: dict[str, str | None]
    """Reported attributes as text; the system owns them from then on. Null empties an attribute."""
