"""The pipeline's stage `approve`: passkeys are enrolled, approvals verified, and approved operations performed.

It is a stage of its own because it sends messages: a mail relay that is not available must not delay operations that
need no approval.
"""

from datetime import datetime
from typing import Final

import structlog

from urja.apps.approvals import passkeys, thresholds
from urja.apps.approvals.staff_notice import notify_staff
from urja.apps.local_zone import local_zone
from urja.base.sentences import in_english
from urja.core.calendar import local_day
from urja.pipeline.stage import Report
from urja.usecases import operation_approval

log = structlog.get_logger()

AT_ONCE: Final = 100


def run_once(now: datetime) -> Report:
    """Verify recorded enrolments and answers, handle requests whose time has come by `now` (UTC), notify the staff."""
    return Report(_enrolments(now) + _answers(now) + _time(now) + _tell(now))


def _enrolments(now: datetime) -> int:
    done = 0
    while done < AT_ONCE and (asked := passkeys.judge_next_enrolment(now)) is not None:
        done += 1
        log.info(
            "passkey enrolment judged",
            enrolment=asked.pk,
            user=asked.user_id,
            state=asked.state,
            faults=in_english(asked.faults) or None,
        )
    return done


def _answers(now: datetime) -> int:
    done = 0
    while done < AT_ONCE and (answer := operation_approval.verify_next_answer(now)) is not None:
        done += 1
        log.info(
            "approval judged",
            answer=answer.pk,
            request=answer.waiting_id,
            signed_in=answer.user_id,
            action=answer.action,
            state=answer.state,
            faults=in_english(answer.faults) or None,
        )
    return done


def _time(now: datetime) -> int:
    due = operation_approval.due_requests(now)
    for request_id in due:
        ended = operation_approval.apply_deadline(request_id, now)
        log.info("approval due", request=request_id, state=ended.state)
    return len(due)


def _tell(now: datetime) -> int:
    untold = operation_approval.unannounced()
    for one in untold:
        delay = thresholds.in_force(local_day(now, local_zone())).alone.delay
        sent = notify_staff(one, delay, now)
        operation_approval.start_delay(one.pk, now)
        log.warning("operation delayed", request=one.pk, kind=one.request.kind, messages=sent)
    return len(untold)
