"""Read a profile now; its records take the way of all readings, and the command says how many there were."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from urja.headend.work import Outcome, Work
from urja.stream.messages import Profile

Instant = Annotated[datetime, Meta(tz=True)]


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows whose stamps (the meter's) lie in [from_at, to_at]; the instantaneous profile has none and is read whole."""

    profile: Profile
    from_at: Instant
    to_at: Instant


async def execute(work: Work, arguments: Arguments) -> Outcome:
    """Raises SessionFailed, and StreamError where the broker does not take the records."""
    window = (arguments.from_at, arguments.to_at)
    correlation = work.order.correlation
    kind, records = await work.pulls.pull(work.session, work.meter, arguments.profile, window, correlation)
    await work.pulls.publish(kind, work.meter, records, correlation)
    return Outcome(evidence={"profile": arguments.profile, "rows": len(records)})
