"""The pipeline's stage `register`: what was asked for through the web is done, in order, and answered.

The web's role can change nothing in the registry, so this is the one hand that does; commands at the box have the
owner's. Whoever waits for an answer hears of it at its commit (`urja.apps.journal.requests`).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from urja.base.sentences import in_english
from urja.pipeline.stage import Report
from urja.usecases import approving, requests

log = structlog.get_logger()

AT_ONCE: Final = 100


class Register:
    """The stage as the runner sees it. `in_thread` runs a function where Django's connection is."""

    name = "register"

    def __init__(self, in_thread: Callable) -> None:
        self._in_thread = in_thread

    async def run_once(self, now: datetime) -> Report:
        return Report(await self._in_thread(answer_requests, now))


def answer_requests(now: datetime, limit: int = AT_ONCE) -> int:
    """Answer what waits at `now`, at most `limit` requests; how many there were."""
    done = 0
    while done < limit and (request := requests.answer_next(now, approving.GATE)) is not None:
        done += 1
        log.info(
            "request answered",
            request=request.id,
            kind=request.kind,
            rehearsal=request.rehearsal,
            state=request.state,
            operation=request.operation_id,
            faults=in_english(request.faults) or None,
        )
    return done
