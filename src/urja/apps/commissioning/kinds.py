"""States of calls, and what the pipeline sees of one."""

from typing import Protocol

from django.db.models import TextChoices

from urja.apps.assets.kinds import Device
from urja.apps.network.kinds import ServicePoint


class CallState(TextChoices):
    """Where a call stands. The last three are its ends."""

    ASKED = "asked"
    CALLING = "calling"
    PASSED = "passed"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    """The meter was taken away, or its hanging undone, while it was called."""


UNFINISHED = (CallState.ASKED, CallState.CALLING)


class Call(Protocol):
    """One commissioning of a meter at its place (`models.Call`)."""

    id: int
    device_id: int
    device: Device
    service_point_id: int
    service_point: ServicePoint
    device_period_id: int
    state: str
    relay_test: bool
