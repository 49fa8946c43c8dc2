"""The disconnect control (interface class 70, IEC 62056-6-2, 4.5.8) as one transition table.

The table decides the control state. The contacts follow it unless they are welded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final


class ControlState(IntEnum):
    """Attribute 3. In *ready*, a person at the meter or the meter itself may reconnect."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY = 2


class Order(IntEnum):
    """What may change the state: methods 1 and 2, a person at the meter, a function of the meter."""

    REMOTE_DISCONNECT = 1
    REMOTE_RECONNECT = 2
    MANUAL_RECONNECT = 3
    MANUAL_DISCONNECT = 4
    LOCAL_DISCONNECT = 5
    LOCAL_RECONNECT = 6


_DISCONNECTED, _CONNECTED, _READY = ControlState

CONTROL_MODES: Final = range(7)
_ANY: Final = tuple(CONTROL_MODES)[1:]

# Transition, from, order, to, control modes in which it is enabled. In mode 0 nothing moves the switch.
_ROWS: Final = (
    ("a", _DISCONNECTED, Order.REMOTE_RECONNECT, _CONNECTED, (2, 4)),
    ("b", _CONNECTED, Order.REMOTE_DISCONNECT, _DISCONNECTED, _ANY),
    ("c", _READY, Order.REMOTE_DISCONNECT, _DISCONNECTED, _ANY),
    ("d", _DISCONNECTED, Order.REMOTE_RECONNECT, _READY, (1, 3, 5, 6)),
    ("e", _READY, Order.MANUAL_RECONNECT, _CONNECTED, _ANY),
    ("f", _CONNECTED, Order.MANUAL_DISCONNECT, _READY, (1, 2, 5)),
    ("g", _CONNECTED, Order.LOCAL_DISCONNECT, _READY, _ANY),
    ("h", _READY, Order.LOCAL_RECONNECT, _CONNECTED, (5, 6)),
)

type _Transition = tuple[int, ControlState, Order]


def _by_mode(
    rows: Iterable[tuple[str, ControlState, Order, ControlState, tuple[int, ...]]],
) -> Iterator[tuple[_Transition, ControlState]]:
    for _letter, before, order, after, modes in rows:
        yield from (((mode, before, order), after) for mode in modes)


TRANSITIONS: Final[dict[_Transition, ControlState]] = dict(_by_mode(_ROWS))
"""The state after an order, by control mode, state before and order; a combination not listed changes nothing."""


@dataclass(slots=True)
class LoadSwitch:
    """State, mode and contacts. Mode 4 (remote in both directions) is how these meters are shipped."""

    state: ControlState = ControlState.CONNECTED
    mode: int = 4
    welded: bool = False
    conducts: bool = field(init=False)
    """Whether current can flow: the actual contacts, which the meter does not measure."""

    def __post_init__(self) -> None:
        self.conducts = self.closed

    @property
    def closed(self) -> bool:
        """Attribute 2, the output state, as the meter believes it."""
        return self.state is ControlState.CONNECTED

    def execute(self, order: Order, *, in_any_mode: bool = False) -> bool:
        """Execute an order; return whether the output changed. An order without a transition changes nothing.

        With `in_any_mode` the meter's own function closes a ready switch in any mode but 0, as some types do.
        """
        was_closed = self.closed
        key = (6 if in_any_mode and self.mode else self.mode, self.state, order)
        self.state = TRANSITIONS.get(key, self.state)
        self._move_contacts()
        return self.closed is not was_closed

    def weld(self, *, on: bool) -> None:
        """Weld the contacts, which then stay closed once they touch; or repair them."""
        self.welded = on
        self._move_contacts()

    def _move_contacts(self) -> None:
        self.conducts = self.closed or (self.welded and self.conducts)
