"""What the functions of the reading side have in common: pages of lists, single things, instants that are asked for."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import structlog
from django.db.models import Model, Q, QuerySet
from msgspec import Meta

from urja.apps.overviews.queries import paging
from urja.apps.overviews.queries.bitemporal import AsOf, NotKnownYetError
from urja.web.api import answers, cursors
from urja.web.api.problems import ProblemError
from urja.web.api.routes import Ask, ListQuery, Query
from urja.web.shared import metrics
from urja.web.shared.clock import zone

log = structlog.get_logger()

Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]


def local(at: datetime | None) -> Any:
    """An instant with the offset of the utility's zone."""
    return None if at is None else at.astimezone(zone())


def page[M: Model, A](
    ask: Ask,
    rows: QuerySet[M],
    shape: Callable[[list[M]], list[A]],
    *,
    key: str = "id",
    newest_first: bool = False,
) -> answers.Page[A]:
    """A page of rows in the order of a key that never changes."""
    found = paging.page(
        rows, ask.query.limit + 1, key=key, after=last_seen(ask, int), newest_first=newest_first
    )
    return page_of(ask, found, shape, lambda row: getattr(row, key))


def last_seen[K](ask: Ask, key: type[K]) -> K | None:
    """The key, of its type, of the last row of the page before; none on the first page."""
    query: ListQuery = ask.query
    return cursors.decode(ask.request.path, query.filters(), query.cursor, key)


def page_of[M, A](
    ask: Ask, found: list[M], shape: Callable[[list[M]], list[A]], key_of: Callable[[M], int | str]
) -> answers.Page[A]:
    """What was found, which is one row more than is asked for where there is a next page."""
    query: ListQuery = ask.query
    shown = found[: query.limit]
    more = len(found) > query.limit
    return answers.Page(
        items=shape(shown),
        next=cursors.encode(ask.request.path, query.filters(), key_of(shown[-1])) if more else None,
    )


def one[M: Model](ask: Ask, rows: QuerySet[M], inside: Q, thing: str) -> M:
    """Return the one row in the area.

    Raises ProblemError, the same for a row that is outside as for one that does not exist; only the first is logged.
    """
    found, exists = paging.one(rows, inside)
    if found is not None:
        return found
    if exists:
        refused(ask)
    raise ask.missing(thing)


def refused(ask: Ask) -> None:
    """Count and log a request for something outside of the caller's area."""
    metrics.REFUSED.inc()
    log.warning("access refused", actor=ask.caller.actor, path=ask.request.path)


ValidAt = Annotated[datetime, Meta(tz=True, description="state at this instant; `known_at` if left out")]
KnownAt = Annotated[datetime, Meta(tz=True, description="by the knowledge of this instant; now if left out")]


class MomentQuery(Query, frozen=True, kw_only=True):
    """The registry as it was."""

    valid_at: ValidAt | None = None
    known_at: KnownAt | None = None


def moment_of(ask: Ask) -> AsOf | None:
    """Return both requested instants; None where the request is about the present.

    Raises ProblemError where `known_at` is in the future.
    """
    query = ask.query
    if query.valid_at is None and query.known_at is None:
        return None
    try:
        return AsOf.asked(query.valid_at, query.known_at, ask.now)
    except NotKnownYetError as error:
        raise ProblemError("bad-request", str(error)) from error
