"""The steps of each kind of job; the kind is that of the operation that requested it.

A new kind is an operation (`urja.usecases.meter_jobs`) and an entry here.
"""

from typing import Final

from urja.apps.meter_jobs.key_changes import ChangeKeys
from urja.apps.meter_jobs.meter_calendars import READ, SET, CalendarCommand
from urja.apps.meter_jobs.models import Job
from urja.apps.meter_jobs.relay_tests import RelayTest
from urja.apps.meter_jobs.steps import OneCommand, Steps

SHOWN: Final = 50
"""How many rows of a profile, the newest, a task shows; all rows are stored as readings."""


_WHOLE: Final = {
    "billing-profile": "read_billing",
    "calendar": READ,
    "nameplate": "read_nameplate",
}
"""Commands for what is read in full and shown; of these, billing profiles are stored as readings too."""


def _read(job: Job) -> tuple[str, dict[str, object]]:
    what = job.arguments["what"]
    if what in _WHOLE:
        return _WHOLE[what], {}
    asked = {"profile": what, "shown": SHOWN}
    return "read_profile", asked | {name: job.arguments[name] for name in ("from_at", "to_at")}


STEPS: Final[dict[str, Steps]] = {
    "change_keys": ChangeKeys(),
    "read_meters": CalendarCommand(_read),
    "reset_demands": OneCommand(lambda _job: ("reset_demand", {})),
    "set_calendars": CalendarCommand(lambda job: (SET, job.arguments)),
    "set_clocks": OneCommand(lambda _job: ("set_clock", {})),
    "show_text": OneCommand(lambda job: ("show_text", {"text": job.arguments["text"]})),
    "test_relays": RelayTest(),
}
