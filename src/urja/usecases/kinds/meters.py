"""Operations on meters at service points: install, commission, exchange, remove, and their keys."""

from datetime import datetime
from typing import ClassVar

import msgspec

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class InstallMeter(Operation, kw_only=True):
    """Install a meter from stock at a service point. Billing begins only after commissioning.

    An open work order for the installation is closed with it.
    """

    needed_register: ClassVar[str] = "register"

    consumer_number: str
    serial: str
    installed_at: datetime
    register_wh: int | None = None
    """Import register read at that instant, in Wh; needed unless it is a gas meter."""
    register_l: int | None = None
    """Register of a gas meter read at that instant, in litres; needed for one."""
    role: str = "billing"
    """`billing`, `check`, `generation` or `source`."""

    ratio_primary: int = 1
    ratio_secondary: int = 1
    """Ratio of the current and voltage transformers that the meter does not apply itself."""
    seals: tuple[str, ...] = ()
    """Numbers of the seals that were put on it."""
    photos: tuple[int, ...] = ()
    """Numbers of photographs that were recorded for the work order."""


class RemoveMeter(Operation, kw_only=True):
    """Remove a meter from its service point; its seals count as removed with it."""

    serial: str
    removed_at: datetime
    register_wh: int | None = None
    """Import register read at that instant, in Wh; left out where it was not read: the last read stays pending, or is
    estimated.
    """
    register_l: int | None = None
    """The same of a gas meter, in litres."""
    estimated: bool = False
    """The register can no longer be read: it is estimated, and marked so. Otherwise `correct_last_read` supplies it
    later.
    """


class ExchangeMeter(Operation, kw_only=True):
    """Replace the meter of a service point by another one at one instant.

    Once the new meter has passed commissioning, it bills from its first read (`first_billed_at`).
    """

    needed_register: ClassVar[str] = "new_register"

    consumer_number: str
    at: datetime
    old_register_wh: int | None = None
    """Last import register of the old meter, in Wh; left out where it could not be read: then it is estimated, and marked
    so.
    """
    old_register_l: int | None = None
    """The same of a gas meter, in litres."""
    new_serial: str
    new_register_wh: int | None = None
    """First import register of the new meter, in Wh; needed unless it is a gas meter."""
    new_register_l: int | None = None
    """First register of a new gas meter, in litres; needed for one."""
    reason: str
    role: str = "billing"
    """Which meter of the service point: `billing`, `check`, `generation` or `source`."""
    ratio_primary: int | None = None
    ratio_secondary: int | None = None
    """Ratio of the transformers that the new meter does not apply itself; left out, the transformers stay, and a meter
    whose registers include their ratio has 1 to 1.
    """
    seals: tuple[str, ...] = ()
    """Numbers of the seals on the new meter; the seals of the old one count as removed."""


class CorrectLastRead(Operation, kw_only=True):
    """Correct the last register of a removed meter, for instance after a reading in the laboratory.

    The next close posts the difference to what the earlier read or estimate charged. Then the account is settled, or
    its settlement corrected.
    """

    serial: str
    register_wh: int | None = None
    """Import register at the removal, in Wh; left out only where it is estimated."""
    register_l: int | None = None
    """The same of a gas meter, in litres."""
    estimated: bool = False
    """The register can no longer be read and is not known: it is estimated, and marked so."""
    reason: str
    removed_at: datetime | None = None
    """Which removal, where the meter was removed more than once; left out, the last one."""


class EditInterval(Operation, kw_only=True):
    """Replace what a meter counted in one stored interval by another value, with a reason.

    The registers bill as before; what changes is when the energy counts as used, and what is known of a day that no
    register read has closed. The next close posts the difference. A later measurement does not replace the value.
    """

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("edit the interval again, with the value that it had")

    serial: str
    start_at: datetime
    energy_wh: int | None = None
    """What the meter counted, in Wh and without a transformer ratio that it does not apply; needed unless it is a gas meter."""
    energy_l: int | None = None
    """The same of a gas meter, in litres; needed for one."""
    reason: str


class ChangeRatio(Operation, kw_only=True):
    """Record other current or voltage transformers before the same meter, whose ratio the meter does not apply
    itself.

    With the instant of an installation and no register it corrects a ratio that was recorded wrongly, also of a meter that
    was removed since: the next close posts the difference, and the determinants since then get another version.
    """

    consumer_number: str
    at: datetime
    primary: int
    secondary: int
    register_wh: int | None = None
    """Import register read at that instant, in Wh: the old ratio applies before it, the new one after it. Left out at the
    instant of an installation alone.
    """
    reason: str
    role: str = "billing"


