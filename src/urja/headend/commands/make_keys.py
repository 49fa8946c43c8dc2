"""Make new keys for a meter, which the pipeline stores before `change_keys` may send them.

Nothing is sent to the meter: the session only proves that the meter answers under the known keys. If the keys were
sent in the same step and then lost on the way to the database, no one could reach the meter any more.
"""

from msgspec import Struct, to_builtins

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.failures import FailureKind, SessionFailedError


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: the keys are random."""


async def execute(context: CommandContext, _arguments: Arguments) -> CommandOutcome:
    """Return new wrapped keys as evidence.

    Raises SessionFailedError (ours) where the meter's master key is not known, or keys wait to be sent already.
    """
    entry = context.meter.entry
    if entry.wrapped_master is None:
        raise SessionFailedError(
            FailureKind.OURS, "no master key of the meter is known: its keys cannot be changed"
        )
    if context.meter.next is not None:
        # The meter may have taken them; other new keys would replace the known ones here, and lock us out.
        raise SessionFailedError(FailureKind.OURS, "the meter has new keys already that it has yet to prove")
    with_secret = entry.wrapped_hls_secret is not None
    made = context.key_maker.make(entry.system_title, context.order.command_id, with_secret=with_secret)
    return CommandOutcome(evidence={"new_keys": to_builtins(made)})
