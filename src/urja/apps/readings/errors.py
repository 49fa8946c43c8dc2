"""Exceptions of the readings."""


class ReadingsError(Exception):
    """A request that the readings refuse."""


class UnknownIntervalError(ReadingsError):
    """No interval is stored at this key, so it cannot be edited."""


class NothingKnownError(ReadingsError):
    """No register of the meter was ever read, so no estimate is possible."""
