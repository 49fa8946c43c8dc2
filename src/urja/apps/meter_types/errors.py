"""Errors of meter types."""


class MeterTypeError(Exception):
    """A version of a meter type that cannot be loaded."""


class MeterTypeConflictError(MeterTypeError):
    """A version that is stored with other files: versions are never changed."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            f"version {version!r} of meter type {name!r} is loaded with other files; "
            "give these a version of their own"
        )


class ShippedNameError(MeterTypeError):
    """A type with the name of one that is shipped with Urja."""

    def __init__(self, name: str) -> None:
        super().__init__(f"meter type {name!r} is shipped with Urja; give this type another name")


class UnlikeTypeError(MeterTypeError):
    """A version that describes another meter than the versions of the same name."""

    def __init__(self, name: str, version: str, why: str) -> None:
        super().__init__(
            f"version {version!r} of meter type {name!r} describes another meter: {why}; give it another name"
        )


class MeterTypeTooLargeError(MeterTypeError):
    """Versions of a name that are in force together and too large for one message to the head ends."""

    def __init__(self, name: str, size: int, most: int) -> None:
        super().__init__(
            f"the versions of meter type {name!r} that would be in force have {size} bytes, {most} are allowed; "
            "give the type of this firmware another name"
        )


class UnknownMeterTypeError(MeterTypeError):
    """A name for which no type is shipped or loaded."""
