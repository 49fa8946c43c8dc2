"""Read the billing profile: the registers and maximum demands of the billing periods that a meter has closed."""

from typing import Final

from msgspec import Struct

from urja.headend.shown_rows import shown
from urja.headend.work import Outcome, Work

MOST_SHOWN: Final = 13
"""Twelve closed periods, and the open one where a meter gives it too (IS 15959)."""


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing: a meter keeps few periods, and they are read whole."""


async def execute(work: Work, arguments: Arguments) -> Outcome:  # noqa: ARG001
    """Raises SessionFailedError where the meter has no such profile, or keeps it from us."""
    buffer = await work.pulls.whole(work.session, work.meter, "billing")
    return Outcome(evidence={"shown": [shown(buffer, work.meter.compiled.device_type, MOST_SHOWN)]})
