"""What the supply refuses, by type."""

# ruff: noqa: N818  (these names say what happened; that they are errors their base class says)


class SupplyError(Exception):
    """The caller asked for something that the supply does not do."""


class UnknownHold(SupplyError):
    """A reason that nobody may hold a supply off for, or may not by hand: credit is the policy's alone."""
