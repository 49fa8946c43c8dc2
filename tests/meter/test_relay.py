"""The disconnect control: every order in every state and control mode."""

import pytest

from urja.meter.relay import CONTROL_MODES, ControlState, LoadSwitch, Order

OFF, ON, READY = ControlState

# IEC 62056-6-2, disconnect control: which orders lead where, by control mode, written out by hand.
REMOTE_ON_GOES = {1: READY, 2: ON, 3: READY, 4: ON, 5: READY, 6: READY}
HAND_MAY_OPEN = {1, 2, 5}
METER_MAY_CLOSE = {5, 6}


@pytest.mark.parametrize("mode", CONTROL_MODES)
@pytest.mark.parametrize("state", ControlState)
@pytest.mark.parametrize("order", Order)
def test_every_order_in_every_state_and_mode(mode, state, order):
    switch = LoadSwitch(state, mode)
    moved = switch.execute(order)
    assert switch.state is expected(mode, state, order)
    assert moved is ((state is ON) is not switch.closed)
    assert switch.conducts is switch.closed


def expected(mode, state, order):
    if mode == 0:
        return state
    match state, order:
        case (_, Order.REMOTE_DISCONNECT):
            return OFF
        case (ControlState.DISCONNECTED, Order.REMOTE_RECONNECT):
            return REMOTE_ON_GOES[mode]
        case (ControlState.READY, Order.MANUAL_RECONNECT):
            return ON
        case (ControlState.CONNECTED, Order.MANUAL_DISCONNECT) if mode in HAND_MAY_OPEN:
            return READY
        case (ControlState.CONNECTED, Order.LOCAL_DISCONNECT):
            return READY
        case (ControlState.READY, Order.LOCAL_RECONNECT) if mode in METER_MAY_CLOSE:
            return ON
    return state


def test_a_types_habit_closes_in_any_mode_but_0():
    assert LoadSwitch(READY, 4).execute(Order.LOCAL_RECONNECT, in_any_mode=True)
    assert not LoadSwitch(READY, 0).execute(Order.LOCAL_RECONNECT, in_any_mode=True)
    assert not LoadSwitch(OFF, 4).execute(Order.LOCAL_RECONNECT, in_any_mode=True)


def test_welded_contacts_hold_and_the_meter_believes_its_drive():
    switch = LoadSwitch(welded=True)
    assert switch.execute(Order.REMOTE_DISCONNECT)
    assert (switch.state, switch.closed, switch.conducts) == (OFF, False, True)
    switch.weld(on=False)
    assert not switch.conducts


def test_contacts_weld_only_once_they_touch():
    switch = LoadSwitch(OFF)
    switch.weld(on=True)
    assert not switch.conducts
    switch.execute(Order.REMOTE_RECONNECT)
    switch.execute(Order.REMOTE_DISCONNECT)
    assert switch.conducts
