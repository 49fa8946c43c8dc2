"""The pipeline's stage `meter_jobs`: sends what jobs ask of meters, so many at a time, and notes what came of each.

A job is asked for as any operation of the registry (`read_meters`, `set_clocks` ...): the stage `register` judges whether
the asker may, and `approve` waits for passkeys where thresholds say so. Here only commands are given. Each step is one
transaction: killed in between, the next run finds the job as it was.
"""

from datetime import datetime, timedelta

from urja.apps.meter_jobs import operations
from urja.apps.meter_jobs.steps import Moment
from urja.pipeline.stage import Report
from urja.usecases import proven_keys


def run_once(now: datetime, wall_ms: int) -> Report:
    """Lead every job on that can be. A second run at the same time moves none."""
    moment = Moment(now, wall_ms)
    settled = proven_keys.settle_new_keys(moment)
    kinds = operations.active_kinds()
    if not kinds:
        return Report(settled)
    moved = (
        operations.process_results(kinds, moment) + operations.expire(moment) + operations.send(kinds, moment)
    )
    return Report(settled + moved + operations.close(moment))


def delete_old(now: datetime, kept: timedelta) -> Report:
    """Delete jobs that ended longer ago than they are kept."""
    return Report(operations.delete_ended(now - kept))
