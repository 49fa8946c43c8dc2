"""The disconnect control (class 70, IEC 62056-6-2, 4.5.8; 0.0.96.3.10.255), read back together with the load."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import DeviceType
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
_PHASE_LOAD: Final = {name: obis for name, obis in _LOAD.items() if name != "current_a"} | {
    f"current_a_l{phase}": f"1.0.{11 + 20 * phase}.7.0.255" for phase in (1, 2, 3)
}
"""Of three phases, whose powers may sum to nothing while current flows in each."""
_FLOW: Final = "7.0.43.0.0.255"
_LITRES: Final = 1000
"""Of a cubic metre, in which a gas meter's registers are."""
_PROOFS: Final = ("power_w", "current_a", "current_a_l1", "current_a_l2", "current_a_l3", "flow_l_h")

ALWAYS_CONNECTED: Final = 0
"""Control mode in which no order moves the switch and the meter always reports itself as connected."""


class ControlState(IntEnum):
    """The control state (attribute 3)."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY = 2


@dataclass(frozen=True, slots=True)
class Control:
    """The state of the switch as the meter reports it, with the load; None where the meter does not give a value.

    The load is `import_wh`, `power_w` and `current_a` (of three phases `current_a_l1` and so on), or a gas meter's `volume_l` and `flow_l_h`.
    """

    output: bool
    state: ControlState
    mode: int | None
    load: dict[str, int | float | None]

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
        """Whether current or gas flows; None where the meter does not give it."""
        known = [self.load[name] for name in _PROOFS if self.load.get(name) is not None]
        return any(known) if known else None

    def evidence(self) -> dict[str, object]:
        """The state as evidence of the command."""
        return {
            "output": self.output,
            "control_state": self.state.name.lower(),
            "control_mode": self.mode,
            **self.load,
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
    device_type = context.meter.compiled.device_type
    codes = _load_codes(device_type)
    registers = [CosemAttribute.of(3, obis, attribute) for obis in codes.values() for attribute in (2, 3)]
    output, state, mode, *load = await context.session.get_each([_OUTPUT, _STATE, _MODE, *registers])
    if output is None or output.tag is not Tag.BOOLEAN or state is None or state.tag is not Tag.ENUM:
        raise SessionFailedError(FailureKind.PROTOCOL, "the meter does not give the state of its load switch")
    if state.value not in set(ControlState):
        raise SessionFailedError(FailureKind.PROTOCOL, f"{state.value} is no state of a load switch")
    values = (_scaled(*load[at : at + 2]) for at in range(0, len(load), 2))
    return Control(
        output=output.value,
        state=ControlState(state.value),
        mode=None if mode is None else int(mode.value),
        load={name: _in_unit_of(name, value) for name, value in zip(codes, values, strict=True)},
    )


def _load_codes(device_type: DeviceType) -> dict[str, str]:
    if device_type.gas is not None:
        return _gas_codes(device_type)
    return _LOAD if device_type.phases == 1 else _PHASE_LOAD


def _gas_codes(device_type: DeviceType) -> dict[str, str]:
    """Return the registers of a gas meter: the billed volume, which the type states, and the flow."""
    return {"volume_l": device_type.profiles["daily"].column("volume_l").obis, "flow_l_h": _FLOW}


def _in_unit_of(name: str, value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    if name in ("volume_l", "flow_l_h"):
        return int(value * _LITRES)
    return float(value) if name.startswith("current_a") else int(value)


def _scaled(value: Data | None, unit: Data | None) -> Decimal | None:
    if value is None or unit is None or unit.tag is not Tag.STRUCTURE or not isinstance(value.value, int):
        return None
    return Decimal(value.value).scaleb(int(unit.value[0].value))
