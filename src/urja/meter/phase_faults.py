"""What a three-phase meter detects of its own connection: a phase without voltage, a current that flows backwards."""

from collections.abc import Iterator
from typing import Final

from urja.meter.events import EventCode
from urja.meter.load import InstantaneousReading

PERSISTENCE_S: Final = 12 * 3600
"""How long a phase has to feed in until its current counts as reversed: what a roof feeds in stops by night."""

_MISSING: Final = (EventCode.R_MISSING, EventCode.Y_MISSING, EventCode.B_MISSING)
_REVERSED: Final = (EventCode.R_REVERSED, EventCode.Y_REVERSED, EventCode.B_REVERSED)


def phase_faults(now: InstantaneousReading, before: InstantaneousReading) -> Iterator[EventCode]:
    """Yield the states that last (IS 15959-1, events 1 to 5 and 51 to 55), by readings that are `PERSISTENCE_S` apart.

    A current is reversed where its phase feeds in while another one draws, at both instants.
    """
    powered = any(phase.voltage_v for phase in now.phases)
    for number, phase in enumerate(now.phases):
        if powered and not phase.voltage_v:
            yield _MISSING[number]
        if _against_the_others(now, number) and _against_the_others(before, number):
            yield _REVERSED[number]


def _against_the_others(reading: InstantaneousReading, number: int) -> bool:
    others = [phase.active_w for n, phase in enumerate(reading.phases) if n != number]
    return bool(others) and reading.phases[number].active_w < 0 < max(others)
