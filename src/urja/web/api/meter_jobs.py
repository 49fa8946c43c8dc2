"""Jobs of meters: how far they are, and what each meter has said. They are asked for as operations."""

from typing import Annotated

from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.overviews.queries import meter_jobs as seen
from urja.base.sentences import from_plain
from urja.usecases.kinds import ALL
from urja.usecases.kinds.meter_jobs import MeterJobRequest
from urja.web.api import answers, meter_answers, parameters
from urja.web.api.lists import local, one, page
from urja.web.api.routes import Ask, ListQuery


class MeterJobsQuery(ListQuery, frozen=True, kw_only=True):
    kind: Annotated[
        str | None, parameters.one_of([one.kind() for one in ALL if issubclass(one, MeterJobRequest)])
    ] = None


def meter_jobs(ask: Ask) -> answers.Page[meter_answers.MeterJob]:
    query: MeterJobsQuery = ask.query
    rows = seen.jobs(query.kind).filter(seen.seen_in(ask.area, ask.now))
    return page(ask, rows, lambda found: [_job_of(ask, job) for job in found], newest_first=True)


def meter_job(ask: Ask) -> meter_answers.MeterJob:
    return _job_of(ask, _job(ask))


class MeterResultsQuery(ListQuery, frozen=True, kw_only=True):
    state: Annotated[str | None, parameters.one_of(TaskState)] = None


def meter_results(ask: Ask) -> answers.Page[meter_answers.MeterResult]:
    query: MeterResultsQuery = ask.query
    job = _job(ask)
    rows = seen.tasks_seen(job, ask.caller, ask.area, ask.now, state=query.state)

    def shape(found: list[seen.TaskRow]) -> list[meter_answers.MeterResult]:
        said = seen.results(job, found, ask.caller, ask.what, ask.now)
        return [_result_of(task, said.get(task.id)) for task in found]

    return page(ask, rows, shape, key="position")


def _job(ask: Ask) -> seen.JobRow:
    inside = seen.seen_in(ask.area, ask.now)
    return one(ask, seen.jobs().filter(id=ask.parts["id"]), inside, f"meter job {ask.parts['id']}")


def _job_of(ask: Ask, job: seen.JobRow) -> meter_answers.MeterJob:
    return meter_answers.MeterJob(
        id=job.id,
        kind=job.kind,
        arguments=job.arguments,
        reason=job.reason,
        actor=job.actor,
        requested_at=local(job.asked_at),
        expires_at=local(job.expires_at),
        cancelled_at=local(job.cancelled_at),
        ended_at=local(job.ended_at),
        states=seen.progress(seen.tasks_seen(job, ask.caller, ask.area, ask.now)),
    )


def _result_of(task: seen.TaskRow, said: dict[str, object] | None) -> meter_answers.MeterResult:
    command = task.command
    return meter_answers.MeterResult(
        row=task.position,
        requested_as=task.named,
        state=task.state,
        device_id=task.device_id,
        serial=task.device.serial if task.device else "",
        service_point_id=task.service_point_id,
        consumer_number=task.service_point.consumer_number if task.service_point else "",
        sent_at=local(task.sent_at),
        ended_at=local(task.ended_at),
        detail=str(from_plain(task.detail)),
        last_error=command.last_error if command is not None and task.ended_at is None else "",
        result=said or {},
        withheld=bool(task.result) and said is None,
    )
