"""Exceptions of the rulebook."""

from collections.abc import Sequence


class TariffConflictError(Exception):
    """A version that is loaded already with another text; versions are never changed."""

    def __init__(self, code: str, version: str) -> None:
        super().__init__(
            f"version {version!r} of tariff {code!r} is loaded with another text; "
            "give the new text a version of its own"
        )


class UnlikeVersionError(Exception):
    """A version whose calendar, currency or commodity differs from the other versions of its code."""

    def __init__(self, code: str, version: str, why: str) -> None:
        super().__init__(
            f"version {version!r} of tariff {code!r} cannot follow: {why}; give it a code of its own"
        )


class UnratedTariffError(Exception):
    """A tariff that needs what the close of a day does not have."""

    def __init__(self, code: str, needs: Sequence[str]) -> None:
        super().__init__(
            f"tariff {code!r} needs {', '.join(needs)}, which the close of a day does not have; "
            "use `urja tariff check` and the engine (docs/tariffs.md), and load a tariff without these"
        )


class ReceivableError(Exception):
    """A tariff with a line of whose receivable account it is not clear which body owes it."""

    def __init__(self, code: str, line: str, why: str) -> None:
        super().__init__(f"line {line!r} of tariff {code!r}: {why}")


class UnknownTariffError(Exception):
    """A tariff code without a version in force on the first requested day."""


class UnstatedLoadError(UnknownTariffError):
    """An agreement whose terms do not state a load or an area that its tariff needs: it cannot be rated, as without a tariff."""


class CalendarConflictError(Exception):
    """A version of a calendar that is stored already with another text, or that gives a zone's number another meaning."""


class UnknownCalendarError(Exception):
    """A calendar of which no version is stored."""


class HeatValuesConflictError(Exception):
    """A version of heat values that is stored already with another text, or that has another code than those stored."""


class PolicyConflictError(Exception):
    """A version of a policy that is stored already with another text."""


class UnknownPolicyError(Exception):
    """A policy without any version, or without one in force."""
