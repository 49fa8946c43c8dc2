"""Views of meter jobs. Jobs are started as operations."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.web.console import meter_jobs_page as pages
from urja.web.console.access import refusal, render_page, requires
from urja.web.console.row_progress import number_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now


@require_safe
@private
@requires(Read.METER_JOBS)
def jobs(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the meter jobs, newest first."""
    page = pages.jobs_page(caller, business_now(), number_of(request.GET.get("before", "")))
    return render_page(request, caller, "console/meter_jobs.html", {"page": page})


@require_safe
@private
@requires(Read.METER_JOBS)
def job(request: HttpRequest, caller: Caller, job_id: int) -> HttpResponse:
    """Show a meter job with its meters; the page reloads while the job is in progress."""
    chosen = request.GET.get("state", "")
    page = pages.job_page(job_id, caller, business_now(), chosen, number_of(request.GET.get("after", "")))
    if page is None:
        raise refusal(request)
    return render_page(request, caller, "console/meter_job.html", {"page": page})


@require_safe
@private
@requires(Read.METER_JOBS)
def answers(request: HttpRequest, caller: Caller, job_id: int) -> HttpResponse:
    """Return the answers of the shown meters as a CSV file."""
    chosen = request.GET.get("state", "")
    found = pages.answers(job_id, caller, business_now(), chosen, number_of(request.GET.get("after", "")))
    if found is None:
        raise refusal(request)
    answer = HttpResponse(found, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="job-{job_id}.csv"'
    return answer
