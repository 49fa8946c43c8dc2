"""Pages of meter jobs: the list, one job's progress, and each meter's answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.meter_jobs.queries import csv_of
from urja.apps.overviews.queries import meter_jobs as seen, paging
from urja.base.sentences import from_plain
from urja.base.untyped_values import JsonMapping
from urja.web.console import row_progress, wording
from urja.web.console.actor_names import names_of
from urja.web.console.effect_words import instant
from urja.web.console.operation_page import Choice, operation_named, operations_with_field
from urja.web.console.row_progress import Line, ListPage, address, counts_in_words
from urja.web.console.search_page import address_of
from urja.web.shared import formats
from urja.web.shared.clock import zone


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a profile as read from a meter."""

    heads: list[str]
    rows: list[list[str]]
    more: int
    """Number of older rows that are stored and not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRow(row_progress.Row):
    connection: str
    lines: list[str]
    """The meter's answer, if it is a few values."""
    tables: list[Table]


type JobPage = row_progress.ProgressPage[MeterRow]


def jobs_page(caller: Caller, now: datetime, before: int | None) -> ListPage:
    """Return the meter jobs with a meter in the caller's area, newest first."""
    area = caller.must(Read.METER_JOBS)
    jobs, older = row_progress.newest(seen.jobs().filter(seen.seen_in(area, now)), before)
    called = names_of(job.actor for job in jobs)
    return ListPage(
        lines=[
            Line(
                title=title_of(job),
                counts=counts_in_words(
                    seen.progress(seen.tasks_seen(job, caller, area, now)), wording.task_state
                ),
                detail=f"{called.get(job.actor, job.actor)}, {instant(job.asked_at)}: {job.reason}",
                href=reverse("console:meter-job", args=[job.id]),
            )
            for job in jobs
        ],
        begin=[
            Choice(kind, wording.operation(kind), reverse("console:operation", args=[kind]))
            for kind in operations_with_field("meters", caller)
        ],
        before=jobs[-1].id if older else None,
    )


def job_page(job_id: int, caller: Caller, now: datetime, chosen: str, after: int | None) -> JobPage | None:
    """Return a meter job with the rows in the caller's area, or None without such rows."""
    part = _part(job_id, caller, now, chosen, after)
    if part is None:
        return None
    job, tasks, shown, more = part
    counts = seen.progress(tasks)
    chosen = chosen if chosen in TaskState else ""
    at = reverse("console:meter-job", args=[job.id])
    said = seen.results(job, shown, caller, "console meter-job", now)
    may_cancel = operation_named("cancel_meter_job", caller) is not None and counts[TaskState.WAITING]
    return row_progress.ProgressPage(
        id=job.id,
        title=title_of(job),
        facts=_facts(job),
        filters=row_progress.filters(counts, chosen, at, wording.task_state),
        rows=[_row(task, said.get(task.id), caller) for task in shown],
        next=address(at, state=chosen, after=shown[-1].position) if more else "",
        file=address(reverse("console:meter-job-answers", args=[job.id]), state=chosen, after=after)
        if any(said.values())
        else "",
        under_way=job.ended_at is None,
        stop=f"{reverse('console:operation', args=['cancel_meter_job'])}?job_id={job.id}"
        if may_cancel
        else "",
        ended=sum(counts.values()) - counts[TaskState.WAITING] - counts[TaskState.SENT],
        total=sum(counts.values()),
    )


def answers(job_id: int, caller: Caller, now: datetime, chosen: str, after: int | None) -> str | None:
    """Return the answers of the same rows as CSV, or None without a job for the caller."""
    part = _part(job_id, caller, now, chosen, after)
    if part is None:
        return None
    job, _tasks, shown, _more = part
    return csv_of(shown, seen.results(job, shown, caller, "console meter-job file", now))


def _part(
    job_id: int, caller: Caller, now: datetime, chosen: str, after: int | None
) -> tuple[seen.JobRow, QuerySet[seen.TaskRow], list[seen.TaskRow], bool] | None:
    """Return a job, all its rows in the caller's area, those of one page, and whether more follow."""
    area = caller.must(Read.METER_JOBS)
    job, _exists = paging.one(seen.jobs().filter(id=job_id), seen.seen_in(area, now))
    if job is None:
        return None
    tasks = seen.tasks_seen(job, caller, area, now)
    return job, tasks, *row_progress.rows_of_page(tasks, chosen if chosen in TaskState else "", after)


