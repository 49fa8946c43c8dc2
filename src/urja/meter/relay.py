"""The load switch: a disconnect control (interface class 70, IEC 62056-6-2, 4.5.8) as one transition table."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class ControlState(IntEnum):
    """Attribute 3. *Ready* waits for a hand on the meter."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY = 2


class Order(IntEnum):
    """What may move the switch: methods 1 and 2, or a person at the meter."""

    REMOTE_DISCONNECT = 1
    REMOTE_RECONNECT = 2
    MANUAL_RECONNECT = 3


_DISCONNECTED, _CONNECTED, _READY = ControlState
_RECONNECT_DIRECTLY: Final = frozenset({2, 4})
"""Control modes in which a remote reconnect closes the switch; in 1, 3, 5 and 6 it only makes it ready."""

CONTROL_MODES: Final = range(7)

_TRANSITIONS: Final = {
    (_CONNECTED, Order.REMOTE_DISCONNECT): _DISCONNECTED,
    (_READY, Order.REMOTE_DISCONNECT): _DISCONNECTED,
    (_DISCONNECTED, Order.REMOTE_RECONNECT): _READY,
    (_READY, Order.MANUAL_RECONNECT): _CONNECTED,
}


@dataclass(slots=True)
class LoadSwitch:
    """State and mode of the switch. Mode 4 (remote both ways) is how these meters are shipped."""

    state: ControlState = ControlState.CONNECTED
    mode: int = 4

    @property
    def closed(self) -> bool:
        """Attribute 2, the output state: whether current can flow."""
        return self.state is ControlState.CONNECTED

    def obey(self, order: Order) -> bool:
        """Carry out an order; says whether the output changed. An order without a transition changes nothing.

        In mode 0 the switch is always connected and no order moves it.
        """
        if self.mode == 0:
            return False
        was_closed = self.closed
        self.state = _TRANSITIONS.get((self.state, order), self.state)
        if (
            order is Order.REMOTE_RECONNECT
            and self.state is ControlState.READY
            and self.mode in _RECONNECT_DIRECTLY
        ):
            self.state = ControlState.CONNECTED
        return self.closed is not was_closed
