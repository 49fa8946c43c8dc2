"""The history of a service point: operations, events, commands, decisions, payments, notices and work orders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.books import queries as books
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read, write_scope
from urja.apps.meter_types.queries import event_names
from urja.apps.overviews.queries import history
from urja.apps.overviews.queries.history import HistoryEntry, Kind, PageStart
from urja.apps.overviews.queries.registry import ServicePointRow
from urja.core.policy import Reason
from urja.usecases.kinds import BY_KIND
from urja.web.console import wording
from urja.web.console.actor_names import names_of
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats, ledger_words as money_words, notice_words

ROWS: Final = 40

READ_BY_KIND: Final[dict[Kind, Read]] = {
    Kind.OPERATION: Read.AUDIT,
    Kind.EVENT: Read.DEVICE,
    Kind.SWITCH: Read.DEVICE,
    Kind.COMMAND: Read.DEVICE,
    Kind.DECISION: Read.AGREEMENT,
    Kind.PAYMENT: Read.LEDGER,
    Kind.NOTICE: Read.AGREEMENT,
    Kind.WORK: Read.WORK_ORDERS,
}
"""The read that a caller needs to see rows of a kind."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    time: str
    iso: str
    kind: str
    title: str
    detail: str
    href: str
    undo: str
    """Address of the form that undoes the operation; empty if it cannot be undone."""


@dataclass(frozen=True, slots=True)
class Filter:
    kind: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class History:
    """One page of the history, newest first; `older` is the cursor of the next page, empty on the last."""

    kind: str
    """The chosen kind; empty for all."""
    filters: list[Filter]
    lines: list[HistoryRow]
    older: str
    newest: bool


def entry_address(number: str, account_id: int, seq: int) -> str:
    """Return the address of an entry's calculation, with a link back to the service point."""
    return reverse("console:entry", args=[account_id, seq, number])


def history_of(
    place: ServicePointRow, caller: Caller, may: set[Read], now: datetime, kind: str, before: PageStart | None
) -> History:
    """Return the rows the caller may read, newest first; `before` is the cursor (instant and key) to continue after."""
    seen = [one for one in Kind if READ_BY_KIND[one] in may]
    chosen = [one for one in seen if one == kind] or seen
    # One row more than a page tells whether older ones exist. Pages continue after a row, not at an offset, so that the
    # tenth year costs as much as the first.
    found = history.entries(place.id, chosen, now, ROWS + 1, before)
    shown = found[:ROWS]
    names, undoes = _names(shown), caller.area(write_scope("undo")) is not None
    filters = [Filter("", _("All"), chosen == seen)]
    filters += [Filter(one, wording.history_kind(one), chosen == [one]) for one in seen]
    return History(
        kind="" if chosen == seen else kind,
        filters=filters,
        lines=[_row(line, place, now, names, undoes=undoes) for line in shown],
        older=f"{shown[-1].at.isoformat()} {shown[-1].key}" if len(found) > ROWS else "",
        newest=before is None,
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """Names for rows: staff by actor, and events by meter type and code."""

    actors: dict[str, str]
    events: dict[str, dict[int, str]]


def _names(lines: list[HistoryEntry]) -> _Names:
    types = {line.detail["type"] for line in lines if line.kind is Kind.EVENT}
    return _Names(
        names_of({line.detail["actor"] for line in lines if line.kind is Kind.OPERATION}),
        {name: event_names(name) for name in types},
    )


def _row(
    line: HistoryEntry, place: ServicePointRow, now: datetime, names: _Names, *, undoes: bool
) -> HistoryRow:
    title, detail = _ROWS_BY_KIND[line.kind](line, now, names)
    href = ""
    if line.kind is Kind.PAYMENT and line.detail["seq"] is not None:
        href = entry_address(place.consumer_number, line.detail["account_id"], line.detail["seq"])
    return HistoryRow(
        time=moment_of(line.at, now),
        iso=line.at.isoformat(),
        kind=line.kind,
        title=title,
        detail=detail,
        href=href,
        undo=_undo(line) if undoes and line.kind is Kind.OPERATION else "",
    )


def _undo(line: HistoryEntry) -> str:
    done = BY_KIND.get(line.what)
    if done is None or not done.undoable or line.detail["undone_by"] is not None:
        return ""
    return f"{reverse('console:operation', args=['undo'])}?{urlencode({'entry_id': line.detail['id']})}"


type _Words = tuple[str, str]


def _operation(line: HistoryEntry, _now: datetime, names: _Names) -> _Words:
    actor = line.detail["actor"]
    said = _("operation %(number)s by %(actor)s") % {
        "number": line.detail["id"],
        "actor": names.actors.get(actor, actor),
    }
    undone = line.detail["undone_by"]
    return wording.operation(line.what), " · ".join(
        filter(None, (said, _("undone by operation %(number)s") % {"number": undone} if undone else ""))
    )


def _event(line: HistoryEntry, _now: datetime, names: _Names) -> _Words:
    return wording.event(line.what, names.events[line.detail["type"]]), _("meter %(serial)s") % {
        "serial": line.detail["serial"]
    }


def _command(line: HistoryEntry, now: datetime, _names: _Names) -> _Words:
    ended = line.detail["ended_at"]
    state = wording.command_state(line.detail["state"])
    if ended:
        state = _("%(state)s %(moment)s") % {
            "state": state,
            "moment": moment_of(datetime.fromisoformat(ended), now),
        }
    reason = line.detail.get("reason")
    return wording.command(line.what), " · ".join(
        filter(None, (state, wording.past_reason(Reason.from_json(reason)) if reason else ""))
    )


def _decision(line: HistoryEntry, _now: datetime, _names: _Names) -> _Words:
    return wording.account_state(line.what).capitalize(), wording.past_reason(
        Reason.from_json(line.detail["reason"])
    )


def _payment(line: HistoryEntry, _now: datetime, _names: _Names) -> _Words:
    account_id = line.detail["account_id"]
    amount = formats.money(
        line.detail["amount_minor"], books.currencies([account_id])[account_id], signed=True
    )
    waits = "" if line.detail["seq"] is not None else _("not posted yet")
    return f"{money_words.title(line.what)}, {amount}", " · ".join(
        filter(None, (line.detail["reference"], waits))
    )


def _notice(line: HistoryEntry, _now: datetime, _names: _Names) -> _Words:
    return notice_words.title_of(line.what), wording.notice_state(line.detail["state"])


def _work_order(line: HistoryEntry, _now: datetime, _names: _Names) -> _Words:
    return wording.work(line.what), wording.work_state(line.detail["state"])


_ROWS_BY_KIND: Final[dict[Kind, Any]] = {
    Kind.OPERATION: _operation,
    Kind.EVENT: _event,
    Kind.SWITCH: _command,
    Kind.COMMAND: _command,
    Kind.DECISION: _decision,
    Kind.PAYMENT: _payment,
    Kind.NOTICE: _notice,
    Kind.WORK: _work_order,
}
