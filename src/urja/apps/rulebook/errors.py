"""What the rulebook refuses."""


class TariffConflictError(Exception):
    """A version that was loaded before with another text: versions are never changed."""

    def __init__(self, code: str, version: str) -> None:
        super().__init__(
            f"version {version!r} of tariff {code!r} is loaded with another text; "
            "give the new text a version of its own"
        )


class UnlikeVersionError(Exception):
    """A version with another calendar or currency than the versions of its code."""

    def __init__(self, code: str, version: str, why: str) -> None:
        super().__init__(
            f"version {version!r} of tariff {code!r} cannot follow: {why}; give it a code of its own"
        )


class UnknownTariffError(Exception):
    """A tariff code of which no version is in force on the first day asked for."""


class PolicyConflictError(Exception):
    """A version of this policy is stored with another text."""


class UnknownPolicyError(Exception):
    """No version of this policy is stored, or none is in force."""
