"""The shape of a route: what a view checks, what the documents say, from one description."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from msgspec import Meta, Struct

from urja.apps.identity.queries.access import Area, Caller
from urja.apps.identity.queries.tokens import TokenRow
from urja.base.untyped_values import JsonObject
from urja.web.api.problems import ProblemError

type Handler = Callable[["Ask"], object]

MOST_AT_ONCE = 200


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No parameters; base of those that have some."""


class ListQuery(Query, frozen=True, kw_only=True):
    """Of a list."""

    cursor: Annotated[str, Meta(description="`next` of the previous page")] = ""
    limit: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE, description="items on a page")] = 50

    def filters(self) -> dict[str, object]:
        """What picks the rows, as a cursor remembers it."""
        own = self.__struct_fields__
        return {name: getattr(self, name) for name in own if name not in {"cursor", "limit"}}


@dataclass(frozen=True, slots=True)
class Route:
    """One method at one address."""

    method: str
    path: str
    """Below `/api/v1`, with the names of its parts in braces: `/consumers/{person_id}`."""
    name: str
    tag: str
    summary: str
    answer: Any
    handler: Handler
    act: str | None
    """Permission that the route needs; None where any token suffices."""
    query: type[Query] = Query
    body: type[Struct] | None = None
    parts: tuple[tuple[str, Any], ...] = (("id", int),)
    """Names and types of the parts in braces."""
    statuses: tuple[str, ...] = ()
    """Kinds of refusal that are its own, beside those that every route has."""
    needs_key: bool = False
    """Whether an Idempotency-Key is asked for."""
    needs_version: bool = False
    """Whether an If-Match is."""
    tagged: bool = False
    """Whether the answer has an ETag, and If-None-Match is looked at."""
    own_session: bool = False
    """Whether a user who is signed in to the portal may read it without a token."""
    accepted: bool = False
    """Whether it may answer 202, and where the answer will be."""
    further: tuple[str, ...] = ()
    """Permissions that it needs as well, because its answer has what they open."""

    @property
    def named_parts(self) -> list[tuple[str, object]]:
        return [(name, kind) for name, kind in self.parts if f"{{{name}}}" in self.path]


@dataclass(slots=True)
class Ask:
    """A request that has passed the checks of its route."""

    route: Route
    request: HttpRequest
    caller: Caller
    token: TokenRow | None
    area: Area
    """Area in which the caller has the route's permission."""
    now: datetime
    query: Any
    parts: JsonObject
    body: bytes = b""
    answer_headers: dict[str, str] = field(default_factory=dict)
    status: int = 200

    @property
    def what(self) -> str:
        """Name of the route, for the record of personal reads."""
        return f"{self.route.method} {self.route.path}"

    def missing(self, thing: str) -> ProblemError:
        return ProblemError("not-found", f"{thing} is not found in your area")
