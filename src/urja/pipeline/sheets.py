"""The pipeline's stage `sheets`: uploaded spreadsheets are read, tried out and loaded, one after the other.

The web stores their bytes alone. Each is parsed in a child process of its own, whose limits are in
`urja.usecases.loading.sheet_process`.
"""

from datetime import datetime
from typing import Final

import structlog

from urja.apps.sheets.operations import delete_old
from urja.pipeline.stage import Report
from urja.usecases import sheet_requests

log = structlog.get_logger()

_AT_ONCE: Final = 5


class Sheets:
    """Answers what is asked of uploads; `utility` is the society of a sheet that names none."""

    def __init__(self, utility: str, currency: str) -> None:
        self._utility, self._currency = utility, currency

    def run_once(self, now: datetime) -> Report:
        """Answer the requests that wait at `now` (UTC)."""
        done = 0
        while (
            done < _AT_ONCE
            and (request := sheet_requests.answer_next(now, utility=self._utility, currency=self._currency))
            is not None
        ):
            done += 1
            log.info(
                "spreadsheet read",
                request=request.id,
                task=request.task,
                state=request.state,
                actor=request.actor,
                refusal=[str(one) for one in request.refusal] or None,
            )
        return Report(done)


def forget(now: datetime) -> Report:
    """Delete old uploads: they have names and telephone numbers."""
    return Report(delete_old(now))
