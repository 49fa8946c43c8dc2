"""What the pipeline does with requests: takes the next, answers it, deletes old uploads."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from urja.apps.sheets.kinds import KEPT_OF_ONE, KEPT_UPLOADS, SheetState
from urja.apps.sheets.models import Layout, SheetRequest, Upload
from urja.base.untyped_values import JsonMapping

KEPT_FOR: Final = timedelta(days=7)
"""How long uploads are kept: they have names and telephone numbers."""

type Waiting = SheetRequest
"""A request that waits, for annotations outside of this app."""


def next_waiting() -> SheetRequest | None:
    """Return the oldest waiting request, locked until the transaction's end; None where none waits."""
    waiting = SheetRequest.objects.filter(state=SheetState.WAITING).order_by("id")
    return waiting.select_for_update(of=("self",)).select_related("upload").first()


def answer(request: SheetRequest, at: datetime, found: JsonMapping, marked: bytes | None) -> None:
    """Store the answer of a request that was carried out."""
    _end(request, at, state=SheetState.DONE, answer=dict(found), marked=marked)


def refuse(request: SheetRequest, at: datetime, why: str) -> None:
    """Store why a request was refused."""
    _end(request, at, state=SheetState.REFUSED, refusal=[why])


def _end(request: SheetRequest, at: datetime, **values: Any) -> None:
    for name, value in values.items():
        setattr(request, name, value)
    request.answered_at = at
    request.save(update_fields=[*values, "answered_at"])


def remember(layout: str, the_map: JsonMapping, at: datetime) -> None:
    """Store the map by which sheets of a layout are read."""
    Layout.objects.update_or_create(layout=layout, defaults={"map": dict(the_map), "loaded_at": at})


def delete_old(at: datetime) -> int:
    """Delete uploads that are older than `KEPT_FOR`, and all but the newest; return their number."""
    kept: list[int] = []
    of_one: Counter[str] = Counter()
    for number, actor in Upload.objects.order_by("-id").values_list("id", "actor"):
        of_one[actor] += 1
        if of_one[actor] <= KEPT_OF_ONE:
            kept.append(number)
    old = Upload.objects.filter(uploaded_at__lt=at - KEPT_FOR) | Upload.objects.exclude(
        id__in=kept[:KEPT_UPLOADS]
    )
    ids = list(old.values_list("id", flat=True))
    SheetRequest.objects.filter(upload_id__in=ids).delete()
    Upload.objects.filter(id__in=ids).delete()
    return len(ids)
