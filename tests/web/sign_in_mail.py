"""The pipeline's part of signing in, for tests of pages: requested codes are mailed."""

from datetime import UTC, datetime

UTILITY = "Neem Society"


def mail_codes():
    """Run the stage once in the rights of the pipeline, and return its report."""
    from tests.web.conftest import connected_as

    from urja.base.clock import WallClock
    from urja.pipeline.sign_in_codes import SignInCodes

    with connected_as("urja_pipeline"):
        return SignInCodes(UTILITY, WallClock()).run_once(datetime.now(UTC))
