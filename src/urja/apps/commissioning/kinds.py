"""States of calls, and the parts of a call that the pipeline uses."""

from typing import Protocol

from django.db.models import TextChoices

from urja.apps.assets.kinds import Device
from urja.apps.network.kinds import ServicePoint


class CallState(TextChoices):
    """State of a commissioning call. The last three are final."""

    ASKED = "asked"
    CALLING = "calling"
    PASSED = "passed"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    """The meter was removed, or its installation undone, while it was called."""


UNFINISHED = (CallState.ASKED, CallState.CALLING)


class Call(Protocol):
    """One commissioning of an installed meter (`models.Call`)."""

    id: int
    device_id: int
    device: Device
    service_point_id: int
    service_point: ServicePoint
    device_period_id: int
    state: str
    relay_test: bool
