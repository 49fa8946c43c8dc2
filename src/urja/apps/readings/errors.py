"""What the readings refuse, by type."""


class ReadingsError(Exception):
    """The caller asked for something that the readings do not do."""


class UnknownIntervalError(ReadingsError):
    """There is no stored interval to edit."""


class NothingKnownError(ReadingsError):
    """No register of the meter was ever read: nothing can be estimated from."""
