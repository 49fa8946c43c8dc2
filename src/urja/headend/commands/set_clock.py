"""Set the meter's clock (class 8) to business time, and read back that it runs from there."""

from datetime import timedelta
from typing import Annotated, Final

from msgspec import Meta, Struct

from urja.cosem.obis import CosemAttribute
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._writing import instant, instant_or_none, is_right, moment
from urja.headend.failures import FailureKind, SessionFailedError

_CLOCK: Final = CosemAttribute.of(8, "0.0.1.0.0.255", 2)


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """How far the clock may be off afterwards, in addition to the duration of the exchange itself."""

    tolerance_s: Annotated[int, Meta(ge=1, le=3600)] = 5
    only_if_off: bool = False
    """Leave a clock unchanged that is right within the tolerance: setting it may produce an interval twice."""


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Set the clock and return its deviation before and after (seconds), without the one before where it had lost its time.
    Raises SessionFailedError (not obeyed) where it shows another time afterwards.
    """
    device_type = context.meter.compiled.device_type
    tolerance = timedelta(seconds=arguments.tolerance_s)
    begun_at = context.clock.now()
    before_at = instant_or_none(device_type, await context.session.get(_CLOCK))
    evidence: dict[str, object] = {}
    if before_at is not None:
        off_s = round((before_at - context.clock.now()).total_seconds())
        evidence["was_off_s"] = off_s
        if arguments.only_if_off and is_right(before_at, begun_at, context.clock.now(), tolerance):
            unchanged = {"is_off_s": off_s, "clock_at": before_at.isoformat(), "left_alone": True}
            return CommandOutcome(evidence=evidence | unchanged)
    told_at = context.clock.now()
    await context.session.set(_CLOCK, moment(device_type, told_at))
    taken_at = context.clock.now()
    await context.acknowledged()
    asked_at = context.clock.now()
    shown_at = instant(device_type, await context.session.get(_CLOCK))
    is_off = shown_at - context.clock.now()
    # The meter set the time up to (taken - told) after that instant, and was read between `asked_at` and now: the two
    # durations are added to the tolerance, because on a slow link they are longer than it.
    earliest_at, latest_at = asked_at - (taken_at - told_at) - tolerance, context.clock.now() + tolerance
    if not earliest_at <= shown_at <= latest_at:
        raise SessionFailedError(FailureKind.DISOBEYED, f"set to {told_at}, the clock shows {shown_at}")
    evidence |= {"is_off_s": round(is_off.total_seconds()), "clock_at": shown_at.isoformat()}
    return CommandOutcome(evidence=evidence)
