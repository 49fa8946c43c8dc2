"""The pipeline's stage `register`: operations requested through the web are performed, in order, and answered.

The web's role can change nothing in the registry, so this stage is the only one that does; commands on the host run
with the owner's rights. A waiting request hears of its answer at the commit (`urja.apps.journal.requests`).
"""

from datetime import datetime
from typing import Final

import structlog

from urja.base.sentences import in_english
from urja.pipeline.stage import Report
from urja.usecases import operation_approval, requests

log = structlog.get_logger()

AT_ONCE: Final = 100


def run_once(now: datetime) -> Report:
    """Answer the requests that wait at `now` (UTC)."""
    done = 0
    while (
        done < AT_ONCE
        and (request := requests.answer_next(now, operation_approval.APPROVAL_CHECK)) is not None
    ):
        done += 1
        log.info(
            "request answered",
            request=request.id,
            kind=request.kind,
            dry_run=request.dry_run,
            state=request.state,
            operation=request.operation_id,
            faults=in_english(request.faults) or None,
        )
    return Report(done)
