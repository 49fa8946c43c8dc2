"""What the readings refuse, by type."""

# ruff: noqa: N818  (these names say what happened; that they are errors their base class says)


class ReadingsError(Exception):
    """The caller asked for something that the readings do not do."""


class NoSuchInterval(ReadingsError):
    """There is no stored interval to edit."""


class NothingKnown(ReadingsError):
    """No register of the meter was ever read: nothing can be estimated from."""
