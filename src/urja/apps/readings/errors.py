"""What the readings refuse, by type."""


class ReadingsError(Exception):
    """The caller asked for something that the readings do not do."""


class NoSuchInterval(ReadingsError):
    """There is no stored interval to edit."""
