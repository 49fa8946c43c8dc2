"""Exceptions of the rulebook."""


class TariffConflictError(Exception):
    """A version that is loaded already with another text; versions are never changed."""

    def __init__(self, code: str, version: str) -> None:
        super().__init__(
            f"version {version!r} of tariff {code!r} is loaded with another text; "
            "give the new text a version of its own"
        )


class UnlikeVersionError(Exception):
    """A version whose calendar or currency differs from the other versions of its code."""

    def __init__(self, code: str, version: str, why: str) -> None:
        super().__init__(
            f"version {version!r} of tariff {code!r} cannot follow: {why}; give it a code of its own"
        )


class UnknownTariffError(Exception):
    """A tariff code without a version in force on the first requested day."""


class PolicyConflictError(Exception):
    """A version of a policy that is stored already with another text."""


class UnknownPolicyError(Exception):
    """A policy without any version, or without one in force."""
