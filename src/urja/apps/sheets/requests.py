"""Rows that the web stores: uploads, and requests to check or load them."""

import hashlib
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from urja.apps.partial_insert import insert
from urja.apps.sheets.errors import UploadError
from urja.apps.sheets.kinds import MOST_BYTES, SheetTask
from urja.apps.sheets.models import SheetRequest, Upload
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject


def add_upload(content: bytes, file_name: str, *, actor: str, language: str, at: datetime) -> int:
    """Store a file and the request to check it; return the number of the upload. Raises UploadError."""
    if not content:
        raise UploadError(say("the file is empty"))
    if len(content) > MOST_BYTES:
        raise UploadError(
            say("the file has more than {mb} MB: leave out pictures and other sheets", mb=MOST_BYTES >> 20)
        )
    try:
        with transaction.atomic():
            upload = Upload.objects.create(
                id=_next_number(),
                file_name=file_name.strip()[-200:] or "sheet",
                content=content,
                sha256=hashlib.sha256(content).hexdigest(),
                actor=actor,
                uploaded_at=at,
            )
            ask(upload.id, SheetTask.CHECK, None, actor=actor, language=language, at=at)
    except IntegrityError as error:
        raise UploadError(say("too many files wait to be read: try again in a minute")) from error
    return upload.id


def ask(
    upload_id: int,
    task: SheetTask,
    the_map: JsonObject | None,
    *,
    actor: str,
    language: str,
    at: datetime,
    good_rows: bool = False,
) -> None:
    """Record a request to check or load an upload. Raises UploadError where too many of it wait."""
    try:
        with transaction.atomic():
            insert(
                SheetRequest,
                id=_next_number(),
                upload_id=upload_id,
                task=task,
                map=the_map,
                good_rows=good_rows,
                language=language,
                actor=actor,
                requested_at=at,
            )
    except IntegrityError as error:
        raise UploadError(say("too many files wait to be read: try again in a minute")) from error


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('sheets_number')")
        return int(cursor.fetchone()[0])
