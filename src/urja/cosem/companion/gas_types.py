"""What a gas meter's type says of its register and of its valve."""

from typing import Final, Literal

import msgspec

VolumeConditions = Literal["line", "temperature-compensated", "converted"]

MANUAL_MODES: Final = (1, 3)
"""Control modes in which neither a remote order nor the meter itself lets gas flow (IEC 62056-6-2, class 70)."""


class GasValve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A valve that opens only by a person at the meter, after a test for escaping gas of `leak_test_s` seconds.

    `control_mode` is that of the disconnect control (class 70); in 1 and 3 a remote order makes it *ready* at most.
    """

    leak_test_s: int
    control_mode: int = 3

    def problems(self) -> list[str]:
        """Return what is wrong with the values, as sentences."""
        found = []
        if self.control_mode not in MANUAL_MODES:
            found.append(
                f"valve.control_mode: is {self.control_mode}: write 1 or 3, in which a person opens the valve"
            )
        if not 1 <= self.leak_test_s <= 600:
            found.append(f"valve.leak_test_s: is {self.leak_test_s}: write 1 to 600")
        return found


class GasRegister(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The conditions at which a gas meter's billed register counts, and its valve's test.

    `temperature_dc` (tenths of a degree Celsius) and `pressure_pa` (absolute) are those that a compensated or converted
    register refers to; `valve` is there where the meter has one.
    """

    conditions: VolumeConditions
    temperature_dc: int | None = None
    pressure_pa: int | None = None
    valve: GasValve | None = None

    def problems(self) -> list[str]:
        """Return what is wrong with the statements, as sentences."""
        wanted = {"line": (False, False), "temperature-compensated": (True, False), "converted": (True, True)}
        given = (self.temperature_dc is not None, self.pressure_pa is not None)
        found = []
        if given != wanted[self.conditions]:
            temperature, pressure = wanted[self.conditions]
            found.append(
                f"conditions: {self.conditions!r} needs {'a' if temperature else 'no'} temperature_dc and "
                f"{'a' if pressure else 'no'} pressure_pa, which are those that the register refers to"
            )
        return found + ([] if self.valve is None else self.valve.problems())
