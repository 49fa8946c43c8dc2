"""Make new keys for a meter, which the pipeline stores before `change_keys` may send them.

Nothing is told to the meter: the session has proven that it answers under the keys that are known. Were they sent in the
same step, keys that were lost on the way to the database would lock everybody out of the meter.
"""

from msgspec import Struct, to_builtins

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.failures import FailureKind, SessionFailedError


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing: what comes is random."""


async def execute(work: CommandContext, _arguments: Arguments) -> CommandOutcome:
    """Raises SessionFailedError (ours) where the meter's master key is not known, or keys wait to be sent already."""
    entry = work.meter.entry
    if entry.wrapped_master is None:
        raise SessionFailedError(
            FailureKind.OURS, "no master key of the meter is known: its keys cannot be changed"
        )
    if work.meter.next is not None:
        # It may have taken them: others would make it forget the ones that are known.
        raise SessionFailedError(FailureKind.OURS, "the meter has new keys already that it is yet to prove")
    with_secret = entry.wrapped_hls_secret is not None
    made = work.key_maker.make(entry.system_title, work.order.command_id, with_secret=with_secret)
    return CommandOutcome(evidence={"new_keys": to_builtins(made)})
