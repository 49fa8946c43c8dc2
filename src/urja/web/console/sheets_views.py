"""Views of uploaded spreadsheets. They store bytes and requests; the pipeline's stage `sheets` reads and loads."""

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.sheets import queries, requests
from urja.apps.sheets.errors import UploadError
from urja.apps.sheets.kinds import MOST_BYTES, SheetTask
from urja.core.sheets.sheet_map import SheetMapError
from urja.usecases.kinds.agreements import MoveIn
from urja.web.console import sheets_page as pages
from urja.web.console.access import for_staff, fresh_factor_redirect, refusal, render_page
from urja.web.console.sheets_page import SheetPage
from urja.web.console.views import private
from urja.web.console.wording import sentence as in_words
from urja.web.shared.clock import business_now


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(pages.may_load)
def sheets(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the caller's spreadsheets; posted, store one."""
    fault = ""
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            # One byte more than is stored, so that a larger file is refused and not read whole.
            content = file.read(MOST_BYTES + 1) if file is not None else b""
            name = str(file.name) if file is not None else ""
            upload_id = requests.add_upload(
                content, name, actor=caller.actor, language=get_language() or "en", at=business_now()
            )
            return redirect("console:sheet", upload_id)
        except UploadError as bad:
            fault = in_words(bad.sentence)
    context = {"uploads": pages.uploads(caller, business_now()), "fault": fault}
    return render_page(request, caller, "console/sheets.html", context, status=422 if fault else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(pages.may_load)
def sheet(request: HttpRequest, caller: Caller, upload_id: int) -> HttpResponse:
    """Show what was read of a spreadsheet; posted, have it checked by the corrected columns."""
    page = _page(request, caller, upload_id)
    if request.method != "POST":
        return _shown(request, caller, page)
    try:
        the_map = pages.map_of(page, request.POST.dict())
        _ask(page, SheetTask.CHECK, msgspec.to_builtins(the_map), caller)
    except (SheetMapError, UploadError) as bad:
        page = _page(request, caller, upload_id, [in_words(bad.sentence)])
        return _shown(request, caller, page, status=422)
    return redirect("console:sheet", upload_id)


@require_POST
@private
@for_staff(pages.may_load)
def load_sheet(request: HttpRequest, caller: Caller, upload_id: int) -> HttpResponse:
    """Have a spreadsheet loaded as it was checked."""
    page = _page(request, caller, upload_id)
    checked = pages.checked_request(page, request.POST.get("check", ""))
    if checked is None:
        return redirect("console:sheet", upload_id)
    first = fresh_factor_redirect(request, MoveIn.kind(), reverse("console:sheet", args=[upload_id]))
    if first is not None:
        return first
    try:
        good_rows = request.POST.get("good_rows") == "yes"
        _ask(page, SheetTask.LOAD, checked.answer["map"], caller, good_rows=good_rows)
    except UploadError as bad:
        return _shown(
            request, caller, _page(request, caller, upload_id, [in_words(bad.sentence)]), status=422
        )
    return redirect("console:sheet", upload_id)


@require_safe
@private
@for_staff(pages.may_load)
def marked_copy(request: HttpRequest, caller: Caller, upload_id: int, request_id: int) -> HttpResponse:
    """Return the copy of a file with its faults marked, as a download."""
    page = _page(request, caller, upload_id)
    content = queries.marked_copy(request_id) if page.marked == request_id else None
    if content is None:
        raise refusal(request)
    is_workbook = content[:2] == b"PK"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" if is_workbook else "text/csv"
    answer = HttpResponse(content, content_type=kind)
    # Not the name that was uploaded: it is another person's text in a header.
    answer["Content-Disposition"] = f'attachment; filename="marked.{"xlsx" if is_workbook else "csv"}"'
    return answer


def _ask(
    page: SheetPage, task: SheetTask, the_map: dict[str, object], caller: Caller, *, good_rows: bool = False
) -> None:
    requests.ask(
        page.id,
        task,
        the_map,
        actor=caller.actor,
        language=get_language() or "en",
        at=business_now(),
        good_rows=good_rows,
    )


def _page(request: HttpRequest, caller: Caller, upload_id: int, faults: list[str] | None = None) -> SheetPage:
    page = pages.sheet_page(upload_id, caller, faults or ())
    if page is None:
        raise refusal(request)
    return page


def _shown(request: HttpRequest, caller: Caller, page: SheetPage, status: int = 200) -> HttpResponse:
    context = {"page": page, "fields": pages.FIELDS}
    return render_page(request, caller, "console/member_sheet.html", context, status=status)
