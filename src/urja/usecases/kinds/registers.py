"""Registers in operations: a field in Wh beside one in litres, of which the meter's commodity allows one."""

from typing import Protocol


class WithRegister(Protocol):
    """An operation with a register that a person has read."""

    @property
    def register_wh(self) -> int | None:
        """Import register in Wh, of a meter of electricity."""

    @property
    def register_l(self) -> int | None:
        """Register in litres, of a gas meter."""


def one_of(wh: int | None, litres: int | None) -> int | None:
    """Return the register that is given, in Wh or litres; None where neither is."""
    return wh if litres is None else litres


def register_of(operation: WithRegister) -> int | None:
    """Return the register of an operation, in Wh or litres; None where it has none."""
    return one_of(operation.register_wh, operation.register_l)


def known_register(operation: WithRegister) -> int:
    """Return the register of an operation whose guard has found that it has one, in Wh or litres."""
    register = register_of(operation)
    assert register is not None, "its absence is a fault"
    return register
