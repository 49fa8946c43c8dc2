"""Pages of work that is carried out row by row (meter jobs, changes of payment modes): its list, and its rows by their states."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from urja.apps.overviews.queries import paging
from urja.web.console.operation_page import Choice

LINES_AT_ONCE: Final = 50
ROWS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One job or order in the list."""

    title: str
    counts: str
    detail: str
    href: str


@dataclass(frozen=True, slots=True)
class ListPage:
    lines: list[Line]
    begin: list[Choice]
    """What the caller may request, with the forms."""
    before: int | None
    """Number of the last line shown, if there are older ones."""
    instead: tuple[str, ...] = ()
    """Who may request it and what to do, for a caller who may not."""


@dataclass(frozen=True, slots=True)
class StateFilter:
    label: str
    count: int
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    number: int
    named: str
    href: str
    """Address of the service point; empty if the caller may not open it."""
    state: str
    word: str
    detail: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressPage[R: Row]:
    id: int
    title: str
    facts: list[tuple[str, str]]
    filters: list[StateFilter]
    rows: list[R]
    next: str
    """Address of the next rows; empty on the last page."""
    file: str
    """Address of a CSV file; empty where it would be empty."""
    under_way: bool
    stop: str
    """Address of the form that stops what is not done yet; empty where there is nothing to stop or the caller may not."""
    ended: int
    total: int


def newest[M: Model](rows: QuerySet[M], before: int | None) -> tuple[list[M], bool]:
    """Return the newest jobs or orders, those before a number if one is given, and whether there are older ones."""
    found = paging.page(rows, LINES_AT_ONCE + 1, after=before, newest_first=True)
    return found[:LINES_AT_ONCE], len(found) > LINES_AT_ONCE


def rows_of_page[M: Model](rows: QuerySet[M], state: str, after: int | None) -> tuple[list[M], bool]:
    """Return the rows of a page, of one state unless it is empty, and whether more follow."""
    found = paging.page(
        rows.filter(state=state) if state else rows, ROWS_AT_ONCE + 1, key="position", after=after
    )
    return found[:ROWS_AT_ONCE], len(found) > ROWS_AT_ONCE


def filters(
    counts: Mapping[str, int], chosen: str, at: str, in_words: Callable[[str], str]
) -> list[StateFilter]:
    """Return the links to the rows of each state that a row has; all rows are at the address `at`."""
    return [
        StateFilter(_("All"), sum(counts.values()), at, not chosen),
        *(
            StateFilter(in_words(state), count, address(at, state=state), state == chosen)
            for state, count in counts.items()
            if count or state == chosen
        ),
    ]


def counts_in_words(counts: Mapping[str, int], in_words: Callable[[str], str]) -> str:
    """Return how many rows each state has, without states that none has."""
    return ", ".join(f"{count} {in_words(state)}" for state, count in counts.items() if count)


def address(at: str, **parts: object) -> str:
    """Return an address with those parts of a query that are not empty."""
    return f"{at}?{urlencode({name: value for name, value in parts.items() if value})}"


def number_of(text: str) -> int | None:
    """Return a number of an address, or None where it is empty. Raises Http404 for anything else."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Http404
    return int(text)
