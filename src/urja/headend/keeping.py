"""Replay windows at rest: what changed is written about once a second, and read back at the start.

A crash forgets at most the last second of windows. A push replayed inside that second is decoded once more, and
the ingest, which knows the rows, ignores it.
"""

import asyncio
from typing import Final

import numpy as np
import structlog

from urja.headend.intake import Intake
from urja.headend.roster import WINDOW_GROUPS, Roster
from urja.stream import Broker
from urja.stream.errors import StreamError

log = structlog.get_logger()

KEEP_EVERY_S: Final = 1.0


async def restore_windows(broker: Broker, roster: Roster) -> None:
    """Read every group's windows; raises BrokerUnavailable."""
    states = await asyncio.gather(*(broker.get_windows(group) for group in range(WINDOW_GROUPS)))
    for group, state in enumerate(states):
        if state is not None:
            roster.restore(group, state)


async def keep_windows(broker: Broker, roster: Roster, intake: Intake) -> None:
    """Write the groups in which something was accepted. What the broker does not take stays to be written."""
    groups = np.flatnonzero(intake.dirty_groups).tolist()
    if not groups:
        return
    intake.dirty_groups[groups] = False
    outcomes = await asyncio.gather(
        *(broker.put_windows(group, roster.group_state(group)) for group in groups), return_exceptions=True
    )
    for group, outcome in zip(groups, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            intake.dirty_groups[group] = True
            if not isinstance(outcome, StreamError):
                raise outcome
            log.warning("windows are not written", group=group, why=str(outcome))


async def keep_for_ever(broker: Broker, roster: Roster, intake: Intake) -> None:
    """`keep_windows` about once a second."""
    while True:
        await asyncio.sleep(KEEP_EVERY_S)
        await keep_windows(broker, roster, intake)
