"""Give a meter the keys that were made for it, and have the meter prove them.

Method 2 of the security setup (class 64, IEC 62056-6-2; IS 15959: 0.0.43.0.3.255), global_key_transfer, takes keys
wrapped with the meter's master key (RFC 3394). A meter whose association is opened with an HLS secret is given a new
secret first. The meter's answer is not trusted: the order is confirmed by a session that both sides have opened under
the new keys, whether the answer came, was lost, or the meter took the keys days ago.
"""

from typing import Final

from msgspec import Struct

from urja.base.keystore import KeyNotOpenedError
from urja.cosem import axdr
from urja.cosem.obis import CosemMethod
from urja.cosem.security import KekStore
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.failures import FailureKind, SessionFailedError

_TRANSFER: Final = CosemMethod.of(64, "0.0.43.0.3.255", 2)
_GUEK, _GAK = 0, 2
"""Key ids: global unicast encryption key, authentication key."""


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """The key pair, by the number of the order that has made it."""

    number: int


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Transfer the keys, or confirm them where the session was opened with them.

    Raises SessionFailedError: new keys (still to be proven) after the transfer, refused where the meter does not take
    them, ours where they cannot be used, busy where the projection does not have them yet.
    """
    meter, waiting = context.meter, context.meter.next
    offered = meter.entry.next_keys
    if waiting is None and offered is not None and offered.number == arguments.number:
        raise SessionFailedError(
            FailureKind.OURS,
            f"the keys {arguments.number} cannot be used: no head end has made them for this meter, or the key that wraps "
            "them is another",
        )
    if waiting is None or waiting.number != arguments.number:
        raise SessionFailedError(
            FailureKind.BUSY, f"the keys {arguments.number} are not in the projection yet"
        )
    if context.session.key_id == waiting.key_id:
        return CommandOutcome(evidence={"number": waiting.number})
    if meter.entry.wrapped_master is None:
        raise SessionFailedError(
            FailureKind.OURS, "no master key of the meter is known: its keys cannot be changed"
        )
    try:
        master = KekStore(context.key_maker.store.unwrap(meter.entry.wrapped_master))
    except KeyNotOpenedError as error:
        raise SessionFailedError(FailureKind.OURS, f"the meter's master key: {error}") from error
    if waiting.hls_secret is not None and not context.session.by_new_secret:
        # Method 2 of the utility's own association, change_HLS_secret (class 15).
        own = CosemMethod.of(15, "0.0.40.0.0.255", 2)
        await context.session.action(own, axdr.octets(waiting.hls_secret))
    pairs = ((_GUEK, waiting.keys.guek), (_GAK, waiting.keys.gak or b""))
    # Before the transfer: the meter may take the keys although its answer is lost, and then the next session tries
    # them first.
    waiting.expected = True
    await context.session.action(
        _TRANSFER,
        axdr.array(
            *(axdr.structure(axdr.enum(key_id), axdr.octets(master.wrap(key))) for key_id, key in pairs)
        ),
    )
    await context.acknowledged()
    # The meter uses the new keys after this answer, so this association is over.
    raise SessionFailedError(FailureKind.NEW_KEYS, "transferred, to be proven")
