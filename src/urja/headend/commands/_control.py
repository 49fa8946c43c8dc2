"""The disconnect control (class 70, IEC 62056-6-2, 4.5.8; 0.0.96.3.10.255), read back together with the load."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.headend.command_context import CommandContext
from urja.headend.failures import FailureKind, SessionFailedError

_CLASS: Final = 70
_OBIS: Final = "0.0.96.3.10.255"
_OUTPUT, _STATE, _MODE = (CosemAttribute.of(_CLASS, _OBIS, attribute) for attribute in (2, 3, 4))
DISCONNECT: Final = CosemMethod.of(_CLASS, _OBIS, 1)
RECONNECT: Final = CosemMethod.of(_CLASS, _OBIS, 2)

_LOAD: Final = {"import_wh": "1.0.1.8.0.255", "power_w": "1.0.1.7.0.255", "current_a": "1.0.11.7.0.255"}
"""Registers that show whether current flows, each with its scaler in attribute 3."""

ALWAYS_CONNECTED: Final = 0
"""Control mode in which no order moves the switch and the meter always reports itself as connected."""


class ControlState(IntEnum):
    """The control state (attribute 3)."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY = 2


@dataclass(frozen=True, slots=True)
class Control:
    """The state of the switch as the meter reports it, with the load (Wh, W, A); None where the meter does not give a
    value.
    """

    output: bool
    state: ControlState
    mode: int | None
    import_wh: int | None
    power_w: int | None
    current_a: float | None

    @property
    def open(self) -> bool:
        """Whether both attributes say that no current can flow."""
        return self.state is ControlState.DISCONNECTED and not self.output

    @property
    def closed(self) -> bool:
        """Whether both attributes say that current can flow."""
        return self.state is ControlState.CONNECTED and self.output

    @property
    def load_proven(self) -> bool | None:
        """Whether current flows; None where the meter gives neither power nor current."""
        known = [value for value in (self.power_w, self.current_a) if value is not None]
        return any(known) if known else None

    def evidence(self) -> dict[str, object]:
        """The state as evidence of the command."""
        return {
            "output": self.output,
            "control_state": self.state.name.lower(),
            "control_mode": self.mode,
            "import_wh": self.import_wh,
            "power_w": self.power_w,
            "current_a": self.current_a,
        }


async def move(context: CommandContext, method: CosemMethod) -> Control:
    """Invoke a method of the disconnect control and read the state back. Raises SessionFailedError."""
    if not context.meter.compiled.device_type.relay:
        raise SessionFailedError(FailureKind.OURS, f"a {context.meter.entry.device_type} has no load switch")
    # Both methods take integer(0), IEC 62056-6-2, 4.5.8.3.
    await context.session.action(method, axdr.int8(0))
    await context.acknowledged()
    return await read(context)


async def read(context: CommandContext) -> Control:
    """Read state and load in one exchange. Raises SessionFailedError (protocol) where the meter gives no valid state."""
    registers = [CosemAttribute.of(3, obis, attribute) for obis in _LOAD.values() for attribute in (2, 3)]
    output, state, mode, *load = await context.session.get_each([_OUTPUT, _STATE, _MODE, *registers])
    if output is None or output.tag is not Tag.BOOLEAN or state is None or state.tag is not Tag.ENUM:
        raise SessionFailedError(FailureKind.PROTOCOL, "the meter does not give the state of its load switch")
    if state.value not in set(ControlState):
        raise SessionFailedError(FailureKind.PROTOCOL, f"{state.value} is no state of a load switch")
    import_wh, power_w, current_a = (_scaled(*load[at : at + 2]) for at in (0, 2, 4))
    return Control(
        output=output.value,
        state=ControlState(state.value),
        mode=None if mode is None else int(mode.value),
        import_wh=None if import_wh is None else int(import_wh),
        power_w=None if power_w is None else int(power_w),
        current_a=None if current_a is None else float(current_a),
    )


def _scaled(value: Data | None, unit: Data | None) -> Decimal | None:
    if value is None or unit is None or unit.tag is not Tag.STRUCTURE or not isinstance(value.value, int):
        return None
    return Decimal(value.value).scaleb(int(unit.value[0].value))
