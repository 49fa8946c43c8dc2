"""Exceptions of the supply."""


class SupplyError(Exception):
    """A request that the supply refuses."""


class UnknownHoldError(SupplyError):
    """A reason that is unknown, or that an order may not give: `credit` is given by the policy alone."""
