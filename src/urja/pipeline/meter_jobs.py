"""The pipeline's stage `meter_jobs`: sends the commands of jobs to their meters, a bounded number at a time, and
notes the results.

A job is requested as any operation of the registry (`read_meters`, `set_clocks` ...): the stage `register` checks
whether the requester may, and `approve` waits for passkeys where thresholds require them. Here only commands are
issued. Each step is one transaction: after a kill in between, the next run finds the job unchanged.
"""

from datetime import datetime, timedelta

from urja.apps.meter_jobs import operations
from urja.apps.meter_jobs.steps import Moment
from urja.pipeline.stage import Report
from urja.usecases import proven_keys


def run_once(now: datetime, wall_ms: int) -> Report:
    """Advance every job where possible. A second run at the same time advances none."""
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
    """Delete jobs that ended more than `kept` (days, from the settings) before `now`."""
    return Report(operations.delete_ended(now - kept))
