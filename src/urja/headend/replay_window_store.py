"""Storage of replay windows: changed ones are written about once a second, sealed, and read back at the start.

A crash loses at most the last second of windows. A push replayed from that second is decoded once more, and the
ingest, which knows the rows, ignores it. A stored value that no head end has written, or that is damaged, is not used
as a window, and it is not skipped either, because then old pushes would count as fresh. The pushes of the meters in
that group are refused until a session has proven their counters.
"""

import asyncio
from typing import Final

import numpy as np
import structlog

from urja.cosem.errors import LocalError
from urja.headend.intake import Intake
from urja.headend.roster import WINDOW_GROUPS, Roster
from urja.headend.sealed_state import Seal, UnsealedError
from urja.stream.broker import Broker
from urja.stream.errors import StreamError
from urja.stream.subjects import WINDOWS

log = structlog.get_logger()

STORE_EVERY_S: Final = 1.0


async def restore_windows(broker: Broker, roster: Roster, seal: Seal) -> None:
    """Read the windows of all groups into the roster. Raises BrokerUnavailableError."""
    states = await asyncio.gather(*(broker.get(WINDOWS, str(group)) for group in range(WINDOW_GROUPS)))
    for group, (sealed, _) in enumerate(states):
        if sealed is None:
            continue
        try:
            roster.restore(group, _opened(group, sealed, seal))
        except (UnsealedError, LocalError) as error:
            log.error("replay windows cannot be read: pushes are refused", group=group, why=str(error))  # noqa: TRY400 - an expected cause
            roster.lose(group)


def _opened(group: int, sealed: bytes, seal: Seal) -> bytes:
    try:
        return seal.open(_name(group), sealed)
    except UnsealedError:
        # Earlier versions wrote without a seal. A value that the broker writes by itself is JSON or empty.
        if sealed and not sealed.startswith(b"{"):
            return sealed
        raise


def _name(group: int) -> str:
    return f"windows/{group}"


async def store_windows(broker: Broker, roster: Roster, intake: Intake, seal: Seal) -> None:
    """Write the groups in which a push was accepted. A group that the broker does not take stays marked as changed;
    errors other than the broker's are raised.
    """
    groups = np.flatnonzero(intake.dirty_groups).tolist()
    if not groups:
        return
    intake.dirty_groups[groups] = False
    outcomes = await asyncio.gather(
        *(
            broker.put(WINDOWS, str(group), seal.close(_name(group), roster.group_state(group)))
            for group in groups
        ),
        return_exceptions=True,
    )
    for group, outcome in zip(groups, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            intake.dirty_groups[group] = True
            if not isinstance(outcome, StreamError):
                raise outcome
            log.warning("replay windows not stored", group=group, why=str(outcome))


async def store_windows_periodically(broker: Broker, roster: Roster, intake: Intake, seal: Seal) -> None:
    """Call `store_windows` about once a second for as long as the process runs."""
    while True:
        await asyncio.sleep(STORE_EVERY_S)
        await store_windows(broker, roster, intake, seal)
