"""What the meter types refuse."""


class MeterTypeError(Exception):
    """A version of a meter type that cannot be loaded."""


class MeterTypeConflictError(MeterTypeError):
    """A version that was loaded before with other files: versions are never changed."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            f"version {version!r} of meter type {name!r} is loaded with other files; "
            "give these a version of their own"
        )


class ShippedNameError(MeterTypeError):
    """A type with the name of one that comes with Urja."""

    def __init__(self, name: str) -> None:
        super().__init__(f"meter type {name!r} comes with Urja; give yours a name of its own")


class UnlikeTypeError(MeterTypeError):
    """A version that is another meter than the versions of its name."""

    def __init__(self, name: str, version: str, why: str) -> None:
        super().__init__(
            f"version {version!r} of meter type {name!r} cannot follow: {why}; give it a name of its own"
        )


class MeterTypeTooLargeError(MeterTypeError):
    """Versions of a name, in force together, that do not fit one message to the head ends."""

    def __init__(self, name: str, size: int, most: int) -> None:
        super().__init__(
            f"the versions of meter type {name!r} that would be in force have {size} bytes, {most} are allowed; "
            "give this firmware a name of its own"
        )


class UnknownMeterTypeError(MeterTypeError):
    """A name under which no type is shipped or loaded."""
