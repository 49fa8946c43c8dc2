"""What the supply refuses, by type."""


class SupplyError(Exception):
    """The caller asked for something that the supply does not do."""


class UnknownHoldError(SupplyError):
    """A reason that nobody may hold a supply off for, or may not by hand: credit is the policy's alone."""
