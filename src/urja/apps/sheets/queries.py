"""Queries on uploads and what was found in them."""

from dataclasses import dataclass
from datetime import datetime

from urja.apps.sheets.kinds import SheetState, SheetTask
from urja.apps.sheets.models import Layout, SheetRequest, Upload
from urja.base.untyped_values import JsonObject


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """An upload without its bytes."""

    id: int
    file_name: str
    uploaded_at: datetime
    loaded: bool
    """Whether rows of it were loaded."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its answer."""

    id: int
    task: SheetTask
    map: JsonObject | None
    good_rows: bool
    state: SheetState
    refusal: list[str]
    answer: JsonObject
    marked: bool
    """Whether it has a marked copy."""


def uploads_of(actor: str) -> list[UploadedFile]:
    """Return an actor's uploads, the newest first."""
    found = Upload.objects.filter(actor=actor).defer("content").order_by("-id")
    loaded = set(
        SheetRequest.objects.filter(upload__in=found, task=SheetTask.LOAD, state=SheetState.DONE).values_list(
            "upload_id", flat=True
        )
    )
    return [UploadedFile(one.id, one.file_name, one.uploaded_at, one.id in loaded) for one in found]


def requests_of(upload_id: int) -> list[Asked]:
    """Return the requests of an upload, the newest first."""
    found = SheetRequest.objects.filter(upload_id=upload_id).order_by("-id")
    with_copy = set(found.exclude(marked=None).values_list("id", flat=True))
    return [
        Asked(
            one.id,
            SheetTask(one.task),
            one.map,
            one.good_rows,
            SheetState(one.state),
            one.refusal,
            one.answer,
            one.id in with_copy,
        )
        for one in found.defer("marked")
    ]


def remembered_map(layout: str) -> JsonObject | None:
    """Return the map by which sheets of a layout were loaded last, or None."""
    found: JsonObject | None = Layout.objects.filter(layout=layout).values_list("map", flat=True).first()
    return found


def marked_copy(request_id: int) -> bytes | None:
    """Return the marked copy of a request's file."""
    found = SheetRequest.objects.filter(id=request_id).values_list("marked", flat=True).first()
    return None if found is None else bytes(found)
