"""Uploaded spreadsheets that people ask to check or load: the pipeline's side of `urja.apps.sheets.requests`.

The file is parsed in a bounded child process. Rows are the operations of residents. The actor's roles are judged here,
after the web: the actor must be allowed each of these operations everywhere. Keys, money and meters are no part of what
is loaded so: those are commands on the machine itself (`urja sheet load`, `urja stock receive`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from gettext import translation
from pathlib import Path
from typing import Any, Final

import msgspec
from django.db import transaction

from urja.apps.identity.errors import NotAllowedError
from urja.apps.identity.queries.access import caller_of
from urja.apps.identity.queries.roles import write_scope
from urja.apps.local_zone import local_zone
from urja.apps.sheets import operations as stored
from urja.apps.sheets.kinds import SheetTask
from urja.apps.sheets.operations import Waiting
from urja.base.sentences import say, to_plain
from urja.base.untyped_values import JsonObject
from urja.core.calendar import local_day
from urja.core.sheets.columns import MONEY
from urja.core.sheets.reading import SheetFault
from urja.core.sheets.sheet_map import SheetMap, SheetMapError, checked
from urja.usecases.kinds.agreements import MoveIn
from urja.usecases.kinds.connections import NewConnection
from urja.usecases.kinds.people import CorrectConsumer
from urja.usecases.loading import sheet_files
from urja.usecases.loading.sheet_files import SheetFile
from urja.usecases.loading.sheet_loading import SheetOrder, SheetReport, load_sheet, remembered
from urja.usecases.loading.sheet_process import UnreadableSheetError

NEEDED: Final = tuple(write_scope(one.kind()) for one in (NewConnection, MoveIn, CorrectConsumer))
"""What an actor must be allowed to do everywhere: the operations that rows become."""
_SHOWN: Final = 200
"""Faults that a page shows; the marked copy has all."""


class SheetRefusedError(Exception):
    """A request that is not carried out, with its sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def answer_next(now: datetime, *, utility: str, currency: str) -> Waiting | None:
    """Answer the oldest waiting request and return it, or None where none waits."""
    with transaction.atomic():
        request = stored.next_waiting()
        if request is None:
            return None
        try:
            with transaction.atomic():
                found, marked = _carry_out(request, now, utility, currency)
        except (UnreadableSheetError, SheetRefusedError, SheetMapError) as refused:
            stored.refuse(request, now, refused.sentence)
        else:
            stored.answer(request, now, found, marked)
    return request


def refusal_of(actor: str, at: datetime) -> str | None:
    """Return why an actor may not load a sheet, by the roles at an instant (UTC); None where they may."""
    caller = caller_of(actor, at)
    if caller is None:
        return say("{actor} is not, or no longer, known here", actor=actor or "the sender")
    for act in NEEDED:
        try:
            area = caller.must(act)
        except NotAllowedError as error:
            return error.says
        if not area.everywhere:
            return say("a sheet is loaded by a person whose role has no area: its flats may be anywhere")
    return None


def _carry_out(
    request: Waiting, now: datetime, utility: str, currency: str
) -> tuple[JsonObject, bytes | None]:
    refusal = refusal_of(request.actor, now)
    if refusal is None and request.actor != request.upload.actor:
        refusal = say("it names something outside of the sender's area")
    if refusal is not None:
        raise SheetRefusedError(refusal)
    content = bytes(request.upload.content)
    file = sheet_files.open_file(
        content,
        _map_of(request),
        society=utility,
        today=local_day(now, local_zone()),
        remembered=remembered,
    )
    # Money is neither read nor a fault: it is loaded by a command.
    residents = msgspec.structs.replace(
        file.map, columns={name: heading for name, heading in file.map.columns.items() if name not in MONEY}
    )
    reading = replace(file, map=residents).read()
    report = load_sheet(
        SheetOrder(
            request.upload.file_name,
            request.upload.sha256,
            reading,
            residents,
            now,
            request.actor,
            currency,
            dry_run=request.task != SheetTask.LOAD,
            good_rows=request.good_rows,
            layout=file.layout,
            residents_only=True,
        )
    )
    marked = None
    if report.faults:
        marked = sheet_files.marked(content, file, report.faults, _catalogue(request.language).gettext)
    return _answer(file, report, reading.passed_over), marked


def _map_of(request: Waiting) -> SheetMap | None:
    if request.map is None:
        return None
    try:
        return checked(msgspec.convert(request.map, SheetMap))
    except msgspec.ValidationError as error:
        raise SheetMapError(str(error)) from None


def _answer(file: SheetFile, report: SheetReport, passed_over: dict[str, int]) -> JsonObject:
    return {
        "sheet": file.grid.name,
        "heading": [file.headings.first, file.headings.last],
        "columns": [
            [one.letter, one.heading, one.field, list(one.samples), one.keys]
            for one in sheet_files.shown_columns(file)
        ],
        "map": msgspec.to_builtins(file.map),
        "passed_over": sum(passed_over.values()),
        "rows": report.rows,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "faulty": report.faulty,
        "faults": _plain(report.faults[:_SHOWN]),
        "more": max(len(report.faults) - _SHOWN, 0),
        "operations": report.operations,
    }


def _plain(faults: Sequence[SheetFault]) -> list[list[Any]]:
    return [
        [one.row, one.column, to_plain(one.sentence), to_plain(one.remedy), one.blocking] for one in faults
    ]


@cache
def _catalogue(language: str) -> Any:
    """Return the console's catalogue of a language, by its file: the pipeline imports no page."""
    folder = Path(__file__).parents[1] / "web" / "console" / "locale"
    return translation("django", folder, [language], fallback=True)
