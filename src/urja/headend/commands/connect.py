"""Close the load switch, as far as a remote order can.

Where the control mode only makes the switch ready, the button at the meter must still be pressed: *waiting for a
person*. Where the meter reports itself as connected, that is the confirmation, with the load as additional evidence:
a flat whose breaker is off draws nothing and is connected all the same. Only in control mode 0, in which a meter
always reports itself as connected, the report proves nothing: there the command is confirmed by the load, or ends as
*load unproven*.
"""

from msgspec import Struct

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands import _control
from urja.headend.commands._control import ControlState
from urja.headend.failures import FailureKind, SessionFailedError


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


async def execute(context: CommandContext, _arguments: Arguments) -> CommandOutcome:
    """Reconnect the supply. Raises SessionFailedError (not obeyed) where the meter stays disconnected."""
    control = await _control.move(context, _control.RECONNECT)
    evidence = {**control.evidence(), "load_proven": control.load_proven}
    if control.state is ControlState.READY:
        return CommandOutcome("waiting_for_person", "the button at the meter is to be pressed", evidence)
    if not control.closed:
        raise SessionFailedError(
            FailureKind.DISOBEYED, f"ordered to connect, the meter is {control.state.name.lower()}"
        )
    if control.mode == _control.ALWAYS_CONNECTED and not control.load_proven:
        detail = "control mode 0: the meter always reports itself as connected, and no load was seen"
        return CommandOutcome("connected_load_unproven", detail, evidence)
    return CommandOutcome(evidence=evidence)
