"""Open the load switch. Confirmed when output and control state, read back, both show it open.

The register and the power at that moment go into the evidence: a register that advances after it points to welded
contacts or a bypass of the meter.
"""

from msgspec import Struct

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands import _control
from urja.headend.failures import FailureKind, SessionFailedError


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


async def execute(context: CommandContext, _arguments: Arguments) -> CommandOutcome:
    """Disconnect the supply. Raises SessionFailedError (not obeyed) where the meter stays connected."""
    control = await _control.move(context, _control.DISCONNECT)
    if control.open:
        return CommandOutcome(evidence=control.evidence())
    if control.mode == _control.ALWAYS_CONNECTED:
        return CommandOutcome(
            "failed",
            "control mode 0: no order moves this load switch; set its mode first",
            control.evidence(),
        )
    raise SessionFailedError(
        FailureKind.DISOBEYED, f"ordered to disconnect, the meter is {control.state.name.lower()}"
    )