class SwapMeters(Operation, kw_only=True):
    """Exchange the records of two meters that were recorded at each other's service point since an instant.

    The next close posts the differences. This is not undone but repeated, since both meters have sent more data from
    their new service points by then.
    """

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("swap the two meters again, from the same instant on")

    serial_a: str
    serial_b: str
    since: datetime
    reason: str


class Commission(Operation, kw_only=True):
    """Call an installed meter and check keys, identity, firmware, register, clock, payment mode, and the relay on
    request.
    """

    serial: str
    relay_test: bool = False
    """Open and close the relay: only where no consumer is supplied yet."""
    payment_mode: str = ""
    """`prepaid` or `postpaid`; left out, the payment mode of the agreement, where there is one."""
    again: bool = False
    """Call a meter that is in service already, for instance after a firmware change: its push layout is read again."""


class RecordCommissioning(Operation, kw_only=True):
    """Put a meter into service that has passed every check of a call. Only the pipeline's stage requests it."""

    needed_register: ClassVar[str] = "register"

    call_id: int
    read_at: datetime
    register_wh: int | None = None
    """Register that the call has read, in Wh: billing begins from it, except for a meter that replaced another."""
    register_l: int | None = None
    """The same of a gas meter, in litres."""
    firmware: str
    """As the meter reports it."""


class InstallNetworkMeter(Operation, kw_only=True):
    """Install a meter of the network, such as a transformer's, at a new service point without an agreement.

    Its keys are wrapped already.
    """

    secret: ClassVar[frozenset[str]] = frozenset(
        {"wrapped_guek", "wrapped_gak", "wrapped_hls_secret", "wrapped_master"}
    )
    needed_register: ClassVar[str] = "register"

    serial: str
    system_title: bytes
    device_type: str
    interval_s: int
    max_power_w: int
    wrapped_guek: bytes
    wrapped_gak: bytes
    wrapped_hls_secret: bytes | None = None
    wrapped_master: bytes | None = None
    register_wh: int | None = None
    """Register read at `valid_from`, in Wh: metering here begins from it. Needed unless it is a gas meter."""
    register_l: int | None = None
    """The same of a gas meter, in litres; needed for one."""
    valid_from: datetime
    premise_name: str = ""
    premise_code: str = ""
    """Code of an existing premise, `premise:ID` where it has none: it gets another supply. Empty for a new premise."""
    consumer_number: str = ""
    """Empty for the meter's serial number."""
    address: str | None = None
    """Address of a meter that does not dial in (`urja.base.meter_address`)."""
    transformer: str | None = None
    """Code of a known transformer."""
    load_switch: bool = True
    """Whether the meter has a relay, as its type says."""
    clock_offset_s: int | None = None
    """Offset of a clock without summer time from UTC, in seconds, as the type says; None where it follows local time."""
    bucket: int | None = None
    """Shard bucket; drawn at random unless given."""


class Adoption(InstallNetworkMeter, kw_only=True):
    """Take over an installed meter with its service point and the agreement of a consumer."""

    tariff_code: str
    sanctioned_load_w: int
    person_name: str
    email: str
    currency: str = "INR"
    credit_minor: int = 0
    language: str = "en"
    phone: str | None = None
    """Where messages are sent, in the usual notations: 98123 45678, 98123-45678."""
    category: str = ""
    """Consumer category, which selects the policy; empty for the default policy."""
    policy: str = ""
    """Code of a policy for this supply alone, whatever its category; empty for none."""
    converted_at: datetime | None = None
    """When the supply became prepaid; left out where it always was."""
    billing_day: int | None = None
    """Day of the month, 1 to 28, on which billing periods begin; left out, the tariff's day."""


class TakeNewKeys(Operation, kw_only=True):
    """Make the new keys of a device its current keys. Only the pipeline does this, after a session opened with them."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("the meter has these keys now: give it other keys by another job")

    device_id: int
    number: int


class Rewrapped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wrapped keys of one device under the new key-encryption key: its current keys and keys under change, by
    column.
    """

    device_id: int
    own: dict[str, bytes] = {}
    new: dict[str, bytes] = {}


class RewrapKeys(Operation, kw_only=True):
    """Store wrapped keys under a new key-encryption key. Only `urja keys rotate-master` does this."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("change the key-encryption key again")

    devices: tuple[Rewrapped, ...]

    def content(self) -> dict[str, object]:
        """Return what the audit stores: the number of devices, and no key, wrapped or not."""
        return {"devices": len(self.devices)}
