"""Read the nameplate profile: what a meter says of itself."""

from msgspec import Struct

from urja.headend.shown_rows import shown
from urja.headend.work import Outcome, Work


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing: it is one row."""


async def execute(work: Work, arguments: Arguments) -> Outcome:  # noqa: ARG001
    """Raises SessionFailedError where the meter keeps it from us."""
    buffer = await work.pulls.whole(work.session, work.meter, "nameplate")
    return Outcome(evidence={"shown": [shown(buffer, work.meter.compiled.device_type, 1)]})
