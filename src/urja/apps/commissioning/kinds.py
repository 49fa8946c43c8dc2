"""States of calls, and the parts of a call that the pipeline uses."""

from django.db.models import TextChoices


class CallState(TextChoices):
    """State of a commissioning call. The last three are final."""

    ASKED = "asked"
    CALLING = "calling"
    PASSED = "passed"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    """The meter was removed, or its installation undone, while it was called."""


UNFINISHED = (CallState.ASKED, CallState.CALLING)
