"""Meters at connections: installed, commissioned, exchanged, removed, with their keys."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class InstallMeter(Operation, kw_only=True):
    """Put a meter that hangs nowhere at a service point. Nothing is billed before it is commissioned.

    The work order that asked for it is done with it.
    """

    consumer_number: str
    serial: str
    installed_at: datetime
    register_wh: int
    """The import register as read at that moment."""
    role: str = "billing"
    """`billing`, `check`, `generation` or `source`."""

    ratio_primary: int = 1
    ratio_secondary: int = 1
    """Of current and voltage transformers before it that the meter does not reckon in."""
    seals: tuple[str, ...] = ()
    """Numbers of the seals that were put on it."""
    photos: tuple[int, ...] = ()
    """Numbers of photographs that were recorded for the work order."""


class RemoveMeter(Operation, kw_only=True):
    """Take a meter away from where it hangs; its seals are off with it."""

    serial: str
    removed_at: datetime
    register_wh: int | None = None
    """The import register as read at that moment; none where it was not read: then it is waited for, or estimated."""
    estimated: bool = False
    """Nobody will read it any more: it is estimated, and says so. Else `correct_last_read` gives it later."""


class ExchangeMeter(Operation, kw_only=True):
    """Take a meter away and hang another one in its place, at one instant.

    The new meter is billed by from its first read on, once it has passed commissioning (`first_billed_at`).
    """

    consumer_number: str
    at: datetime
    old_register_wh: int | None
    """The old meter's last import register; none where it could not be read: then it is estimated, and says so."""
    new_serial: str
    new_register_wh: int
    reason: str
    role: str = "billing"
    """Which of the place's meters: `billing`, `check`, `generation` or `source`."""
    ratio_primary: int | None = None
    ratio_secondary: int | None = None
    """Of the transformers before the new meter; none where they are those that were before the old one."""
    seals: tuple[str, ...] = ()
    """Numbers of the seals on the new meter; those of the old one are off with it."""


class CorrectLastRead(Operation, kw_only=True):
    """The last register of a meter that was taken away, as it was read after all, in the laboratory for instance.

    What was charged by the read or the estimate before, or not charged where there was neither, is put right by the
    next close's differences; then the account is settled, or what was settled already is.
    """

    serial: str
    register_wh: int | None = None
    """The import register as it stood when the meter was taken away; left out only where it is estimated."""
    estimated: bool = False
    """Nobody can read it any more, and nothing is known of it: it is estimated, and says so."""
    reason: str
    removed_at: datetime | None = None
    """Which removal, where the meter was taken away more than once; none is the last one."""


class ChangeRatio(Operation, kw_only=True):
    """Other current or voltage transformers before the same meter, which does not reckon them in itself."""

    consumer_number: str
    at: datetime
    primary: int
    secondary: int
    register_wh: int
    """The import register as read at that moment: before it the old ratio holds, after it the new one."""
    reason: str
    role: str = "billing"


class SwapMeters(Operation, kw_only=True):
    """Swap two meters back that hang at each other's place since an instant.

    What was charged is put right by the next close's differences. It is not undone but done again: by then each has
    sent more from its new place.
    """

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("swap the two meters again, from the same instant on")

    serial_a: str
    serial_b: str
    since: datetime
    reason: str


class Commission(Operation, kw_only=True):
    """Call a meter that was hung up: keys, identity, firmware, register, clock, payment mode, and its switch if asked."""

    serial: str
    relay_test: bool = False
    """Open and close the load switch: only where nobody is supplied yet."""
    payment_mode: str = ""
    """`prepaid` or `postpaid`; left out, what the agreement says, where there is one."""
    again: bool = False
    """Call a meter that is in service already, such as after a change of its firmware: what it pushes is read anew."""


class RecordCommissioning(Operation, kw_only=True):
    """Put a meter into service that has passed every check of a call. The stage does this; nobody asks for it."""

    call_id: int
    read_at: datetime
    register_wh: int
    """The register as the call has read it: what is billed begins from it, but for a meter in another's place."""
    firmware: str
    """As the meter tells it."""


class Hanging(Operation, kw_only=True):
    """A meter of the network's own and the place where it hangs: a service point without any agreement.

    Keys are wrapped already.
    """

    secret: ClassVar[frozenset[str]] = frozenset(
        {"wrapped_guek", "wrapped_gak", "wrapped_hls_secret", "wrapped_master"}
    )

    serial: str
    system_title: bytes
    device_type: str
    interval_s: int
    max_power_w: int
    wrapped_guek: bytes
    wrapped_gak: bytes
    wrapped_hls_secret: bytes | None = None
    wrapped_master: bytes | None = None
    register_wh: int
    """The import register as read at `valid_from`: what is metered here begins from it."""
    valid_from: datetime
    premise_name: str = ""
    consumer_number: str = ""
    """Empty: the meter's serial number."""
    address: str | None = None
    """Where a meter is that does not dial (`urja.base.meter_address`)."""
    transformer: str | None = None
    """Code of a transformer that is there already."""
    load_switch: bool = True
    """Whether the meter can cut the supply, as its type says."""
    bucket: int | None = None
    """Drawn unless given."""


class Adoption(Hanging, kw_only=True):
    """Everything that one supply needs: a meter on a wall, and an agreement with a person."""

    tariff_code: str
    sanctioned_load_w: int
    person_name: str
    email: str
    currency: str = "INR"
    credit_minor: int = 0
    language: str = "en"
    phone: str | None = None
    """Where the person's messages go, as people write it: 98123 45678, 98123-45678."""
    category: str = ""
    """Which policy governs the supply; empty for the one that governs everybody else."""
    policy: str = ""
    """The code of a policy of its own, whatever its category has; empty for none."""
    converted_at: datetime | None = None
    """When the supply became prepaid; none where it always was."""
    billing_day: int | None = None
    """On which day of a month its billing periods begin, 1 to 28; none where its tariff says so."""


class TakeNewKeys(Operation, kw_only=True):
    """Make the new keys of a device its own. Only the pipeline does it, when a session was opened under them."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("the meter has these keys: it can be given others")

    device_id: int
    number: int


class Rewrapped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device: the columns of it, and of keys that it is being given, that are wrapped anew."""

    device_id: int
    own: dict[str, bytes] = {}
    new: dict[str, bytes] = {}


class RewrapKeys(Operation, kw_only=True):
    """Keep keys under the new key-encryption key. Only `urja keys rotate-master` does it."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("the key-encryption key can be changed once more")

    devices: tuple[Rewrapped, ...]

    def content(self) -> dict[str, Any]:
        """The audit keeps how many, and no key, wrapped or not."""
        return {"devices": len(self.devices)}