def title_of(job: seen.JobRow) -> str:
    """Return the title of a job: its operation in words."""
    what = job.arguments.get("what")
    title = wording.operation(job.kind)
    return f"{title}: {wording.choice(what)}" if what else title


def _facts(job: seen.JobRow) -> list[tuple[str, str]]:
    called = names_of([job.actor, job.cancelled_by])
    facts = [
        (_("Requested by"), called.get(job.actor, job.actor)),
        (_("Time"), instant(job.asked_at)),
        (_("Reason"), job.reason),
        (_("Expires"), instant(job.expires_at)),
    ]
    if job.arguments.get("what") in _WITH_PERIOD:
        from_at, to_at = (datetime.fromisoformat(job.arguments[name]) for name in ("from_at", "to_at"))
        facts.append((_("Period"), f"{instant(from_at)} – {instant(to_at)}"))
    if "text" in job.arguments:
        facts.append((_("Text"), job.arguments["text"] or _("none: the text is removed")))
    if job.cancelled_at is not None:
        by = called.get(job.cancelled_by, job.cancelled_by)
        facts.append((_("Cancelled"), f"{instant(job.cancelled_at)}, {by}"))
    if job.ended_at is not None:
        facts.append((_("Ended"), instant(job.ended_at)))
    return facts


_WITH_PERIOD: Final = frozenset({"block", "daily", "power-events", "tamper-events"})


def _row(task: seen.TaskRow, said: JsonMapping | None, caller: Caller) -> MeterRow:
    number = task.service_point.consumer_number if task.service_point else ""
    at = task.ended_at or task.sent_at
    return MeterRow(
        number=task.position,
        named=task.device.serial if task.device else task.named,
        connection=number,
        href=address_of(number) if number and caller.area(Read.DEVICE) is not None else "",
        state=task.state,
        word=wording.task_state(task.state),
        detail=_detail(task, said),
        at="" if at is None else instant(at),
        lines=_lines(said or {}),
        tables=[_table(shown) for shown in (said or {}).get("shown", ())],
    )


def _detail(task: seen.TaskRow, said: Mapping[str, object] | None) -> str:
    if task.result and said is None:
        return _("The meter's data are shown only to users who may read load profiles.")
    if task.detail:
        return wording.sentence(from_plain(task.detail))
    if task.ended_at is None and task.command is not None:
        return task.command.last_error
    return ""


def _lines(said: JsonMapping) -> list[str]:
    """Return the answer's few values in words; profile rows are shown as tables instead."""
    lines = [wording.rows_stored(said["rows"])] if "rows" in said else []
    if "was_off_s" in said:
        off = {"before": _seconds(said["was_off_s"]), "after": _seconds(said["is_off_s"])}
        lines.append(_("Clock error: %(before)s s before, %(after)s s after.") % off)
    if "off_s" in said:
        lines.append(
            _("The relay opened and closed; the supply was disconnected for %(off)s s.")
            % {"off": said["off_s"]}
        )
    return lines


def _seconds(off_s: int) -> str:
    return f"{off_s:+}".replace("-", formats.MINUS) if off_s else "0"


def _table(shown: JsonMapping) -> Table:
    columns = shown["columns"]
    return Table(
        # Column names are those of the standard, in English in every language.
        heads=[f"{one['name']}, {one['unit']}" if one["unit"] else one["name"] for one in columns],
        rows=[_cells(columns, row) for row in reversed(shown["rows"])],
        more=shown["of"] - len(shown["rows"]),
    )


def _cells(columns: Sequence[JsonMapping], row: Sequence[Any]) -> list[str]:
    return [_cell(value, instants=one["instant"]) for one, value in zip(columns, row, strict=True)]


def _cell(value: object, *, instants: bool) -> str:
    if value is None:
        return "–"
    if instants and isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return value
        return f"{at.astimezone(zone()):%Y-%m-%d %H:%M:%S}"
    return str(value)
